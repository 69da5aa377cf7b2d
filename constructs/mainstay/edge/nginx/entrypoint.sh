#!/bin/sh
# Makes the task's certificate in memory, fills the configuration in, and becomes nginx.
set -eu

: "${APP_ADDRESS:?host:port of the internal load balancer}"
: "${APP_NAME:?the name that its certificate answers to}"
: "${DOMAIN:?the domain whose tenants are served}"
: "${LONGEST_REQUEST_SECONDS:?after which a request is given up}"
# Whose X-Forwarded-For is believed: addresses or ranges, with blanks between. Nobody's by default.
TRUSTED_PROXIES=${TRUSTED_PROXIES:-}
# Requests a second that one task takes: of a tenant; of a client, of its logins, and of what it asks
# about tokens.
# LIMITS=dry-run logs what would be refused and refuses nothing.
TENANT_REQUESTS_PER_SECOND=${TENANT_REQUESTS_PER_SECOND:-500}
CLIENT_REQUESTS_PER_SECOND=${CLIENT_REQUESTS_PER_SECOND:-100}
CLIENT_LOGINS_PER_SECOND=${CLIENT_LOGINS_PER_SECOND:-10}
CLIENT_TOKENS_PER_SECOND=${CLIENT_TOKENS_PER_SECOND:-250}
LIMITS=${LIMITS:-on}
# How long to wait for the mode, which the sidecar writes to $RUN/mode; without, do not wait.
MODE_WAIT_SECONDS=${MODE_WAIT_SECONDS:-0}
# Names that are served beside the domain and its tenants, with blanks between.
OTHER_NAMES=${OTHER_NAMES:-}
# What a machine other than the image may set.
CONF=${CONF:-/etc/nginx/edge}
RUN=${RUN:-/run/edge}
KEYS=${KEYS:-/dev/shm/edge}
ADDRESS=${ADDRESS:-}
PORT=${PORT:-8443}
LISTEN=${LISTEN:-tls}
APP=${APP:-tls}
NGINX=${NGINX:-nginx}
APP_CA=${APP_CA:-/etc/ssl/certs/ca-certificates.crt}
ACCESS_LOG=${ACCESS_LOG:-/dev/stdout}
ERROR_LOG=${ERROR_LOG:-stderr}
RESOLV_CONF=${RESOLV_CONF:-/etc/resolv.conf}
# Name servers as nginx writes them; by default the machine's, all of them: nginx asks in turn.
RESOLVER=${RESOLVER:-}

case "$LISTEN" in tls) SSL=" ssl" ;; plain) SSL= ;;
    *) echo "LISTEN should be tls or plain, got $LISTEN" >&2; exit 2 ;;
esac
case "$APP" in tls | plain) ;;
    *) echo "APP should be tls or plain, got $APP" >&2; exit 2 ;;
esac
case "$LIMITS" in on) LIMITS_DRY_RUN=off ;; dry-run) LIMITS_DRY_RUN=on ;;
    *) echo "LIMITS should be on or dry-run, got $LIMITS" >&2; exit 2 ;;
esac
case "$LONGEST_REQUEST_SECONDS" in *[!0-9]* | [0-4] | 0*)
    echo "LONGEST_REQUEST_SECONDS should be at least 5, got $LONGEST_REQUEST_SECONDS" >&2; exit 2 ;;
esac
# Started by root, nginx would give its workers to a user who may not read $RUN.
USER_LINE=
[ "$(id -u)" != 0 ] || USER_LINE="user root root;"
TRUST=
for proxy in $TRUSTED_PROXIES; do TRUST="${TRUST}set_real_ip_from $proxy; "; done
# Less than the app's balancer keeps an idle connection, which is the longest request.
APP_IDLE_SECONDS=$(((LONGEST_REQUEST_SECONDS + 1) / 2))
ANSWER_MS=$((LONGEST_REQUEST_SECONDS * 1000 * 5 / 6))

