"""How what goes wrong inside becomes an answer: one handler for each kind of error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sipwright.usecases.errors import (
    Changed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Throttled,
    Unauthenticated,
    Unavailable,
    UseCaseError,
    said_to,
    without_command,
)
from sipwright.web.problems import MEDIA_TYPE, Problem, problem

__all__ = ["answer", "answer_of", "install_handlers"]

_DETAILS = {
    404: "there is nothing at {path}; /api/v1/docs lists what there is",
    405: "{method} cannot be asked of {path}; the header Allow has what can",
}

_STATUSES: list[tuple[type[Exception], int]] = [
    (NotFound, 404),
    (Forbidden, 403),
    (Invalid, 422),
    (Conflict, 409),
    (Changed, 409),
    (Refused, 409),
    (Unauthenticated, 401),
    (Throttled, 429),
    (Unavailable, 503),
    (UseCaseError, 409),
]

_WORDS = {
    "extra_forbidden": "there is no such field; /api/v1/docs has those that there are",
    "missing": "it is missing",
    "model_attributes_type": "a JSON object is wanted, such as the example in /api/v1/docs",
    "model_type": "a JSON object is wanted, such as the example in /api/v1/docs",
}


def install_handlers(app: FastAPI) -> None:
    """Let every error of an application be answered in one form."""
    app.add_exception_handler(Problem, _known)
    app.add_exception_handler(UseCaseError, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _fault)


def answer(
    status: int,
    detail: str,
    errors: Iterable[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer."""
    head, body = problem(status, detail, errors, headers)
    response = Response(body, status, media_type=MEDIA_TYPE)
    response.raw_headers = head
    return response


async def _known(_request: Request, error: Exception) -> Response:
    return answer_of(error)


def answer_of(error: Exception) -> Response:
    """Make the answer to what a use case, or something before it, has refused."""
    if isinstance(error, Problem):
        return answer(error.status, error.detail, error.errors, error.headers)
    errors: list[dict[str, Any]] = []
    headers: dict[str, str] = {}
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    match error:
        case Invalid(fields=fields):
            errors = [
                {"field": one.field, "line": one.line, "message": without_command(one.message)}
                for one in fields
            ]
        case Conflict(field=str(field)):
            errors = [{"field": field, "line": None, "message": said_to(error)}]
        case Throttled(retry_after=seconds) | Unavailable(retry_after=seconds):
            headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        case Changed(etag=str(etag)):
            headers["ETag"] = f'"{etag}"'
        case Unauthenticated():
            headers["WWW-Authenticate"] = 'Bearer realm="sipwright"'
    return answer(status, said_to(error), errors, headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # which FastAPI says of a body that is no text
        said = "the body is not JSON: it is not UTF-8"
        return answer(422, said, [{"field": None, "line": None, "message": said}])
    shown = _DETAILS.get(error.status_code)
    path = request.url.path[:200]
    detail = shown.format(path=path, method=request.method) if shown else str(error.detail)
    return answer(error.status_code, detail, headers=error.headers)


async def _fault(_request: Request, _error: Exception) -> Response:
    return answer(500, "something is wrong with the server; its log says what")


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_field_error(one, request) for one in error.errors()[:100]]
    where = errors[0]["field"] if errors else None
    said = (
        f"{where}: {errors[0]['message']}" if where else (errors[0]["message"] if errors else "wrong input")
    )
    return answer(422, said, errors)


def _field_error(found: Mapping[str, Any], request: Request) -> dict[str, Any]:
    kind, *place = found["loc"]
    line = None
    if found["type"] == "json_invalid":
        reason = (found.get("ctx") or {}).get("error", "it cannot be read")
        return {"field": None, "line": None, "message": f"the body is not JSON: {reason}"}
    field = ".".join(str(part) for part in place) or (None if kind == "body" else str(kind))
    message = _WORDS.get(found["type"]) or str(found["msg"]).removeprefix("Value error, ")
    if found["type"] == "extra_forbidden" and (nearest := _nearest(str(place[-1]), request)):
        message = f"there is no such field; did you mean {nearest!r}?"
    return {"field": field, "line": line, "message": message[:1].lower() + message[1:]}


def _nearest(name: str, request: Request) -> str | None:
    """Return the field of a request's body that was meant, perhaps."""
    body = getattr(request.scope.get("route"), "body_field", None)
    hint = None if body is None else body.field_info.annotation
    models = [one for one in (hint, *get_args(hint)) if isinstance(one, type) and issubclass(one, BaseModel)]
    known = [field.alias or named for model in models for named, field in model.model_fields.items()]
    return next(iter(get_close_matches(name[:100], known, 1)), None)
