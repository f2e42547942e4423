"""The file of settings that ``sipwright init`` writes: all that can be set, commented out, with what it means."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["write_settings"]


def write_settings(path: Path, domain: str, database: str | None) -> None:
    """Write the file, unless there is one; `database` is a URL in place of the embedded one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        text = _TEMPLATE.replace("DOMAIN", domain)
        if database is not None:
            text = text.replace(_DEFAULT_DATABASE, f"url = {json.dumps(database)}\n")
        file.write(text)


_DEFAULT_DATABASE = """\
url = "sqlite:///sipwright.db"    # relative to this folder; or "postgresql://USER:PASSWORD@HOST/NAME", "mysql://..."
"""

_TEMPLATE = """\
# The settings of Sipwright. What is commented out shows the default.
# Each one is also an environment variable, which wins: SIPWRIGHT_SIP__UDP='["127.0.0.1:5070"]'

[sip]
# Where to listen: lists of IP:PORT, [] switches a transport off. IPv6 in brackets: "[::]:5060".
udp = ["0.0.0.0:5060"]
tcp = ["0.0.0.0:5060"]
# tls = []                        # such as ["0.0.0.0:5061"]; also needed to reach providers with ";transport=tls"
# ws = []                         # WebSockets of browsers, without TLS: best behind a proxy on this machine
# wss = []                        # WebSockets with TLS, such as ["0.0.0.0:5063"]

# What is shown over TLS (PEM, with the certificates that lead to the authority). 'init' has made one that nobody
# vouches for: phones have to be told to take it. Files that change are read again at once. docs/tls.md tells more.
# certificate = "sip-certificate.pem"
# key = "sip-key.pem"
# certificates = []               # more, for who asks for their names: [{certificate = "FILE", key = "FILE"}]
# authorities = ""                # a file of authorities that providers' certificates may be of, beside the system's
# client_authorities = ""         # a file of authorities that clients are asked for certificates of
# origins = []                    # sites whose pages may open WebSockets, such as "https://phone.example.org", "*" for
                                  # any; those at our own names always may

# The SIP domains served here; the first one is the default. The machine's own addresses are served too.
domains = ["DOMAIN"]

# The address at which the outside reaches this machine, if it stands behind NAT itself.
# public_address = "203.0.113.7"

# No script, redirect or stranger has the switch send SIP to loopback, link-local or private addresses, or to its own:
# there it reaches providers, registered phones, and whoever calls from there, where he comes from. These networks are
# exceptions; a switch that listens on 127.0.0.1 alone may also send to the rest of 127.0.0.0/8.
# networks = []                   # such as "192.168.0.0/16"

# What holds the way to phones behind NATs open, over UDP, every 25 s: "empty" datagrams, "options", or nothing ("off").
# 'sipwright account set NAME --keep-alive' says otherwise of one.
# keep_alive = "off"

# Calls of one account in progress, in each direction.
# calls_per_account = 500

# Registrations: bindings per account, and how long one lasts, in seconds.
# max_bindings = 10
# min_expires = 60
# max_expires = 3600
# nat_expires = 120               # for phones behind NAT, over UDP

# A server that says nothing at all to a call for so many seconds is dead: the next one is tried. 0 waits 32 s.
# answer_within = 4.0

# Calls to these numbers wait for no server that is known to be dead, 2 s for another one, and no limit refuses them.
# emergency = ["112", "911", "999", "000", "110", "119"]

# Seconds after which every answered call is ended, whatever its dialplan says; 0 is never.
# longest_call = 14400.0

# Session timers (RFC 4028): for how many seconds an answered call goes on without a refresh, which is sent at half the
# time, and the least that others may want. Phones that know none are asked every probe seconds whether they are there.
# 0 switches either off.
# session_expires = 1800
# min_se = 90
# probe = 900.0

# The DNS server that is asked for the servers of providers and domains; without it those of the system.
# dns = "192.0.2.53:53"

# Who may call in from outside: "anyone", or only "trunks": the providers of whoever is called. Accounts always may.
# accept = "anyone"

[policy]
# Who may ask for what beyond calling: "phones" of accounts here, "trunks" (providers), "strangers"; 'sipwright policy'
# shows it.
# refer = ["phones"]              # to have the switch call somebody else
# redirect = ["phones", "trunks", "strangers"]
# replace = ["phones"]            # to take the place of an end of a call
# message = ["phones", "trunks", "strangers"]
# subscribe = ["phones"]
# domains = {}                    # for accounts of one, such as { "example.org" = { message = ["phones"] } }
# providers = {}                  # for one, such as { blueface = { refer = true } }

[stun]
# Where STUN is answered, besides on the UDP addresses of SIP. Two addresses of this machine with another port each make
# four sockets, which 'sipwright nat-check' can tell more with.
# listen = []                     # such as "192.0.2.1:3478", "192.0.2.2:3479"

[database]
url = "sqlite:///sipwright.db"    # relative to this folder; or "postgresql://USER:PASSWORD@HOST/NAME", "mysql://..."
# synchronous = "normal"          # SQLite: "full" also survives a power cut, at one disk sync per commit
# accounts_in_memory = 250000     # beyond that, accounts are loaded when they are needed

[cluster]
# Several switches on one PostgreSQL or MariaDB database: give each a name (node = "..." above all sections) and a data
# folder of its own with the same sipwright.key. docs/two-servers.md tells more.
# edge = ""                       # where the others reach this one: "10.0.0.1:5060"; the first of udp, if not 0.0.0.0
# host = ""                       # its name in the DNS, for 'sipwright dns': the node's, before the domain
# public = []                     # its addresses there: ["203.0.113.10"]; public_address, or where it listens
# priority = 10                   # nodes of the lowest number are tried first
# weight = 50                     # its share of the phones among those
# nats = ""                       # "nats://10.0.0.3:4222": pages hear of other nodes at once, not 0.2 s later
# lost_after = 10.0               # seconds (2 to 300) after which a node that says nothing is lost: another one has its
                                  # calls then; its open transactions are taken back after half of that, or 5 s

[run]
# workers = 1                     # processes that share the ports, one for each core at most; 'sipwright run --workers'

[dialplan]
# workers = 2                     # scripts that compute for long at once; of plain ones 8 times as many, each in a
                                  # process of its own that is started when it is needed
# seconds = 2.0                   # of computing, for one run of a script
# memory = 67108864               # bytes, for one run of a script
# dials = 20                      # calls of dial() in one run
# total_seconds = 300.0           # of waiting and computing, for one run
# http_requests = 10              # http_get() and http_post() in one run; then lookups = 50, store_calls = 100,
                                  # sleeps = 300, emails = 3, messages = 5 and callbacks = 3
# recycle = 10000                 # activations of scripts after which a worker is replaced
# fast_path = true                # speak to the workers of plain scripts directly, and do without them where a script
                                  # only compares and dials, which takes less CPU; when false, all scripts go
                                  # through the sandbox's own library
# user_runs = 200                 # of all scripts of one user at once; 'sipwright user set' changes it for one of them
# user_runs_per_minute = 600      # of all scripts of one user
# user_seconds_per_minute = 60.0  # of computing, of all scripts of one user on all workers
# http_networks = []              # private networks that scripts may reach, such as "10.1.0.0/16"
# enum_zones = ["e164.arpa"]      # where enum_lookup() may look numbers up: these zones, and those below them

[mail]
# server = ""                     # takes the mails of scripts, and those to who has forgotten a password; without one
                                  # there are none
# port = 587
# security = "starttls"           # starttls, tls, none
# username = ""
# password = ""
# sender = ""                     # the From of these mails

[trace]
# calls = "scripted"              # whose SIP messages are kept for 'sipwright trace': scripted, all, off
# days = 7.0                      # for how long
# megabytes = 500                 # and no more than this, compressed

[retention]
# How many days what is over is kept; 0 is for ever. What goes on is never touched.
# cdrs = 365.0                    # call detail records
# executions = 30.0               # runs of dialplans with their journals: 'sipwright trace' and 'dialplan replay'
# versions = 365.0                # versions of dialplans that are not live and that no kept run names;
                                  # the newest ten of each stay
# audit = 365.0                   # who has changed what

[monitor]
# every = 10.0                    # seconds between two looks at each part of the switch, of which the status page has
                                  # graphs; 0 for none
# alerts = []                     # who is told when something is wrong: "mailto://user:password@example.org",
                                  # "json://host/hook", and a hundred more kinds: https://appriseit.com/services
# alerts_per_hour = 12            # messages at most; what comes on top of that is told together

[login]
# tries_per_name = 10             # failed log-ins, by all faces together, before no more is looked at
# tries_per_address = 20
# tries_minutes = 5.0             # for so long, from the first one on
# session_hours = 24.0            # a session ends so long after it was last used,
# session_days = 30.0             # and so long after its log-in at the latest

[guard]
# per_stranger = 3000.0           # messages a second from one address of which nobody is known, four seconds of them
                                  # at once; 0 is no limit
# all_strangers = 4000.0          # of all of them together, from where on each may send less
# per_known = 5000.0              # over the flow of a registered phone, or from a provider
# allow = []                      # networks that are never counted and never banned, such as ["10.0.0.0/8"]
# bans = true                     # whether whoever guesses passwords or looks for users is banned; see 'sipwright ban'
# ban_minutes = 10.0              # for so long the first time, and then for longer
# region = ""                     # the country that users dial from, such as "IE"; "" for that of their time zone
# money_per_day = 50.0            # what a user may spend a day at providers with rates; 0 is no limit
# unusual_calls = "hold"          # calls unlike all others of their user: "hold" until confirmed, only "tell", or "off"

[web]
# listen = "127.0.0.1:8080"       # the pages and REST; "" for none. For others than this machine: "0.0.0.0:8080", best
                                  # with the next two, or behind a proxy
# certificate = ""                # files (PEM) that make it HTTPS
# key = ""
# trusted_proxies = []            # networks whose X-Forwarded-For, -Proto and -Prefix are believed
# prefix = ""                     # where the proxy has the pages below a path, such as "/sipwright"
# metrics_from = ["127.0.0.0/8", "::1/128"]   # who may read /metrics without a token
# public_status = false           # whether everybody may see the status page
# connections = 2000              # at once; beyond that idle ones are closed, and then new ones refused
# signup = "closed"               # who may sign up: nobody, "open": everybody, "invite": whoever has a code, of the
                                  # page of users or 'sipwright user invite'
# public_url = ""                 # the address of the pages for links in mails, such as "https://sip.example.org"

[ssh]
# listen = "127.0.0.1:2222"       # the console, as in: ssh -p 2222 admin@127.0.0.1; "" for none
# clients = 20                    # connections at once, counted before anything is computed for them; those beyond
                                  # are closed
# clients_per_address = 2         # of one address

[log]
# level = "info"                  # debug, info, warning, error
# format = "text"                 # text, json
"""
