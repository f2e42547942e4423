"""Going on and back in a long list."""

from types import SimpleNamespace

import pytest

from sipwright.web.pages import pager as module
from sipwright.web.pages.pager import Pager


class Shown:
    """What stands in the row of buttons, and what the list was asked for."""

    def __init__(self, monkeypatch):
        self.buttons, self.where, self.asked = {}, SimpleNamespace(said=""), []
        monkeypatch.setattr(module, "tag", self.tag)
        monkeypatch.setattr(module, "button", self.button)
        monkeypatch.setattr(module, "text", lambda where, said: setattr(where, "said", said))
        self.pager = Pager(50, self.load)
        self.pager.build("Pages of things", "Back", "Next")

    def tag(self, name, *_, **__):
        if name != "nav":
            return self.where
        self.room = MayHold()
        return self.room

    def button(self, label, press, *, again):
        assert again, "who turns twice wants two pages"
        self.buttons[label] = SimpleNamespace(press=press, props={})
        return self.buttons[label]

    async def load(self):
        """Two full pages, and a third of seven."""
        cursor = self.pager.cursor
        self.asked.append(cursor)
        shown, following = {None: (50, "b"), "b": (50, "c"), "c": (7, None)}[cursor]
        self.pager.tell(shown, following)

    def can(self):
        return [label for label, button in self.buttons.items() if not button.props["disabled"]]


class MayHold:
    """An element that others are put into."""

    def __init__(self):
        self.props = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture
def shown(monkeypatch):
    return Shown(monkeypatch)


async def test_it_goes_on_to_the_last_page_and_back_to_the_first(shown):
    seen = []
    await shown.load()
    for label in ("Next", "Next", "Next", "Back", "Back", "Back"):
        seen.append((shown.where.said, shown.can()))
        await shown.buttons[label].press()

    assert seen == [
        ("1 to 50", ["Next"]), ("51 to 100", ["Back", "Next"]), ("101 to 107", ["Back"]), ("101 to 107", ["Back"]),
        ("51 to 100", ["Back", "Next"]), ("1 to 50", ["Next"]),
    ]  # fmt: skip
    assert shown.asked == [None, "b", "c", "b", None]


async def test_another_list_begins_at_its_first_page(shown):
    await shown.load()
    await shown.buttons["Next"].press()
    shown.pager.rewind()
    await shown.load()

    assert (shown.asked[-1], shown.where.said, shown.can()) == (None, "1 to 50", ["Next"])


def test_where_nothing_is_nothing_is_counted(shown):
    shown.pager.tell(0, None)

    assert (shown.where.said, shown.can()) == ("", [])


def test_a_list_of_one_page_has_no_buttons(shown):
    shown.pager.tell(7, None)
    assert shown.room.props["hidden"] is True
    shown.pager.tell(50, "b")

    assert shown.room.props["hidden"] is False
