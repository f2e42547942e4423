# A call to an extension: its phones, and then where it is forwarded to.
me = call.account
result = dial(f"{me}@local", ring=20)

to = store.get(f"forward.{me}")
if to is not None and to != me:
    log(f"{result.status} {result.reason}: forwarded to {to}")
    if len(to) == 3:
        result = dial(f"{to}@local", ring=40)
    else:
        result = dial(f"{to}@line1 | {to}@line2", ring=40)
respond(result.status, result.reason)
