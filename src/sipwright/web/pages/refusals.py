"""How a refusal reads on the pages before the door: a sentence, and at which field it stands."""

from __future__ import annotations

from sipwright.usecases.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Throttled,
    Unauthenticated,
    Unavailable,
    UseCaseError,
)
from sipwright.web.pages.format import plural, sentence
from sipwright.web.pages.plain import Answer

__all__ = ["faults_of", "refusal_of"]

_STATUSES = ((Unauthenticated, 401), (Forbidden, 403), (Conflict, 409), (Invalid, 422))


def refusal_of(error: UseCaseError) -> tuple[str, Answer]:
    """Return what is said to who is not let in, and the head of the response that says it."""
    if isinstance(error, Throttled):
        wait = max(1, round(error.retry_after))
        said = f"Too many attempts. Wait {_while(wait)}, then try again."
        return said, (429, {"Retry-After": str(wait)})
    if isinstance(error, Unavailable):
        return f"{sentence(error.outside)} Try again in a moment.", (503, {"Retry-After": "2"})
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
    return sentence(str(error)), (status, {})


def faults_of(error: UseCaseError, names: dict[str, str]) -> dict[str, str]:
    """Return what is wrong by field; `names` are those of the form for those of the use case."""
    if not isinstance(error, Invalid):
        return {}
    return {
        names[one.field or ""]: sentence(one.message) for one in error.fields if (one.field or "") in names
    }


def _while(seconds: int) -> str:
    return plural(seconds, "second") if seconds < 100 else plural(round(seconds / 60), "minute")
