"""Problems as RFC 9457 has them: `application/problem+json` with what is wrong and what to do about it."""

from __future__ import annotations

import http
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

__all__ = ["MEDIA_TYPE", "Problem", "problem"]

MEDIA_TYPE = "application/problem+json"

Header = tuple[bytes, bytes]


class Problem(Exception):
    """An answer that says what is wrong: `errors` has one entry for each field, `headers` go out with it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def problem(
    status: int,
    detail: str,
    errors: Iterable[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> tuple[list[Header], bytes]:
    """Return the header lines and the body of an answer."""
    said: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if found := [dict(error) for error in errors]:
        said["errors"] = found
    body = orjson.dumps(said)
    head = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    head += [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()
    ]
    return head, body
