"""What the resources share: how pages of lists are asked for, and etags."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from urllib.parse import quote

from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel

from sipwright.usecases.page import MOST, USUAL

__all__ = [
    "NOT_MODIFIED", "Cursor", "Filter", "IfMatch", "IfNoneMatch", "Limit", "OfAccount", "OnceKey", "Parts", "Whose",
    "Wish", "changed", "created", "tagged",
]  # fmt: skip

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many there are on a page.")]
Cursor = Annotated[str | None, Query(description="`next` of the page before.", max_length=500)]
Filter = Annotated[str | None, Query(description="A part of what is listed.", max_length=200)]
Whose = Annotated[
    str | None, Query(description="Whose, where an admin means somebody else's.", max_length=100)
]
OfAccount = Annotated[str | None, Query(max_length=300)]
Parts = Annotated[
    bool,
    Query(description="Each part of a call, or each record of it, by itself; `call` is what they share."),
]

OnceKey = Annotated[
    str | None,
    Header(description="Makes sure that a request that is sent twice is done once.", max_length=200),
]


def _all_lines(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(description="The ETag of what is to change: 409 if it has changed.", max_length=1000),
    ] = None,
) -> str | None:
    return None if if_match is None else ", ".join(request.headers.getlist("if-match"))


IfMatch = Annotated[str | None, Depends(_all_lines)]
"""What all lines of that name say together (RFC 9110 §5.3)."""

IfNoneMatch = Annotated[
    str | None, Header(description="`*` makes sure that nothing is there yet: 409 if it is.", max_length=1000)
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is what `If-None-Match` names."}}
"""What the document says of things that have an ETag."""

USUALLY = USUAL


class _Wish(TypedDict):
    user: str | None
    q: str | None
    limit: int
    cursor: str | None


def _wish(user: Whose = None, q: Filter = None, limit: Limit = USUALLY, cursor: Cursor = None) -> _Wish:
    return {"user": user, "q": q, "limit": limit, "cursor": cursor}


Wish = Annotated[_Wish, Depends(_wish)]
"""Which page of a list that everybody has some of: whose, with what in it, how long, and after which."""


def tagged(response: Response, view: Any, etag: str | None = None) -> Any:
    """Return what is shown, with its etag in the header of that name."""
    response.headers["ETag"] = f'"{etag or view.etag}"'
    return view


def created(request: Request, response: Response, view: Any, name: str) -> Any:
    """Return what was made, with its place below this collection."""
    response.headers["Location"] = f"{request.url.path}/{quote(name)}"
    return tagged(response, view)


def changed(given: BaseModel, empty: dict[str, Any]) -> dict[str, Any]:
    """Return what is to change: of what is null, the value that takes it away.

    Args:
        given: The body of a PATCH.
        empty: What stands for null, by field; fields that are not here cannot be taken away, and stay.
    """
    fields = {name: getattr(given, name) for name in given.model_fields_set}
    return {name: empty.get(name) if value is None else value for name, value in fields.items()}