# An IPv6 address stands in brackets for nginx, which takes none with a zone (fe80::1%eth0).
if [ -z "$RESOLVER" ] && [ -r "$RESOLV_CONF" ]; then
    RESOLVER=$(awk '$1 == "nameserver" {
        sub(/\r$/, "", $2)
        if ($2 ~ /^[0-9.]+$/ || $2 ~ /^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$/) print $2
        else if ($2 ~ /^[0-9A-Fa-f:.]+$/) print "[" $2 "]"
        else print "name server " $2 " is left out: nginx takes no zone and no name" > "/dev/stderr"
    }' "$RESOLV_CONF" | tr '\n' ' ')
fi
if [ -z "$RESOLVER" ]; then
    RESOLVER=127.0.0.1  # as resolv.conf(5) says where it names none
    echo "no name server in $RESOLV_CONF that nginx can ask: it asks 127.0.0.1" >&2
fi
case "${APP_ADDRESS%:*}" in *.* | *:*) ;;
    *) echo "APP_ADDRESS should be a full name, got $APP_ADDRESS: nginx follows no search list" >&2 ;;
esac

# The load balancer encrypts to the task and does not check who it is; the key never leaves
# memory and dies with the task.
umask 077
mkdir -p "$RUN/temp" "$RUN/conf"
if [ "$LISTEN" = tls ]; then
    mkdir -p "$KEYS"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 \
      -subj "/CN=edge" -keyout "$KEYS/key.pem" -out "$KEYS/certificate.pem" 2>/dev/null
fi

for file in "$CONF"/*.conf; do
    sed -e "s|@APP_ADDRESS@|$APP_ADDRESS|g" -e "s|@APP_NAME@|$APP_NAME|g" \
        -e "s|@APP_CA@|$APP_CA|g" -e "s|@APP_IDLE_SECONDS@|$APP_IDLE_SECONDS|g" \
        -e "s|@ANSWER_MS@|$ANSWER_MS|g" \
        -e "s|@APP@|$APP|g" -e "s|@RESOLVER@|$RESOLVER|g" \
        -e "s|@USER@|$USER_LINE|g" -e "s|@DOMAIN@|$DOMAIN|g" -e "s|@OTHER_NAMES@|$OTHER_NAMES|g" -e "s|@TRUST@|$TRUST|g" \
        -e "s|@LONGEST_REQUEST_SECONDS@|$LONGEST_REQUEST_SECONDS|g" \
        -e "s|@TENANT_REQUESTS_PER_SECOND@|$TENANT_REQUESTS_PER_SECOND|g" \
        -e "s|@CLIENT_REQUESTS_PER_SECOND@|$CLIENT_REQUESTS_PER_SECOND|g" \
        -e "s|@CLIENT_LOGINS_PER_SECOND@|$CLIENT_LOGINS_PER_SECOND|g" \
        -e "s|@CLIENT_TOKENS_PER_SECOND@|$CLIENT_TOKENS_PER_SECOND|g" \
        -e "s|@LIMITS_DRY_RUN@|$LIMITS_DRY_RUN|g" \
        -e "s|@LISTEN_ADDRESS@|${ADDRESS:+$ADDRESS:}$PORT|g" -e "s|@LISTEN@|$LISTEN|g" \
        -e "s|@SSL@|$SSL|g" -e "s|@ACCESS_LOG@|$ACCESS_LOG|g" -e "s|@RUN@|$RUN|g" -e "s|@KEYS@|$KEYS|g" \
        "$file" > "$RUN/conf/${file##*/}"
done

# A task serves in the mode of its Region from its first request on. Where nobody says which, it
# takes no writes: logins go on, and nothing is written that a migration would lose.
waited=0
while [ "$MODE_WAIT_SECONDS" -gt 0 ] && [ ! -e "$RUN/mode" ]; do
    if [ "$waited" -ge "$((MODE_WAIT_SECONDS * 10))" ]; then
        echo "no mode after $MODE_WAIT_SECONDS s: read-only until the sidecar knows better" >&2
        : > "$RUN/read-only"
        break
    fi
    sleep 0.1
    waited=$((waited + 1))
done

binary=$NGINX
unset NGINX # which nginx itself would read as sockets to take over
exec "$binary" -p "$RUN" -c "$RUN/conf/nginx.conf" -e "$ERROR_LOG" -g 'daemon off;'
