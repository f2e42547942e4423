"""`/dialplans`: scripts with versions, which are checked, tried and replayed before they are live."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from sipwright.usecases.dialplans import (
    DialplanView,
    Diff,
    Problem,
    Replay,
    ReplayWish,
    RunView,
    Try,
    TryWish,
    VersionView,
)
from sipwright.web.api.common import (
    NOT_MODIFIED,
    USUALLY,
    Cursor,
    IfMatch,
    IfNoneMatch,
    Limit,
    Whose,
    Wish,
    tagged,
)
from sipwright.web.api.identity import Asking, Uses
from sipwright.web.api.models import Given, Instant, Listing, model_of
from sipwright.web.api.route import resource

__all__ = ["router"]

router = resource("/dialplans", tags=["dialplans"])

WEEK = 7 * 86_400.0
LONGEST = 1_000_000

Shown: Any = model_of(DialplanView)
Detail: Any = create_model(
    "DialplanDetail", __base__=Shown, source=(str, ...), used_by=(list[str], ...), warnings=(list[str], [])
)
Version: Any = model_of(VersionView)
Run: Any = model_of(RunView)
Tried: Any = model_of(Try)
Replayed: Any = model_of(Replay)
Compared: Any = model_of(Diff)

Source = Annotated[str, Field(max_length=LONGEST, description="A script in Python.")]


class Script(Given):
    """A script."""

    source: Source


class CheckedScript(Script):
    """A script, and which dialplan it is to be: it may import the others of the same user."""

    name: str | None = Field(None, max_length=64)


Mistake: Any = model_of(Problem, "ScriptProblem")


class Checked(BaseModel):
    """What is wrong with a script: nothing that is certain, when it is `ok` and may be saved."""

    model_config = ConfigDict(from_attributes=True)

    ok: bool
    problems: list[Mistake]


class WantedVersion(Given):
    """Which version is to be live; by default the one before."""

    version: int | None = Field(None, ge=1, le=2**31 - 1)


class TriedCall(Given):
    """A call to try a script on, in the words of `sipwright dialplan try`; without `source` on the live version."""

    source: Source | None = None
    from_: str = Field("alice", alias="from", max_length=300)
    to: str = Field("300", max_length=300)
    direction: Literal["out", "in"] = "out"
    answers: list[Annotated[str, Field(max_length=300)]] = Field([], max_length=100)
    effects: list[Annotated[str, Field(max_length=2000)]] = Field([], max_length=100)
    in_plans: list[Annotated[str, Field(max_length=300)]] = Field([], max_length=100)
    at: str | None = Field(None, max_length=40)
    gives_up: float | None = Field(None, ge=0, le=86_400)
    headers: dict[str, str] = Field({}, max_length=50)
    active: int = Field(0, ge=0, le=1_000_000)
    provider: str | None = Field(None, max_length=100)


class WantedReplay(Given):
    """Which recorded calls go through a script, without `source` the live one; by default those of last week."""

    source: Source | None = None
    since: Instant | None = None
    limit: int = Field(10_000, ge=1, le=100_000)


@router.get("", response_model=Listing[Shown])
async def list_dialplans(actor: Asking, uses: Uses, wish: Wish) -> Any:
    """List dialplans by name, with their last run and how many failed of late."""
    return await uses.dialplans.list(actor, **wish)


@router.post("/check", response_model=Checked)
async def check_script(actor: Asking, uses: Uses, given: CheckedScript, user: Whose = None) -> Any:
    """Say what is wrong with a script, and save nothing."""
    problems = await uses.dialplans.check(actor, given.source, name=given.name, user=user)
    return {"ok": not any(one.certain for one in problems), "problems": problems}


@router.get("/{name}", response_model=Detail, responses=NOT_MODIFIED)
async def get_dialplan(
    actor: Asking, uses: Uses, name: str, response: Response, user: Whose = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Any:  # fmt: skip
    """Show a dialplan, live or in an older version."""
    return _detail(response, await uses.dialplans.get(actor, name, version=version, user=user))


@router.put("/{name}", response_model=Detail)
async def put_dialplan(
    actor: Asking, uses: Uses, name: str, given: Script, response: Response, user: Whose = None,
    if_match: IfMatch = None, if_none_match: IfNoneMatch = None,
) -> Any:  # fmt: skip
    """Check a script and make it live; what is wrong with it is told with its lines, and nothing is saved."""
    saved = await uses.dialplans.put(
        actor, name, given.source, user=user, if_match=if_match, if_none_match=if_none_match
    )
    return _detail(response, saved)


@router.delete("/{name}", status_code=204)
async def remove_dialplan(
    actor: Asking, uses: Uses, name: str, user: Whose = None, if_match: IfMatch = None
) -> None:
    """Remove a dialplan that nothing runs."""
    await uses.dialplans.remove(actor, name, user=user, if_match=if_match)


@router.get("/{name}/versions", response_model=Listing[Version])
async def list_versions(
    actor: Asking, uses: Uses, name: str, user: Whose = None, limit: Limit = USUALLY, cursor: Cursor = None
) -> Any:
    """List the versions of a dialplan, the newest first."""
    return await uses.dialplans.versions(actor, name, user=user, limit=limit, cursor=cursor)


@router.get("/{name}/diff", response_model=Compared)
async def compare_versions(
    actor: Asking, uses: Uses, name: str, old: Annotated[int, Query(ge=1, le=2**31 - 1)],
    new: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None, user: Whose = None,
) -> Any:  # fmt: skip
    """Compare two versions, or one with what is live."""
    return await uses.dialplans.diff(actor, name, old, new, user=user)


@router.get("/{name}/runs", response_model=Listing[Run])
async def list_runs(
    actor: Asking, uses: Uses, name: str, user: Whose = None, limit: Limit = USUALLY, cursor: Cursor = None
) -> Any:
    """List the runs of a dialplan, the newest first."""
    return await uses.dialplans.runs(actor, name, user=user, limit=limit, cursor=cursor)


@router.post("/{name}/rollback", response_model=Shown)
async def roll_back(
    actor: Asking,
    uses: Uses,
    name: str,
    response: Response,
    given: WantedVersion | None = None,
    user: Whose = None,
    if_match: IfMatch = None,
) -> Any:
    """Make an older version live again."""
    version = given.version if given else None
    live = await uses.dialplans.rollback(actor, name, version, user=user, if_match=if_match)
    return tagged(response, live)


@router.post("/{name}/try", response_model=Tried)
async def try_script(
    actor: Asking, uses: Uses, name: str, given: TriedCall | None = None, user: Whose = None
) -> Any:
    """Try a script without a phone."""
    wanted = (given or TriedCall.model_validate({})).model_dump()
    source = wanted.pop("source")
    wish = TryWish(**{**wanted, "headers": tuple(wanted["headers"].items())})
    return await uses.dialplans.try_call(actor, wish, name=name, source=source, user=user)


@router.post("/{name}/replay", response_model=Replayed)
async def replay_calls(
    actor: Asking, uses: Uses, name: str, given: WantedReplay | None = None, user: Whose = None
) -> Any:
    """Run recorded calls through a script, and show which of them would have gone elsewhere."""
    wanted = given or WantedReplay.model_validate({})
    since = time.time() - WEEK if wanted.since is None else wanted.since
    wish = ReplayWish(since, wanted.limit)
    return await uses.dialplans.replay(actor, name, wish, source=wanted.source, user=user)


def _detail(response: Response, found: Any) -> Any:
    tagged(response, found.dialplan)
    shown = {name: getattr(found.dialplan, name) for name in found.dialplan.__dataclass_fields__}
    same = ("version", "source", "used_by", "warnings")
    return {**shown, **{name: getattr(found, name) for name in same}}
