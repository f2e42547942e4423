"""What a call said and did, kept while it happens and told afterwards.

``recorder.py`` keeps the messages and ``before_the_call.py`` those that came too early to belong to a call.
``wording.py`` puts the journal of a script into words, ``listing.py`` writes them between the lines of the script,
``ladder.py`` draws the messages under the labels of ``label.py``, and ``why.py`` says in a sentence why a call ended
as it did. ``pcap.py`` writes the messages as a capture.
"""

from __future__ import annotations

__all__: list[str] = []
