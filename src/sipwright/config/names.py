"""Names of settings, in the file and in the environment, and which one is meant by one that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pydantic import BaseModel

__all__ = ["advice", "names_in", "unknown_variable", "variables_of"]

PREFIX = "SIPWRIGHT_"

_NO_SETTINGS = frozenset({"SIPWRIGHT_DATA", "SIPWRIGHT_NO_NATIVE", "SIPWRIGHT_TRACEBACK"})
"""Variables that are read, but are none of the settings of a data folder."""

_OF_A_SERVICE = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes, and links of Docker, put into every container beside a service that is named ``sipwright``."""


def variables_of(model: type[BaseModel]) -> set[str]:
    """Return the names that the settings of `model` have in the environment: of sections, and of what is in them."""
    names = set()
    for section in model.model_fields:
        names.add(f"{PREFIX}{section}".upper())
        names |= {f"{PREFIX}{section}__{name}".upper() for name in names_in(model, section)}
    return names


def unknown_variable(environment: Mapping[str, str], model: type[BaseModel]) -> str | None:
    """Say of the first variable that looks like a setting and is none which one may be meant."""
    known = variables_of(model)
    for name in sorted(name for name in environment if name.upper().startswith(PREFIX)):
        upper = name.upper()
        if "__".join(upper.split("__")[:2]) in known | _NO_SETTINGS:  # what follows is inside of a table
            continue
        right = next((one for one in known if one.replace("__", "_") == re.sub("_+", "_", upper)), None)
        if right:
            return f"environment variable {name} has no effect; its name is {right}"
        if not _is_of_a_service(upper.removeprefix(PREFIX), environment[name]):
            bare = (one.removeprefix(PREFIX) for one in known)
            return f"environment variable {name} is not a setting; {advice(upper.removeprefix(PREFIX), bare, PREFIX)}"
    return None


def names_in(model: type[BaseModel], section: str) -> Iterable[str]:
    """Return the names of a section; what stands above all sections has none."""
    annotation = model.model_fields[section].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields
    return ()


def advice(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Say what to do about a name that is not known; `prefix` is what all of them begin with, as written."""
    close = get_close_matches(name, list(known), 1, 0.65)
    return f"did you mean {prefix}{close[0]}?" if close else "correct its name or remove it"


def _is_of_a_service(name: str, value: str) -> bool:
    is_address = name.endswith("PORT") and re.match(r"(tcp|udp|sctp)://", value)
    return bool(is_address or _OF_A_SERVICE.fullmatch(name))
