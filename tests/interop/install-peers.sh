#!/bin/sh
# Installs the Debian packages of the real peers that the tests talk to. Without root or sudo it says what is missing
# and succeeds: the tests that lack a peer are then skipped and named.
set -u

missing=""
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -x "$1" ] || missing="$missing $2"
}
PATH="$PATH:/usr/sbin:/sbin"
need sipp sip-tester
need baresip baresip-core
need linphonec linphone-cli
need kamailio kamailio
need /usr/share/kamailio/postgres kamailio-postgres-modules
need faketime faketime
need ssh openssh-client
need plink putty-tools
need chromium chromium
need prometheus prometheus
need npm npm
need dnsmasq dnsmasq-base
need nats-server nats-server
need nft nftables
need stun stun-client
need turnutils_stunclient coturn
need node nodejs
need mariadbd mariadb-server-core
need mariadb-dump mariadb-client
# It brings Galera, and the scripts by which a server gets the data of another one.
need wsrep_sst_rsync mariadb-server
need ip iproute2
need curl curl
need patroni patroni
need etcd etcd-server
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
# What the Node.js that Playwright brings is linked with.
ls /usr/lib/*/libatomic.so.1 >/dev/null 2>&1 || missing="$missing libatomic1"

[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "Not installed, and not allowed to install:$missing (as root: apt-get install$missing)"
    exit 0
fi
command -v apt-get >/dev/null 2>&1 || { echo "Not installed, and no apt-get here:$missing"; exit 0; }
echo "Installing$missing ..."
log=$(mktemp)
if $as_root env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; then
    rm -f "$log"
else
    tail -n 5 "$log" >&2
    echo "Could not install$missing; see $log" >&2
fi
exit 0
