# The boot of a replica node: attach what survives, then run PostgreSQL from it. Exported before:
# VOLUME_ID, INTERFACE_ID, PART (follower or delayed), DATABASE, CLIENT_RANGES, REPLICATION_SECRET,
# NODES_SECRET, and for the delayed one FOLLOWER_ADDRESS and DELAY_MINUTES.
#
# It runs at every boot and may be cut off anywhere: each step finds out whether it is done. What
# cannot be done within its bound ends in a halt, and the group starts another instance.
set -Eeuo pipefail
trap 'echo "mainstay: boot failed at line $LINENO"; shutdown -h now' ERR

DATA=${DATA:-/data}
PGDATA=$DATA/pgdata
ATTEMPTS=${ATTEMPTS:-180} # of 5 s: a predecessor may need minutes to let go
PAUSE=${PAUSE:-5}
AGAIN=/var/lib/cloud/scripts/per-boot/mainstay.sh # cloud-init runs it at every later boot
OWNER=${OWNER:-postgres} # the system's account, which the packages make

until_done() { # <what> <command...>: try until it succeeds, for a bounded time
  local what=$1 attempt
  shift
  for ((attempt = 0; attempt < ATTEMPTS; attempt++)); do
    if "$@"; then return 0; fi
    sleep "$PAUSE"
  done
  echo "mainstay: gave up on $what"
  return 1
}

identify() {
  local token
  token=$(curl -sfX PUT http://169.254.169.254/latest/api/token \
    -H 'X-aws-ec2-metadata-token-ttl-seconds: 300')
  metadata() { curl -sfH "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }
  INSTANCE_ID=$(metadata instance-id)
  AWS_DEFAULT_REGION=$(metadata placement/region)
  export INSTANCE_ID AWS_DEFAULT_REGION
}

volume_is_ours() {
  local holder
  holder=$(aws ec2 describe-volumes --volume-ids "$VOLUME_ID" \
    --query 'Volumes[0].Attachments[0].InstanceId' --output text)
  [[ $holder == "$INSTANCE_ID" ]] && return 0
  aws ec2 attach-volume --volume-id "$VOLUME_ID" --instance-id "$INSTANCE_ID" \
    --device /dev/sdf >/dev/null && return 1 # asked for: look again
  return 1
}

address_is_ours() {
  local holder
  holder=$(aws ec2 describe-network-interfaces --network-interface-ids "$INTERFACE_ID" \
    --query 'NetworkInterfaces[0].Attachment.InstanceId' --output text)
  [[ $holder == "$INSTANCE_ID" ]] && return 0
  aws ec2 attach-network-interface --network-interface-id "$INTERFACE_ID" \
    --instance-id "$INSTANCE_ID" --device-index 1 >/dev/null && return 1
  return 1
}

mount_volume() {
  # Nitro names a volume by its id; the letter asked for is only a wish.
  DEVICE=${DEVICE:-/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${VOLUME_ID/-/}}
  until_done "the device of $VOLUME_ID" test -e "$DEVICE"
  mkdir -p "$DATA"
  mountpoint -q "$DATA" && return 0
  local found=0
  blkid -p "$DEVICE" >/dev/null || found=$?
  case $found in
    0) ;;                        # it holds what an earlier instance wrote
    2) mkfs.xfs -q "$DEVICE" ;;  # nothing at all was ever written to it
    *) echo "mainstay: cannot tell what $DEVICE holds (blkid: $found)"; return 1 ;;
  esac
  mount -o noatime "$DEVICE" "$DATA"
}

install_postgres() {
  # From the distribution's repository in Amazon S3, through the gateway endpoint.
  rpm -q postgresql17-server >/dev/null || until_done "the packages of PostgreSQL" \
    dnf install -qy postgresql17-server postgresql17-contrib openssl
}

as_postgres() { runuser -u "$OWNER" -- "$@"; }

password_of() { # <secret>
  aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["password"])'
}

prepare_directories() {
  mkdir -p "$DATA/tls"
  chown "$OWNER:" "$DATA" "$DATA/tls"
  [[ -s $DATA/tls/server.crt ]] || as_postgres openssl req -x509 -newkey rsa:3072 -nodes \
    -days 3650 -subj "/CN=mainstay-$PART" \
    -keyout "$DATA/tls/server.key" -out "$DATA/tls/server.crt" 2>/dev/null
  as_postgres chmod 600 "$DATA/tls/server.key"
}

make_cluster() { # once: the volume remembers
  [[ -e $PGDATA/PG_VERSION ]] && return 0
  local fresh=$DATA/pgdata.new
  rm -rf "$fresh"
  if [[ $PART == follower ]]; then
    as_postgres initdb -D "$fresh" --auth=peer --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
      >/dev/null
  else
    until_done "a copy of the follower" copy_of_follower "$fresh"
  fi
  mv "$fresh" "$PGDATA" # whole or not at all
}

