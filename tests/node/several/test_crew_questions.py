"""What a worker asks all others at once."""

import asyncio
from types import SimpleNamespace

import pytest

from sipwright.node.several import crew_questions
from sipwright.node.several.crew_questions import CrewQuestions

NAMES = ("one", "two", "three")


@pytest.fixture
async def crew():
    """Three workers; what each answers is in `knows`, and who hears nothing in `deaf`."""
    knows, deaf, workers = dict.fromkeys(NAMES), set(), {}

    def worker(name):
        async def answer(what):
            return None if knows[name] is None else {what: knows[name]}

        def tell(kind, said, to=None):
            for other in workers.keys() - {name} - deaf:
                if to in (None, other):
                    take = {"asked": workers[other].asked, "answer": workers[other].answered}[kind]
                    take(name, *said)

        return CrewQuestions([other for other in NAMES if other != name], tell, answer)

    workers.update({name: worker(name) for name in NAMES})
    yield SimpleNamespace(knows=knows, deaf=deaf, **workers)
    for each in workers.values():
        each.close()


async def test_a_question_is_answered_when_all_others_have(crew):
    crew.knows.update(one=1, two=2, three=3)

    assert await crew.one.ask("calls") == {"two": {"calls": 2}, "three": {"calls": 3}}


async def test_questions_of_several_are_told_apart(crew):
    crew.knows.update(one=1, two=2, three=3)
    first, second = await asyncio.gather(crew.one.ask("calls"), crew.one.ask("legs"))

    assert (first["two"], second["two"]) == ({"calls": 2}, {"legs": 2})


@pytest.mark.parametrize("is_deaf", [True, False])
async def test_who_says_nothing_in_time_is_not_waited_for(crew, monkeypatch, is_deaf):
    """It is being started again, or has failed to do what was asked for."""
    monkeypatch.setattr(crew_questions, "PATIENCE", 0.05)
    crew.knows.update(two=2)
    if is_deaf:
        crew.deaf.add("three")

    assert await crew.one.ask("calls") == {"two": {"calls": 2}}


async def test_an_answer_that_comes_too_late_is_nobodys(crew):
    crew.knows.update(two=2, three=3)
    crew.one.answered("two", 1, {"calls": 1})

    assert await crew.one.ask("calls") == {"two": {"calls": 2}, "three": {"calls": 3}}
