"""How each operation of REST is asked, whatever it does: what it does not know is told, and nothing is passed over.

Who asks comes first; then the query, the conditions (RFC 9110 §13) and the body, which is read as RFC 8259 has it
(`json_body.py`). FastAPI does the rest, and afterwards a representation that the client has already is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args, get_origin

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from sipwright.usecases.etags import is_among, is_named
from sipwright.web.api.identity import actor_of, documented
from sipwright.web.api.json_body import parsed
from sipwright.web.problems import Problem

__all__ = ["check_query", "resource"]

MOST_TOLD, LONGEST_NAME = 20, 100
"""Of what is wrong with a query."""

_NO_CONTENT = (204, 304)
_NOTHING = (b"", b"{}", b"null")
"""Bodies that say nothing, where none is read."""


def resource(prefix: str = "", *, tags: list[str]) -> APIRouter:
    """Make the router of a resource."""
    return APIRouter(prefix=prefix, tags=[*tags], route_class=_Route)


def check_query(connection: HTTPConnection, known: Mapping[str, bool]) -> None:
    """Look at the names in a query.

    Args:
        connection: Who asks.
        known: What can be asked for, and whether more than once.

    Raises:
        Problem: Something is not known, which would be all of a list for a mistyped filter; or it is there twice.
    """
    given = connection.query_params
    strangers = (name[:LONGEST_NAME] for name in given if name not in known)
    errors = [_wrong(name, _unknown(name, known)) for name in islice(strangers, MOST_TOLD)]
    errors += [
        _wrong(name, "it is there more than once, and only one can be meant")
        for name, many in known.items()
        if not many and len(given.getlist(name)) > 1
    ]
    errors += [
        _wrong(name, "there is no text with NUL in it")
        for name, value in given.multi_items()
        if "\0" in value
    ]
    if errors:
        raise Problem(422, f"{errors[0]['field']}: {errors[0]['message']}", errors=errors[:MOST_TOLD])


def _unknown(name: str, known: Mapping[str, bool]) -> str:
    if nearest := get_close_matches(name, known, 1):
        return f"there is no such parameter; did you mean {nearest[0]!r}?"
    return f"there is no such parameter; there {'are ' + ', '.join(sorted(known)) if known else 'is none'}"


def _wrong(field: str, message: str) -> dict[str, Any]:
    return {"field": field, "line": None, "message": message}


class _Asked(Request):
    """A request whose body has been read already."""

    said: Any = None

    async def json(self) -> Any:
        return self.said


class _Route(APIRoute):
    """One operation."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        parts = list(_flat(self.dependant))
        query = {one.alias: _is_list(one) for part in parts for one in part.query_params}
        headers = {one.alias.lower() for part in parts for one in part.header_params}
        is_walled = any(part.call is documented for part in parts)

        async def handler(request: Request) -> Response:
            asked = _Asked(request.scope, request.receive)
            if is_walled:
                await actor_of(asked)
            check_query(asked, query)
            _check_conditions(asked, headers)
            await self._read(asked)
            return _fresh(asked, await inner(asked))

        return handler

    async def _read(self, asked: _Asked) -> None:
        """Read the body.

        Raises:
            Problem: It is not what is read here.
        """
        body = await asked.body()
        if self.body_field is not None and body:
            asked.said = parsed(body, asked.headers.get("content-type"))
        elif self.body_field is None and asked.method != "GET" and body.strip() not in _NOTHING:
            said = "nothing is read from a body here; leave it out"
            raise Problem(422, said, errors=[_wrong("body", said)])


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _flat(inner)


def _is_list(parameter: Any) -> bool:
    hint = parameter.field_info.annotation
    return any(get_origin(one) is list for one in (hint, *get_args(hint)))


def _check_conditions(asked: Request, taken: set[str]) -> None:
    """Refuse a condition that nobody would look at: whoever gave it relies on it."""
    if asked.method == "GET":
        return
    for name in ("If-Match", "If-None-Match"):
        if name.lower() in taken:
            continue
        given = asked.headers.get(name)
        if given is not None and (name, given.strip()) != ("If-Match", "*"):
            said = f"nothing here is compared with {name}; leave it out"
            raise Problem(422, said, errors=[_wrong(name, said)])


def _fresh(asked: Request, response: Response) -> Response:
    """Return the answer, without what the client has already, and without what describes a body where there is none."""
    etag = response.headers.get("etag", "").strip('"')
    if asked.method == "GET" and response.status_code == 200:
        wanted = _all_of(asked, "if-match")
        if wanted is not None and not (is_named(etag, wanted) if etag else wanted.strip() == "*"):
            raise Problem(
                409, "this is not what If-Match names", headers={"ETag": f'"{etag}"'} if etag else {}
            )
        known = _all_of(asked, "if-none-match")
        if etag and known is not None and is_among(etag, known):
            response = Response(status_code=304, headers={"ETag": f'"{etag}"'})
    if response.status_code in _NO_CONTENT:  # RFC 9110 §8.6, §15.3.5
        for name in ("content-type", "content-length"):
            if name in response.headers:
                del response.headers[name]
    return response


def _all_of(asked: Request, name: str) -> str | None:
    """Return what all lines of a header say together (RFC 9110 §5.3)."""
    lines = asked.headers.getlist(name)
    return ", ".join(lines) if lines else None
