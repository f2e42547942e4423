# A call that one of the lines brings: `req.user` is the number that was dialled, `call.provider` the line.
from plans.common import QUEUES, blocked, by_a_line, is_extension, is_open, wait_in_queue

RECEPTION = "101@local & 102@local[delay=5] & 103@local[delay=10]"
MOBILE = "0871234567"

if store.get(blocked(req.from_user)):
    respond(603, "Decline")

# Each extension has a number of its own: 353 1 5550 101 to 120.
extension = req.user[-3:]
if is_extension(extension):
    result = dial(f"{extension}@local", ring=60)
    respond(result.status, result.reason)

# So has the queue: whoever waited in vain is sent on like the others.
if extension in QUEUES:
    wait_in_queue(QUEUES[extension])
elif is_open():
    dial(RECEPTION, ring=30)
dial(by_a_line(MOBILE), ring=30)
respond(480, "Nobody Is Here")
