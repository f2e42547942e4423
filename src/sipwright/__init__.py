"""Sipwright: a programmable SIP switch."""
