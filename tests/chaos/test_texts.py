"""What of a text is a fault."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sipwright.sip import Request, Response

from .ledger import Ledger
from .texts import Text, Texts


class Heard:
    """A text that has come to a phone."""

    def __init__(self, call_id: str) -> None:
        headers = [("From", "<sip:oa@sip.test>;tag=a"), ("Call-ID", call_id), ("CSeq", "1 MESSAGE")]
        self.request = Request("MESSAGE", "sip:pa@sip.test", headers, b"text 0")
        self.statuses: list[int] = []

    def open(self, user: object) -> None:
        """Begin its transaction."""

    def respond(self, status: int) -> None:
        """Note what the phone answers."""
        self.statuses.append(status)


@pytest.fixture
def texts() -> Texts:
    load: Any = SimpleNamespace(ledger=Ledger(), options=SimpleNamespace(seed=1))
    made = Texts(load, [])
    made._texts.append(Text(0, "oa", "pa", 0.0))
    return made


def take(texts: Texts, call_id: str) -> list[int]:
    """Let a text come, and return what the phone says to it at once."""
    heard: Any = Heard(call_id)
    texts.take(None, heard)  # type: ignore[arg-type]
    return heard.statuses


async def test_a_text_that_comes_again_under_its_identity_is_shown_once(texts: Texts):
    assert [take(texts, "one"), take(texts, "one")] == [[], [482]]
    assert texts._load.ledger.lost == 0


async def test_one_that_comes_again_as_another_one_is_a_fault(texts: Texts):
    take(texts, "one")
    take(texts, "two")

    assert "was shown again" in texts._load.ledger.report()
    assert texts._load.ledger.lost == 1


@pytest.mark.parametrize(("status", "shown", "faults"), [(200, 1, 0), (200, 0, 1), (408, 0, 1), (480, 1, 1)])
async def test_its_sender_hears_what_is_so(texts: Texts, status: int, shown: int, faults: int):
    for _ in range(shown):
        take(texts, "one")
    texts._judge(texts._texts[0], Response(status))

    assert texts._load.ledger.lost == faults
