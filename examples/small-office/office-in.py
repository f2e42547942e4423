# A call to an extension: its phones, and then where it is forwarded to.
from plans.common import way_to

me = call.account
result = dial(f"{me}@local", ring=20)

to = store.get(f"forward.{me}")
if to is not None and to != me:
    log(f"{result.status} {result.reason}: forwarded to {to}")
    result = dial(way_to(to), ring=40)
respond(result.status, result.reason)
