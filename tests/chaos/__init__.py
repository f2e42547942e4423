"""Kill the switch again and again under a mixed load, and count what is lost.

`make chaos` starts `sipwright run` on a data folder of its own, keeps up to 200 calls a second going in every
stage (ringing, early media, talking, on hold, scripts in `dial`, `sleep`, `http_get`, `http_post`, `email` and the
store, calls that the switch makes by itself, legs to providers that challenge it, forks of which two answer, phones
that move, far ends that close their connection), ends the process with SIGKILL and
starts it again within two seconds, twenty times in a row. The phones are our own stack on real sockets and do what
phones do: they repeat what is not answered (RFC 3261 §17), ring, answer, refuse, hold, resume, give up and hang up;
those on TCP connect and register again. Every call is followed from both ends, and at the end from the database:

=================  ====================================================================================================
file               what is there
=================  ====================================================================================================
`plans.py`         a call as it is to be: what each end does, when, and how the call has to end
`kinds.py`         the kinds of calls, and how often each is made
`scripts.py`       accounts, dialplans and providers that the switch is set up with
`line.py`          a socket with its phones: registrations, and which call a message belongs to
`end.py`           one end of one call, and what it checks of every message: CSeq, route set, session description
`caller.py`        the end that calls, and `callee.py` the one that is called, until they talk
`fork.py`          one more phone behind the same proxy, which answers too late
`mobile.py`        a phone behind a NAT that gives it other ports
`talk.py`          one call from its INVITE to its end, as the caller and the two who talk live it
`texts.py`         texts beside the calls of a cluster: each is shown once, and its sender hears that it was taken
`replays.py`       somebody who says the credentials of others again, which must be taken nowhere; in a cluster, too
`back.py`          a call that the switch makes by itself between two phones, as both live it
`provider.py`      a provider, which challenges new calls and requests inside of them
`outside.py`       a slow web server and a slow mail server, which count what scripts ask of them
`ledger.py`        what was found wrong, when the switch was away, and the table of both
`audit.py`         what the database must say afterwards: CDRs, registrations, no calls left
`journals.py`      what it must say of every run of a dialplan, and whether that is what the world outside saw
`process.py`       the switch as a process
`load.py`          all of it together
=================  ====================================================================================================

A plan keeps events that race with each other (a ring time and an answer, a CANCEL and an answer) further apart than
a restart takes, so that every call has exactly one right ending. The same `--seed` makes the same plans, in order.
What is late counts as lost unless the switch was behind as a whole: a pulse of calls measures how far. Where that took
more than two seconds, or the phones themselves had no turn for so long, the machine was too small for the load: what
went wrong then is counted apart, as nobody can tell whose fault it is. The exit status is 1 when anything was lost, and
2 when something went wrong while the machine was behind; the table names the Call-IDs.

    make chaos                                      # 20 kills; about four minutes
    make chaos ARGS='--rate 50 --kills 5'           # fewer calls, fewer kills
    make chaos ARGS='--workers 2'                   # of a switch of several processes, which die in any order
    make chaos ARGS='--signal TERM'                 # clean stops instead: they must lose nothing either
    make chaos ARGS='--from PATH/bin/sipwright'     # an upgrade under load: until the first kill, another release

PATH is the environment of that release, which makes the data folder with its own commands. That of 0.1.0:

    git worktree add ../release d3b5f99
    python3 -m venv ../release/.venv && ../release/.venv/bin/pip install -e ../release

Until the first kill there are only the calls that every release can carry (`kinds.py:KNOWN_TO_ALL`). The first outage
has `sipwright init` in it, which brings the database up to date. `tests/golden/test_folder.py` is the small form.
"""
