#!/bin/sh
# Makes the task's certificate in memory, fills the configuration in, and becomes nginx.
set -eu

: "${APP_ADDRESS:?host:port of the internal load balancer}"
: "${APP_NAME:?the name that its certificate answers to}"
: "${DOMAIN:?the domain whose tenants are served}"
: "${LONGEST_REQUEST_SECONDS:?after which a request is given up}"
# What a machine other than the image may set.
TEMPLATE=${TEMPLATE:-/etc/nginx/edge/nginx.conf.template}
RUN=${RUN:-/run/edge}
KEYS=${KEYS:-/dev/shm/edge}
PORT=${PORT:-8443}
NGINX=${NGINX:-nginx}
APP_CA=${APP_CA:-/etc/ssl/certs/ca-certificates.crt}
RESOLVER=${RESOLVER:-$(awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)}

# The load balancer encrypts to the task and does not check who it is; the key never leaves
# memory and dies with the task.
umask 077
mkdir -p "$KEYS" "$RUN/temp"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 \
  -subj "/CN=edge" -keyout "$KEYS/key.pem" -out "$KEYS/certificate.pem" 2>/dev/null

sed -e "s|@APP_ADDRESS@|$APP_ADDRESS|g" -e "s|@APP_NAME@|$APP_NAME|g" \
    -e "s|@DOMAIN@|$DOMAIN|g" -e "s|@LONGEST_REQUEST_SECONDS@|$LONGEST_REQUEST_SECONDS|g" \
    -e "s|@RUN@|$RUN|g" -e "s|@KEYS@|$KEYS|g" -e "s|@PORT@|$PORT|g" \
    -e "s|@APP_CA@|$APP_CA|g" -e "s|@RESOLVER@|$RESOLVER|g" \
    "$TEMPLATE" > "$RUN/nginx.conf"

exec "$NGINX" -p "$RUN" -c "$RUN/nginx.conf" -e stderr -g 'daemon off;'
