#!/bin/sh
# Sets up the office of docs/small-office.md in the data folder ($SIPWRIGHT_DATA, else ./data). Change what is named here.
set -e
: "${SIPWRIGHT_DATA:=$PWD/data}" "${DOMAIN:=office.example}"
: "${LINE1:=sip.line1.example}" "${LINE1_USER:=35315550100}" "${LINE1_PASSWORD:=change-me}"
: "${LINE2:=203.0.113.1}" "${LINE2_NETWORK:=203.0.113.0/29}"
export SIPWRIGHT_DATA
cd "$(dirname "$0")"

sipwright init --domain "$DOMAIN"

# The dialplans come first, as the extensions and the lines name them; and before those what they share.
for plan in common office-out office-in office-lines; do
    sipwright dialplan set "$plan" "$plan.py"
done
sipwright account import extensions.csv
sipwright account members office $(seq 101 120) 701 702  # the keys of all phones by one address

# A line that wants to be registered with, and one that knows us by our address. Each has so many channels, and shows its
# own number.
sipwright provider add line1 --server "$LINE1" --username "$LINE1_USER" --password "$LINE1_PASSWORD" --register \
    --in office-lines --calls 4 --from-uri "sip:35315550100@$LINE1"
sipwright provider add line2 --server "$LINE2" --from "$LINE2_NETWORK" \
    --in office-lines --calls 2 --from-uri "sip:35315550200@$LINE2"
