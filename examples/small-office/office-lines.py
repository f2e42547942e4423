# A call that one of the lines brings: `req.user` is the number that was dialled, `call.provider` the line.
HOLIDAYS = ["01-01", "03-17", "12-24", "12-25", "12-26"]
RECEPTION = "101@local & 102@local[delay=5] & 103@local[delay=10]"
MOBILE = "0871234567"

if store.get(f"blocked.{req.from_user}"):
    respond(603, "Decline")

# Each extension has a number of its own: 353 1 5550 101 to 120.
if "101" <= req.user[-3:] <= "120":
    result = dial(f"{req.user[-3:]}@local", ring=60)
    respond(result.status, result.reason)

time = now("Europe/Dublin")
is_holiday = f"{time.month:02}-{time.day:02}" in HOLIDAYS
if time.weekday() < 5 and 9 <= time.hour < 17 and not is_holiday:
    dial(RECEPTION, ring=30)
dial(f"{MOBILE}@line1 | {MOBILE}@line2", ring=30)
respond(480, "Nobody Is Here")
