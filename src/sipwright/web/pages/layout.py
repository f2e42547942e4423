"""What all pages have around them: the navigation, a heading, one `main` landmark, and what has just been done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

from nicegui.element import Element
from nicegui.elements.html import Html

from sipwright.web.pages.design import STYLESHEET_NAME
from sipwright.web.pages.elements import tag
from sipwright.web.pages.signs import BRAND, sign
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Toasts

__all__ = ["CHOOSE_THEME", "NAVIGATION", "frame", "head_html", "section_of"]

NAVIGATION = (
    ("/", "Switchboard", "switchboard", ""),
    ("/cdrs", "Call records", "calls", ""),
    ("/dialplans", "Dialplans", "dialplans", ""),
    ("/accounts", "Accounts", "accounts", ""),
    ("/providers", "Providers", "providers", ""),
    ("/console", "Console", "console", ""),
    ("/status", "Status", "status", ""),
    ("/guard", "Guard", "guard", ""),
    ("/users", "Users", "users", "admin"),
    ("/bans", "Bans", "bans", "admin"),
    ("/settings", "Settings", "settings", "admin"),
)
"""The pages of the navigation: path, name, sign, and for whom they are."""

# Before anything is drawn: the theme that was chosen in this browser, else the one that the system asks for.
_BEFORE_ALL = """
try { const theme = localStorage.getItem("theme"); if (theme) document.documentElement.dataset.theme = theme; } catch {}
document.documentElement.lang = "en";
const copyText = async (text, button) => {
  try { await navigator.clipboard.writeText(text); } catch { // which browsers allow over HTTPS alone
    const area = Object.assign(document.createElement("textarea"), { value: text });
    (button?.closest("dialog") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  if (!button || button.dataset.label) return;
  button.dataset.label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = button.dataset.label; delete button.dataset.label; }, 1500);
};
"""

# One press is one wish: what is pressed again before somebody sees what has come of it asks for nothing more. A button
# is free again, or the dialog that it stands in, when the server has said so; should that be lost, after a while.
_PRESSING = """
let isLeaving = false;
const hold = (element) => {
  element.dataset.busy = "yes";
  setTimeout(() => { delete element.dataset.busy; }, 30000);
};
const held = (element) => element?.closest("dialog") ?? element;
const settle = (id) => { delete held(document.getElementById(id))?.dataset.busy; };
const leave = () => { isLeaving = true; setTimeout(() => { isLeaving = false; }, 10000); };
const press = (event, work, again) => {
  const element = held(event.currentTarget);
  if (isLeaving || element.dataset.busy || event.repeat || (event.detail > 1 && !again)) return;
  hold(element);
  work();
};
addEventListener("submit", (event) => {
  if (event.target.dataset.busy) event.preventDefault(); else hold(event.target);
});
addEventListener("pageshow", () => {
  isLeaving = false;
  for (const form of document.forms) delete form.dataset.busy;
});
"""

_TURN_THEME = """() => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch {}
}"""

CHOOSE_THEME = """(theme) => {
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  try { if (theme) localStorage.setItem("theme", theme); else localStorage.removeItem("theme"); } catch {}
}"""

_TURN_MENU = """(event) => {
  const side = document.getElementById("side");
  const open = side.classList.toggle("open");
  event.currentTarget.setAttribute("aria-expanded", open ? "true" : "false");
}"""


def head_html(prefix: str) -> str:
    """Return what stands in the head of each page."""
    return (
        f"<script>{_BEFORE_ALL}{_PRESSING}</script>"
        f'<link rel="stylesheet" href="{escape(prefix)}/assets/{STYLESHEET_NAME}">'
    )


@contextmanager
def frame(
    visit: Visit, title: str, about: str = "", *, back: tuple[str, str] | None = None
) -> Iterator[Element]:
    """Make the frame of a page; what is made inside `with` stands below its heading.

    Args:
        visit: Who looks.
        title: The heading, also of the window.
        about: What one does here, in a sentence.
        back: The page that this one belongs to: its name and path.

    Yields:
        Where buttons stand that belong to the whole page.
    """
    client = visit.client
    client.title = f"{title} · Sipwright"
    client._head_html += head_html(visit.prefix)
    with client.layout:
        _skip = tag("a", "skip", "Skip to the content", href="#main")
        _side(visit).move(client.layout, 0)
        _skip.move(client.layout, 0)
    client.content.classes(replace="nicegui-content page")
    client.content.props["id"] = "main"
    client.content.props["tabindex"] = "-1"
    with client.content:
        with tag("div", "head"):
            with tag("div"):
                if back is not None:
                    with tag("p", "crumb"):
                        tag("a", "", back[0], href=visit.prefix + back[1])
                tag("h1", "break", title)
                if about:
                    tag("p", "", about)
            buttons = tag("div", "actions")
        visit.toasts = Toasts()
        visit.live(visit.watch)
        yield buttons


def section_of(visit: Visit) -> str:
    """Return the first part of where a page is, such as ``/accounts`` of the page of an account."""
    return "/" + visit.path.strip("/").split("/")[0]


def _side(visit: Visit) -> Element:
    here = section_of(visit)
    here = {"/calls": "/"}.get(here, here)
    with tag("header", "side", id="side") as side:
        with tag("a", "brand", href=f"{visit.prefix}/"):
            _svg(BRAND)
            tag("span", "", "Sipwright")
        menu = tag("button", "menu", "Menu", type="button", aria_expanded="false", aria_controls="side")
        menu.on("click", js_handler=_TURN_MENU)
        with tag("nav", aria_label="Pages"), tag("ul"):
            for path, name, drawn, role in NAVIGATION:
                if role and visit.actor.role != role:
                    continue
                with tag("li"):
                    _entry(visit.prefix + path, name, drawn, is_here=path == here)
        with tag("div", "who"):
            with tag("nav", aria_label="Yourself"):
                _entry(f"{visit.prefix}/me", visit.actor.name, "me", is_here=here == "/me")
            with tag("button", "plain", type="button") as turn:
                _svg(sign("theme"))
                tag("span", "", "Light or dark")
            turn.on("click", js_handler=_TURN_THEME)
            with tag("form", method="post", action=f"{visit.prefix}/logout"):
                tag("input", type="hidden", name_="csrf", value=visit.csrf)
                with tag("button", "plain", type="submit"):
                    _svg(sign("leave"))
                    tag("span", "", "Log out")
    return side


def _entry(target: str, name: str, drawn: str, *, is_here: bool) -> None:
    with tag("a", "", href=target) as entry:
        if is_here:
            entry.props["aria-current"] = "page"
        _svg(sign(drawn))
        tag("span", "", name)


def _svg(drawing: str) -> Element:
    return Html(drawing, tag="span", sanitize=False).style("display: contents")
