"""The NOTIFY of a change as nearly all are, sent in one pass: thousands hear of the calls of an hour.

Nothing is different about it but what it takes: the machine of its subscription, the dialog and what was told are as
they would be had `teller.py` sent it. Whatever is unusual is left to that.
"""

from __future__ import annotations

from sipwright.stack import BRIEF

from .ports import NotifierPorts
from .rights import Rights
from .subscriber import Subscriber

__all__ = ["sent_at_once"]


def sent_at_once(ports: NotifierPorts, subscriber: Subscriber, now: float) -> bool:
    """Tell a subscriber what has changed; False when that takes more than a look at what is known of it.

    It does where the machine has more to say, or not yet, where the row is to be written first, where the phone has no
    flow, or has a connection, where an account is not in memory, or not the one that was judged, and where a list has
    other members now, or no news.
    """
    machine = subscriber.machine
    if not machine.may_tell(now):
        return False
    flow, judged, dialog, form = subscriber.flow, subscriber.judged, subscriber.dialog, subscriber.form
    if flow is None or judged is None or form is None or flow.is_reliable or flow.is_closed:
        return False
    account, by, rights = judged
    find = ports.directory.account_by_id
    if find(subscriber.account_id) is not account or find(subscriber.subscriber_id) is not by:
        return False
    version = dialog.local_cseq
    is_as_before = subscriber.form_for == (flow, dialog.remote_target) and version < subscriber.reserved
    if rights is Rights.NONE or not is_as_before:
        return False
    listed = subscriber.listed
    if listed is not None and listed.is_stale:
        return False
    body, stack = subscriber.body(account, rights, is_full=False), ports.stack
    if body is None:
        return False
    dialog.local_cseq = cseq = version + 1
    subscriber.branch = branch = stack.new_branch(BRIEF)
    stack.send_brief(branch, form.wire(branch, cseq, machine.tell(now), body), flow, subscriber)
    if listed is not None and listed.has_more:
        machine.follow(now)
    return True
