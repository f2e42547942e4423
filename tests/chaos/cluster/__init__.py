"""Let several nodes die in turn under the load of `make chaos`, and count what is lost.

`make chaos-cluster` starts a PostgreSQL server and three nodes on it, each in a process of its own, and lets the phones
of `make chaos` call each other, each at the node that it began at. Every 20 seconds something dies:

=============  ========================================================================================================
harm           what is done
=============  ========================================================================================================
`kill`         SIGKILL; somebody says so to another node (`sipwright node takeover`), and the node is started again
`lose`         SIGKILL of which nobody says anything: another node has to find out; it stays away until the next round
`pause`        SIGSTOP for 15 seconds: another node goes on with its calls, and the zombie has to stop by itself
`restart`      SIGKILL, and a start at once: the node keeps its calls
`drain`        `sipwright node drain`, and a start
`database`     the database server ends as in a crash, and is started again
`away`         the database server is away for a minute, in which phones are to feel nothing: they stay registered,
               calls go on, and new ones begin; afterwards it has all that has waited on the disks of the nodes
`cut`          nftables let nothing through between two nodes for eight seconds, where this process may have a network
               of its own
`nats`         the server of the bus is killed, and started again eight seconds later; what it brings is in the database
`upgrade`      with `--from`: a node that is of another release is drained, and started in this one
=============  ========================================================================================================

When a node has died, its address moves to the one that has its calls, as keepalived would move it: all that its phones
send goes there from then on, and what is new goes to the first node again once that is back. One call that talks at the
node asks all the time, and so measures how soon it is answered again: within two seconds where somebody says that the
node is dead, within `lost_after` and two seconds otherwise.

What is checked of every call is what `make chaos` checks, and so are texts and credentials. Beside that a phone
transfers one of its calls to another one, which is at another node (`transfers.py`), and a phone has lamps for accounts
whose calls are at any (`lamps.py`). When all is over, some calls are made once more, and all faces, counts and lamps
have to show them, and then that nothing is left (`ending.py`). A provider counts who registers with it
(`registrar.py`): one client for each user, without a lapse that is longer than it takes until a node is lost, but while
the database is away: whoever registers needs its lease. `nodes.py` has the processes,
`harm.py` what is done to them, `standing.py` the call that measures, `database.py` and `bus.py` the servers, `wire.py`
what `--keep` writes down.

    make chaos-cluster                                          # 30 rounds; about fourteen minutes
    make chaos-cluster ARGS='--nodes 2 --rate 20 --rounds 6'    # for a small machine
    make chaos-cluster ARGS='--harms kill --rounds 3'           # one harm only
    make chaos-cluster ARGS='--from PATH/bin/sipwright'         # a rolling upgrade under load
"""
