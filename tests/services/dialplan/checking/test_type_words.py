"""What the type checker refuses is told with what to write instead."""

import pytest

from sipwright.services.dialplan import check_script


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ('await dial("bob@local")', "without await"),
        ('async def f():\n    log(1)\n\nf()', "write def without async"),
        ('dial("bob@local", timeout=20)', "write ring="),
        ('dial("bob@local", callerid="1")', "write from_user="),
        ('dial("bob@local", rng=20)', "did you mean ring?"),
        ('dial("bob@local", zzz=20)', "dial() takes target, ring"),
        ('dial("bob@local", 30)', "dial(..., ring=...)"),
        ('http_get("http://a.example", timeout=5)', "4 seconds"),
        ('dial("bob@local", ring="20")', "write 20, without quotes"),
        ('sleep("5")', "write 5, without quotes"),
        ('respond(486, 5)', 'write "5", with quotes'),
        ('respond("busy")', "the number comes first"),
        ('dial("bob@local", headers=["X: 1"])', 'write {"Name": "value"}'),
        ('if dial("bob@local"):\n    log(1)', "only if nobody answered"),
        ('req.headers["X"] = "1"', "dial(..., headers="),
        ('req.user = "300"', "dial() rings whom you name"),
        ('store["x"] = 1', "store.set(key, value)"),
        ('dial(req.user + 1)', "str()"),
        ('dial = "bob@local"\ndial(dial)', "give what you named dial another name"),
        ('dial("bob@local[dely=5]")', "did you mean delay?"),
        ('dial("bob@local[zzz=5]")', "a leg takes delay"),
        ('dial("bob@local[delay=5")', "ends with ]"),
        ('dial("bob@local, alice@local")', "write & between legs"),
        ('dial("bob@local && alice@local")', "one & or | is enough"),
        ('dial("{req.user}@local")', "put f before the quotes"),
        ('dial("PJSIP/101")', "write 101@local"),
        ('dial(bob@local)', "stands in quotes"),
        ('+dial("bob@local")', "leave out the + and -"),
        ('n = 0\ndef f():\n    n += 1\nf()', "write 'global n'"),
        ('log(req.number)', "write req.user"),
        ('import sys\nsys.exit()', "exit() ends a script"),
        ('import threading', "both at once"),
        ('if DIALSTATUS == "BUSY":\n    log(1)', "result.status"),
        ('[[rule]]\nto = "bob@local"', "dialplan rules set"),
    ],
)  # fmt: skip
def test_what_to_write_instead(source, instead):
    assert instead in check_script(source)[0].message
