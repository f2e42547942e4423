"""Alerts: what somebody has to know, once, again every hour, and when it is over; and how it gets to them."""
