# What an extension dials.
GROUPS = {"600": ["101", "102", "103"], "610": ["104", "105"]}
EMERGENCY = ["112", "999"]
NOT_FROM_HERE = ("1550", "1590", "001900")

number, me = req.user, call.account

if number in EMERGENCY:
    dial(f"{number}@line1 | {number}@line2")
    respond(503, "No Line Works")

# Codes: the answer is what the phone shows.
if number.startswith("*72"):
    store.set(f"forward.{me}", number[3:])
    respond(480, f"Forwarded To {number[3:]}")
if number == "*73":
    store.delete(f"forward.{me}")
    respond(480, "Not Forwarded")
if number.startswith("*60"):
    store.set(f"blocked.{number[3:]}", True)
    respond(480, f"Blocked {number[3:]}")
if number.startswith("*80"):
    store.delete(f"blocked.{number[3:]}")
    respond(480, f"Not Blocked {number[3:]}")

if number in GROUPS:
    result = dial(" & ".join([f"{one}@local" for one in GROUPS[number]]), ring=25)
elif len(number) == 3:
    result = dial(f"{number}@local", ring=60)
elif number.startswith(NOT_FROM_HERE):
    respond(403, "Not From Here")
else:
    # The second line when the first one is full, does not answer, or refuses.
    result = dial(f"{number}@line1 | {number}@line2", ring=60)
respond(result.status, result.reason)