copy_of_follower() {
  rm -rf "$1"
  # The slot keeps what the replica has not yet fetched; it outlives this try.
  PGPASSWORD=$(password_of "$REPLICATION_SECRET") as_postgres pg_basebackup -D "$1" -R -X stream -c fast \
    -d "host=$FOLLOWER_ADDRESS user=replicator sslmode=require application_name=delayed"
}

renew() { # asked for by `delayed follow --reclone`: killed anywhere, it begins again
  [[ -e $PGDATA.reclone ]] || return 0
  echo "mainstay: $PART is copied anew"
  rm -rf "$PGDATA"
  make_cluster
  configure
  rm -f "$PGDATA.reclone"
}

configure() {
  as_postgres tee "$PGDATA/mainstay.conf" >/dev/null <<CONF
listen_addresses = '*'
ssl = on
ssl_cert_file = '$DATA/tls/server.crt'
ssl_key_file = '$DATA/tls/server.key'
password_encryption = 'scram-sha-256'
wal_level = logical
track_commit_timestamp = on
max_wal_senders = 20
max_replication_slots = 20
max_logical_replication_workers = 12
max_worker_processes = 24
# A replica that is gone must not fill the volume: past this it is copied anew.
max_slot_wal_keep_size = '${SLOT_KEEP:-32GB}'
# Whoever looks for a mistake reads here what the delayed replica has received and not replayed.
wal_keep_size = '${LOG_KEEP:-16GB}'
archive_mode = off
CONF
  if [[ $PART == delayed ]]; then
    as_postgres tee -a "$PGDATA/mainstay.conf" >/dev/null <<CONF
recovery_min_apply_delay = '${DELAY_MINUTES}min'
hot_standby = on
hot_standby_feedback = off # an hour-old snapshot would keep the follower from vacuuming
max_standby_streaming_delay = -1 # whoever looks for lost rows is not interrupted
primary_slot_name = 'delayed'
CONF
  fi
  grep -q "^include 'mainstay.conf'" "$PGDATA/postgresql.conf" ||
    echo "include 'mainstay.conf'" | as_postgres tee -a "$PGDATA/postgresql.conf" >/dev/null
  {
    echo "local all $OWNER peer"
    for range in $CLIENT_RANGES; do
      echo "hostssl replication replicator $range scram-sha-256"
      echo "hostssl all all $range scram-sha-256"
    done
  } | as_postgres tee "$PGDATA/pg_hba.conf" >/dev/null
}

start() {
  local unit=${UNITS:-/etc/systemd/system}/postgresql.service.d
  mkdir -p "$unit"
  # Whoever is superuser there may end it, and it starts again; with `renew` before it.
  cat >"$unit/mainstay.conf" <<UNIT
[Service]
Environment=PGDATA=$PGDATA
Restart=always
RestartSec=3
TimeoutStartSec=infinity
ExecStartPre=
ExecStartPre=+$AGAIN renew
UNIT
  systemctl daemon-reload
  systemctl enable postgresql
  systemctl restart postgresql
  until_done "PostgreSQL" as_postgres pg_isready -q
}

make_roles() { # on the follower; the delayed replica has them from there
  [[ $PART == follower ]] || return 0
  local REPLICATION NODES # through the environment: arguments can be read by everybody
  REPLICATION=$(password_of "$REPLICATION_SECRET")
  NODES=$(password_of "$NODES_SECRET")
  export REPLICATION NODES
  as_postgres psql -qAtX -v ON_ERROR_STOP=1 -d postgres -v database="$DATABASE" >/dev/null <<'SQL'
\getenv replication REPLICATION
\getenv nodes NODES
SELECT 'CREATE ROLE replicator' WHERE NOT EXISTS
  (SELECT FROM pg_roles WHERE rolname = 'replicator') \gexec
ALTER ROLE replicator LOGIN REPLICATION PASSWORD :'replication';
SELECT 'CREATE ROLE mainstay' WHERE NOT EXISTS
  (SELECT FROM pg_roles WHERE rolname = 'mainstay') \gexec
ALTER ROLE mainstay LOGIN SUPERUSER PASSWORD :'nodes';
SELECT format('CREATE DATABASE %I OWNER mainstay', :'database') WHERE NOT EXISTS
  (SELECT FROM pg_database WHERE datname = :'database') \gexec
SELECT pg_create_physical_replication_slot('delayed', true) WHERE NOT EXISTS
  (SELECT FROM pg_replication_slots WHERE slot_name = 'delayed');
SQL
}

boot() {
  [[ $0 -ef $AGAIN ]] || install -m 700 "$0" "$AGAIN"
  identify
  until_done "volume $VOLUME_ID" volume_is_ours
  until_done "interface $INTERFACE_ID" address_is_ours
  mount_volume
  install_postgres
  prepare_directories
  renew
  make_cluster
  configure
  start
  make_roles
  echo "mainstay: $PART is up"
}

case ${MAINSTAY_SOURCED:-}${1:-} in
  '') boot ;;
  renew) # before every start of PostgreSQL
    identify
    renew
    ;;
esac
