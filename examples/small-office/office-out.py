# What an extension dials.
from plans.common import EMERGENCY, GROUPS, QUEUES, SLOTS, blocked, by_a_line, is_extension, wait_in_queue

NOT_FROM_HERE = ("1550", "1590", "001900")

number, me = req.user, call.account

if number in EMERGENCY:
    dial(by_a_line(number))
    respond(503, "No Line Works")

# Codes: the answer is what the phone shows.
if number == "*72":
    to = store.get(f"forward.{me}")
    respond(480, "Not Forwarded" if to is None else f"Forwarded To {to}")
if number.startswith("*72"):
    store.set(f"forward.{me}", number[3:])
    respond(480, f"Forwarded To {number[3:]}")
if number == "*73":
    store.delete(f"forward.{me}")
    respond(480, "Not Forwarded")
if number.startswith("*60") and len(number) > 3:
    store.set(blocked(number[3:]), True)
    respond(480, f"Blocked {number[3:]}")
if number.startswith("*80") and len(number) > 3:
    store.delete(blocked(number[3:]))
    respond(480, f"Not Blocked {number[3:]}")
if number.startswith("*8"):
    pick_up(number[2:])
    respond(480, "Nothing Rings There")
if number.startswith("*9") and is_extension(number[2:]):
    # The intercom: the phone answers by itself.
    by_itself = {
        "Call-Info": "<sip:intercom>;answer-after=0",
        "Alert-Info": "<sip:intercom>;info=alert-autoanswer",
    }
    result = dial(f"{number[2:]}@local", ring=10, headers=by_itself)
    respond(result.status, result.reason)
if number.startswith("*"):
    respond(404, "No Such Code")

# A slot where a call waits: the transfer key sends one there, and whoever dials it has the one that waits.
if number in SLOTS:
    if not pick_up(number):
        park(number, seconds=60)
    respond(486, "Another Call Waits There")

if number in QUEUES:
    wait_in_queue(QUEUES[number])
    respond(480, "Nobody Is Free")

if number in GROUPS:
    result = dial(" & ".join([f"{one}@local" for one in GROUPS[number]]), ring=25)
elif is_extension(number):
    result = dial(f"{number}@local", ring=60)
elif number.startswith(NOT_FROM_HERE):
    respond(403, "Not From Here")
else:
    result = dial(by_a_line(number), ring=60)
respond(result.status, result.reason)
