"""``/dialplans/{name}``: the editor of a dialplan, what it is tried with, and what it was before.

What is typed is checked at once and saved by Ctrl-S, after a look at what changes. Who saves over a version that
somebody else has saved meanwhile is told, and sees the difference.
"""

from __future__ import annotations

from nicegui.events import GenericEventArguments

from sipwright.usecases.dialplans import DialplanDetail, Problem
from sipwright.usecases.errors import Changed, Conflict, Invalid, NotFound, UseCaseError
from sipwright.web.pages.dialplan_panels import Panels
from sipwright.web.pages.dialplan_removal import DialplanRemoval
from sipwright.web.pages.draft import show_difference
from sipwright.web.pages.elements import actions, button, tag, text
from sipwright.web.pages.format import plural
from sipwright.web.pages.layout import frame
from sipwright.web.pages.live import Editor
from sipwright.web.pages.names import NAMES, members_beside
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Modal

__all__ = ["show"]

_FIRST = """# What becomes of a call. `req` is the request, `call` on whose behalf this runs.
if req.user == "300":
    log("Somebody tries me.")

dial(f"{req.user}@local", ring=25)
respond(480, "Nobody is available")
"""


async def show(visit: Visit) -> None:
    """Make the page."""
    name = visit.request.path_params["name"]
    user = visit.query.get("user") or None
    try:
        live: DialplanDetail | None = await visit.usecases.dialplans.get(visit.actor, name, user=user)
    except NotFound:
        live = None
    await DialplanPage(visit, name, user, live).build()


