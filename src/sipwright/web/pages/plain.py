"""Pages that are plain HTML: those before the door, so that a stranger costs no page that is kept, and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs

from nicegui import __version__ as VERSION
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sipwright.web.pages.layout import head_html
from sipwright.web.pages.signs import BRAND
from sipwright.web.visitors import prefix_of

__all__ = ["Answer", "Entry", "door_page", "form", "plain_page", "typed_into"]

_LONGEST = 8_192
"""Bytes of a form that somebody fills in by hand."""

_STORY = """if call.active > 4:
    respond(486, "Busy Here")

number = e164(req.user, region="IE")
dial(f"{number}@blueface &amp; mobile@local", ring=25)
respond(480, "Nobody is available")"""

Answer = tuple[int, Mapping[str, str]]
"""The status of a response, and what else its head says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a form before the door, by its name there and its label."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    hint: str = ""
    is_needed: bool = True
    longest: int = 200
    keeps: bool = True
    """Whether what was typed stands there again after a refusal; what is secret does not."""

    def draw(self, value: str, fault: str, *, is_first: bool) -> str:
        """Return the field with its label, its hint and what is wrong with it."""
        told = [f"{self.name}-{part}" for part, there in (("hint", self.hint), ("fault", fault)) if there]
        marks = [
            f'class="control" id="{self.name}" name="{self.name}" type="{self.kind}" maxlength="{self.longest}"',
            f'autocomplete="{self.autocomplete}" autocapitalize="none" spellcheck="false"',
            f'value="{escape(value, quote=True)}"' if value else "",
            "required" if self.is_needed else "",
            "autofocus" if is_first else "",
            'aria-invalid="true"' if fault else "",
            f'aria-describedby="{" ".join(told)}"' if told else "",
        ]
        hint = f'<span class="hint" id="{self.name}-hint">{escape(self.hint)}</span>' if self.hint else ""
        wrong = f'<span class="fault" id="{self.name}-fault">{escape(fault)}</span>' if fault else ""
        control = f"<input {' '.join(mark for mark in marks if mark)}>"
        return f'<div class="field"><label for="{self.name}">{self.label}</label>{control}{hint}{wrong}</div>'


def form(
    action: str,
    entries: Sequence[Entry],
    press: str,
    *,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    hidden: Mapping[str, str],
) -> str:
    """Return a form; the first field that has something wrong or nothing in it is where one types."""
    kept = {entry.name: values.get(entry.name, "") for entry in entries if entry.keeps}
    wanting = [entry for entry in entries if entry.is_needed and not kept.get(entry.name)] or [*entries][:1]
    first = next((entry for entry in entries if entry.name in faults), wanting[0] if wanting else None)
    lines = [
        f'<input type="hidden" name="{name}" value="{escape(hidden[name], quote=True)}">' for name in hidden
    ]
    lines += [
        entry.draw(kept.get(entry.name, ""), faults.get(entry.name, ""), is_first=entry is first)
        for entry in entries
    ]
    lines.append(f'<button class="button main" type="submit">{press}</button>')
    return f'<form method="post" action="{escape(action)}">{"".join(lines)}</form>'


def door_page(
    request: Request,
    title: str,
    about: str,
    inside: str = "",
    *,
    refusal: str = "",
    done: str = "",
    links: Sequence[tuple[str, str]] = (),
    answer: Answer = (200, {}),
) -> Response:
    """Return a page before the door: what one does there, what has gone wrong, a form, and where else one can go."""
    prefix = prefix_of(request)
    said = f'<div class="note bad" role="alert">{escape(refusal)}</div>' if refusal else ""
    said += f'<div class="note good" role="status">{escape(done)}</div>' if done else ""
    ways = "".join(f'<a href="{escape(prefix + path)}">{label}</a>' for label, path in links)
    ways = f'<p class="ways">{ways}</p>' if ways else ""
    page = (
        f'<div class="door"><div class="story" aria-hidden="true"><pre>{_STORY}</pre>'
        "<p>Your calls go where a few lines of Python say.</p></div>"
        f'<main id="main"><a class="brand" href="{escape(prefix)}/">{BRAND}<span>Sipwright</span></a>'
        f'<div class="stack"><h1>{title}</h1><p class="quiet">{about}</p></div>'
        f"{said}{inside}{ways}</main></div>"
    )
    return HTMLResponse(
        plain_page(title, prefix, page), answer[0], {"Cache-Control": "no-store", **answer[1]}
    )


def plain_page(title: str, prefix: str, inside: str) -> str:
    """Return a page that needs no connection: the door, and what is not there."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} · Sipwright</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="{escape(prefix)}/assets/icon.svg" type="image/svg+xml">'
        f'<link rel="stylesheet" href="{escape(prefix)}/_nicegui/{VERSION}/static/fonts.css">'
        f"{head_html(prefix)}</head><body>{inside}</body></html>"
    )


async def typed_into(request: Request) -> dict[str, str]:
    """Read a form that was filled in, by the names of its fields; one that nobody types is empty."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            return {}
    try:
        found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:  # more fields than the form has
        return {}
    return {key: values[0] for key, values in found.items()}
