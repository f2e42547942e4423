"""Phones and providers as a test speaks of them."""

from __future__ import annotations

import pytest

from sipwright.testing.answers import Answers
from sipwright.testing.behaviour import Behaviour
from sipwright.testing.phones import Party


@pytest.mark.parametrize(
    ("said", "behaviours"),
    [
        (lambda bob: bob.busy(), [Behaviour(486)]),
        (lambda bob: bob.rings(3).busy(), [Behaviour(486, after=3.0, rings=True)]),
        (lambda bob: bob.plays(3).busy(), [Behaviour(486, after=3.0, plays=True)]),
        (lambda bob: bob.answers(after=5), [Behaviour(200, after=5.0, rings=True)]),
        (lambda bob: bob.answers(talks=9), [Behaviour(200, talks=9)]),
        (
            lambda bob: bob.rings(2).answers(after=1, talks=9),
            [Behaviour(200, after=3.0, rings=True, talks=9)],
        ),
        (lambda bob: bob.declines(), [Behaviour(603)]),
        (lambda bob: bob.unavailable(), [Behaviour(480)]),
        (lambda bob: bob.responds(404, "Who?", after=1), [Behaviour(404, "Who?", after=1.0)]),
        (lambda bob: bob.redirects("sip:a@b"), [Behaviour(302, redirect="sip:a@b")]),
        (lambda bob: bob.unreachable(), [Behaviour(503, "Unreachable")]),
        (lambda bob: bob.unregistered(), [Behaviour(480, is_registered=False)]),
        (lambda bob: bob.silent(), [Behaviour(0)]),
        (lambda bob: bob.rings(), [Behaviour(0, rings=True)]),
        (lambda bob: bob.does("rings 5 then 200"), [Behaviour(200, after=5.0, rings=True)]),
        (
            lambda bob: bob.busy().then.rings(2).answers(),
            [Behaviour(486), Behaviour(200, after=2, rings=True)],
        ),
        (lambda bob: bob.busy().declines(), [Behaviour(603)]),
    ],
)
def test_each_sentence_is_a_behaviour(said, behaviours):
    answers = Answers()
    said(Party(answers, "bob@local"))

    assert answers.get("bob@local") == behaviours