class DialplanPage:
    """A dialplan in one browser: `live` is the version that the draft began from, `draft` what is in the editor."""

    def __init__(self, visit: Visit, name: str, user: str | None, live: DialplanDetail | None) -> None:
        self.visit = visit
        self.plans = visit.usecases.dialplans
        self.name = name
        self.user = user
        self.live = live
        self.draft = _FIRST if live is None else live.source
        self.is_saving = False
        self.removal = DialplanRemoval(visit, name, user)

    async def build(self) -> None:
        """Make the page."""
        about = (
            "A new dialplan; it is live when you save it." if self.live is None else self._about(self.live)
        )
        beside = await self.plans.importable(self.visit.actor, self.name, user=self.user)
        with frame(self.visit, self.name, back=("Dialplans", "/dialplans")) as head:
            with head:
                self.saved = tag("span", "quiet small", role="status")
                self.removal.place(self.live)
                button("Save", self._save_clicked, kind="main", title="Ctrl-S")
            self.about = tag("p", "quiet small", about)
            with tag("div", "split"):
                with tag("div", "stack"):
                    members = members_beside(beside)
                    self.editor = Editor(
                        self.draft,
                        f"Dialplan {self.name}",
                        NAMES,
                        members,
                        place=f"draft of {self.visit.actor.name}: {self.name} of {self.user or ''}",
                        version=self._version(),
                    )
                    self.editor.on("change", self._typed)
                    self.editor.on("save", self._save_typed)
                    self.editor.on("restore", self._restored)
                    self.problems = tag("section", "card", aria_label="What is wrong")
                self.panels = Panels(self)
                self.panels.build()
            self._dialogs()
            self.removal.build()
        await self.check()

    def _about(self, live: DialplanDetail) -> str:
        used = "; ".join(live.used_by) or "nothing runs it yet: name it in an account"
        return f"Version {live.dialplan.version}, saved {self.visit.moment(live.dialplan.saved_at)}. Used: {used}."

    # --- while one types ---

    async def _typed(self, event: GenericEventArguments) -> None:
        self.draft = str(event.args)
        self._tell_saved()
        await self.check()

    async def _restored(self, event: GenericEventArguments) -> None:
        """Go on with what was typed here before the page, the switch or the session had an end."""
        self.draft = event.args["text"]
        self._tell_saved()
        told = "What you had typed is back. It is not saved yet."
        if event.args["began"] != self._version():
            told += " Meanwhile somebody else has saved: look at the difference before you do."
        self.visit.say(told)
        await self.check()

    def _version(self) -> str:
        return "" if self.live is None else self.live.dialplan.etag

    def _tell_saved(self) -> None:
        is_same = self.live is not None and self.draft == self.live.source
        text(self.saved, "" if is_same else "not saved yet")
        if is_same:
            self.editor.settle(self._version())

    async def check(self) -> bool:
        """Check the draft, show what is wrong at its lines, and return whether it may be saved."""
        draft = self.draft
        found: tuple[Problem, ...] = ()
        with self.visit.telling():
            found = await self.plans.check(self.visit.actor, draft, name=self.name, user=self.user)
        if draft == self.draft:
            self._tell(found)
        return not any(one.certain for one in found)

    def _tell(self, found: tuple[Problem, ...]) -> None:
        self.editor.problems(
            [{"line": one.line, "column": one.column, "message": one.message} for one in found]
        )
        self.problems.clear()
        with self.problems:
            if not found:
                tag("p", "quiet small", "Nothing is wrong with it.", role="status")
                return
            mistakes = sum(one.certain for one in found)
            told = f"{plural(mistakes, 'mistake')} to mend before it can be saved"
            tag("h2", "", told if mistakes else "It can be saved, and fails in some calls", role="status")
            with tag("ul", "problems"):
                for one in found:
                    with tag("li"):
                        go = tag("button", "linkish", f"Line {one.line}", type="button")
                        go.on("click", lambda one=one: self.editor.go(one.line, one.column), [])
                        tag("span", "", one.message)

    def put(self, source: str) -> None:
        """Put another text into the editor, as a draft."""
        self.draft = source
        self.editor.put(source)
        self._tell_saved()

    # --- saving ---

    def _dialogs(self) -> None:
        with Modal("Make it live", wide=True) as self.difference:
            self.difference_about = tag("p", "quiet")
            self.difference_lines = tag("div", "diff", tabindex="0", role="region", aria_label="Difference")
            with actions(end=True):
                button("Keep editing", self.difference.close)
                button("Make it live", self._put_live, kind="main", autofocus=True)
            self.difference.on("save", self._put_live, [])
        with Modal("Somebody else has saved meanwhile", wide=True) as self.overtaken:
            self.overtaken_about = tag("p", "")
            self.overtaken_lines = tag("div", "diff", tabindex="0", role="region", aria_label="Difference")
            with actions(end=True):
                button("Keep editing", self.overtaken.close)
                button("Take theirs", self._take_theirs)
                button("Save mine over theirs", self._save_over, kind="danger")

    async def _save_typed(self, event: GenericEventArguments) -> None:
        self.draft = str(event.args)
        await self._save()

    async def _save_clicked(self) -> None:
        await self.catch_up()
        await self._save()

    async def catch_up(self) -> None:
        """Take over what was typed in this moment, which the editor has yet to tell."""
        typed = await self.visit.client.run_javascript(
            f"return getElement({self.editor.id}).text()", timeout=5.0
        )
        if typed is not None:
            self.draft = str(typed)

    async def _save(self) -> None:
        """Save once, however long somebody holds Ctrl-S down."""
        if self.is_saving:
            return
        self.is_saving = True
        try:
            await self._try_to_save()
        finally:
            self.is_saving = False

    async def _try_to_save(self) -> None:
        if not await self.check():
            self.visit.say("It is not saved: mend what is wrong first.", bad=True)
            return
        if self.live is None:
            await self._put_live()
        elif self.live.source == self.draft:
            self.visit.say("It is saved already; nothing has changed.")
        elif not await self._is_overtaken():
            self.difference_about._text = (
                f"What changes from version {self.live.dialplan.version}, which is live now:"
            )
            self.difference_about.update()
            show_difference(self.difference_lines, self.live.source, self.draft)
            self.difference.open()

    async def _is_overtaken(self) -> bool:
        """Find out whether somebody else has saved since the draft was begun, or removed it, and show what."""
        self.theirs: DialplanDetail | None = None
        with self.visit.telling():
            try:
                self.theirs = await self.plans.get(self.visit.actor, self.name, user=self.user)
            except NotFound:
                self._tell_gone()
                return True
        if self.theirs is None or self.theirs.dialplan.etag == self._version():
            return False
        self._show_overtaken()
        return True

    def _tell_gone(self) -> None:
        self.live = None
        self.removal.show(None)
        text(self.about, "Somebody has removed it meanwhile; it is made anew when you save it.")
        self._tell_saved()
        self.visit.say("Somebody has removed it meanwhile. Save once more to make it anew.", bad=True)

    def _show_overtaken(self) -> None:
        assert self.theirs is not None
        version = self.theirs.dialplan.version
        self.overtaken_about._text = (
            f"Version {version} was saved at {self.visit.moment(self.theirs.dialplan.saved_at)} while you were "
            "editing. This is the difference between it and yours:"
        )
        self.overtaken_about.update()
        show_difference(self.overtaken_lines, self.theirs.source, self.draft)
        self.overtaken.open()

    async def _put_live(self) -> None:
        self.difference.close()
        try:
            await self._put()
        except (Changed, Conflict) as error:
            if not await self._is_overtaken():
                self.visit.tell(error)
        except UseCaseError as error:
            self.visit.tell(error)

    async def _put(self) -> None:
        began = self._version()
        try:
            self.live = await self.plans.put(
                self.visit.actor, self.name, self.draft, user=self.user, if_match=began or None,
                if_none_match=None if began else "*",
            )  # fmt: skip
        except Invalid as error:
            self._tell(tuple(Problem(one.line or 1, 1, one.message) for one in error.fields))
            raise
        self._tell_saved()
        text(self.about, self._about(self.live))
        self.removal.show(self.live)
        self.visit.say(f"Version {self.live.dialplan.version} is live.")
        for warning in self.live.warnings:
            self.visit.say(warning, bad=True)
        self.visit.live(self.panels.refresh)  # nobody waits for it who saves on

    async def _save_over(self) -> None:
        self.overtaken.close()
        assert self.theirs is not None
        self.live = self.theirs
        await self._put_live()

    def _take_theirs(self) -> None:
        self.overtaken.close()
        assert self.theirs is not None
        self.live = self.theirs
        self.put(self.live.source)
        text(self.about, self._about(self.live))

    async def reload(self) -> None:
        """Show the version that is live now, after it was rolled back."""
        self.live = await self.plans.get(self.visit.actor, self.name, user=self.user)
        self.put(self.live.source)
        text(self.about, self._about(self.live))
        self.removal.show(self.live)
        await self.check()
