"""Jobs of small scripts, computed in place as if a worker had taken the script before."""

from __future__ import annotations

from sipwright.services.dialplan import Call, DialResult, Inputs, LegResult, Limits
from sipwright.services.dialplan.sandbox.inplace.in_place import InPlace
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.program import Program

AT = 1_000.0
NOBODY = DialResult(False, 486, "Busy Here", [LegResult("a@local", 486, "Busy Here", 1.0)], 1.5)


def inputs_with(user="300", name="J\u00f6rg", agent="Phone/1.0", active=2):
    return Inputs.of(
        Call("c1", "out", "alice", "root", "out", active, provider=None), method="INVITE",
        uri=f"sip:{user}@example.org", user=user, host="example.org", from_name=name, from_user="alice",
        from_host="elsewhere.example", to="sip:300@example.org", source="192.0.2.1", user_agent=agent,
        headers=[("X-Colour", "red"), ("Subject", "x")],
    )  # fmt: skip


def job_of(source, inputs=None, modules=()):
    text = Program("out", source, modules)
    return Job(text, 1, print, AT, "seed", text.needed(inputs or inputs_with()))


def knowing(job, limits=None):
    """What computes in place, and has learnt that a worker takes the script of a job."""
    place = InPlace(limits or Limits())
    place.learn(job.program)
    return place


def in_place(source, inputs=None, limits=None, modules=()):
    job = job_of(source, inputs, modules)
    return knowing(job, limits).compute(job, lambda: AT)


def going_on(source, waiting, answer=NOBODY, modules=()):
    """The job of a script that has waited, and is told what has come of it."""
    job = job_of(source, None, modules)
    job.continuation, job.answer = waiting.continuation, answer
    return job


def continued(source, waiting, answer=NOBODY, modules=()):
    """How a script that has waited goes on in place."""
    job = going_on(source, waiting, answer, modules)
    return knowing(job).compute(job, lambda: AT)
