"""Texts that faces send, and what came of those that have a key."""

import pytest

from sipwright.control.protocol import ControlError
from sipwright.node.texts_sent import TextsSent


class Phone:
    """Who is to say whether a text was taken."""

    def __init__(self):
        self.texts = []

    def send(self, tell):
        self.texts.append(tell)


@pytest.fixture
def phone():
    return Phone()


async def test_a_key_sends_one_text_and_tells_what_came_of_that_one(phone):
    texts = TextsSent()

    first, is_first_repeated = texts.begin((1, "k"), "hello", phone.send)
    again, is_repeated = texts.begin((1, "k"), "hello", phone.send)
    phone.texts[0](True)

    assert (len(phone.texts), is_first_repeated, is_repeated) == (1, False, True)
    assert (await first, await again) == (True, True)
    assert texts.begin((1, "k"), "hello", phone.send)[0].result() is True


async def test_what_has_no_key_or_another_one_is_sent_each_time(phone):
    texts = TextsSent()
    for key in (None, None, (1, "k"), (2, "k"), (1, "l")):
        texts.begin(key, "hello", phone.send)

    assert (len(phone.texts), len(texts)) == (5, 3)


async def test_a_key_is_good_for_one_text_alone(phone):
    texts = TextsSent()
    texts.begin((1, "k"), "hello", phone.send)
    with pytest.raises(ControlError) as refused:
        texts.begin((1, "k"), "good-bye", phone.send)

    assert (refused.value.kind, len(phone.texts)) == ("conflict", 1)


async def test_what_nobody_has_taken_may_be_sent_again(phone):
    texts = TextsSent()
    refused, _ = texts.begin((1, "k"), "hello", phone.send)
    phone.texts[0](False)
    phone.texts[0](True)  # which is said once
    again, is_repeated = texts.begin((1, "k"), "hello", phone.send)

    assert (refused.result(), again.done(), is_repeated, len(phone.texts)) == (False, False, False, 2)


async def test_the_oldest_keys_make_room(phone):
    texts = TextsSent(most=2)
    for key in ("a", "b", "c"):
        texts.begin((1, key), "hello", phone.send)
    texts.begin((1, "c"), "hello", phone.send)
    texts.begin((1, "a"), "hello", phone.send)

    assert (len(texts), len(phone.texts)) == (2, 4)


async def test_a_text_that_cannot_be_begun_leaves_its_key_unused(phone):
    texts = TextsSent()
    with pytest.raises(ZeroDivisionError):
        texts.begin((1, "k"), "hello", lambda tell: 1 / 0)

    assert texts.begin((1, "k"), "hello", phone.send)[1] is False
