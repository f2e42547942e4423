"""What a caller hears at the end of a script."""

import pytest

from sipwright.services.dialplan import DialResult, Respond
from sipwright.services.dialplan.execution.ending import Ending, of_failure, of_script
from sipwright.services.dialplan.sandbox.result import Completed, Failed, Kind

BUSY = DialResult(False, 486, "Busy Here", [], 3.0)
TALKED = DialResult(True, 200, "OK", [], 60.0)


def test_what_the_script_says_is_what_the_caller_hears():
    said = Respond(302, "Moved", (("Contact", "<sip:a@b>"),))

    assert of_script(Completed(said, 4, []), BUSY) == Ending(
        302, "Moved", said.headers, "line 4 answered 302 Moved"
    )
    assert of_script(Completed(Respond(404, None), 1, []), None).sentence == "line 1 answered 404"


@pytest.mark.parametrize(
    ("last", "status", "sentence", "is_relayed"),
    [
        (BUSY, 486, "nobody answered: 486 Busy Here", True),
        (TALKED, 480, "the script came to its end", False),
        (None, 480, "the script came to its end", False),
    ],
)
def test_a_script_that_says_nothing_leaves_it_to_its_last_dial(last, status, sentence, is_relayed):
    ending = of_script(Completed(None, None, []), last)

    assert (ending.status, ending.sentence, ending.is_relayed) == (status, sentence, is_relayed)


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.ERROR, 500), (Kind.BUDGET, 500), (Kind.QUOTA, 480), (Kind.OVERLOAD, 503)]
)
def test_a_failure_has_a_reason_that_is_one_quoted_string(kind, status):
    ending = of_failure(Failed(kind, 'line 2: KeyError: "a\\b"'), "out")

    text = f"SIP;cause={status};text=\"dialplan out: line 2: KeyError: 'a/b'\""
    later = (("Retry-After", "10"),) if status == 503 else ()
    assert (ending.status, ending.reason, ending.headers) == (status, None, (("Reason", text), *later))
    assert ending.sentence == 'line 2: KeyError: "a\\b"'
