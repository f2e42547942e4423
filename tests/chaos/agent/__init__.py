"""Let nodes that register at a provider be killed, stopped and started again at random, and count who registers there.

`make chaos-agent` starts a PostgreSQL server and three nodes on it, each in a process of its own, which
register thirty users at one provider. For ten minutes, every ten to 22 seconds, something happens to one of them:

=============  ========================================================================================================
mishap         what is done
=============  ========================================================================================================
`kill`         SIGKILL, and a start up to twelve seconds later: before or after another node has taken over
`terminate`    SIGTERM, and a start up to twelve seconds later
`doze`         SIGSTOP for less than it takes until a node is lost: it has to go on as if nothing had been
`sleep`        SIGSTOP for longer than that: another node goes on, and this one has to end by itself
=============  ========================================================================================================

What is begun goes on meanwhile, so two nodes of three may be away at once; one is always left. The provider
(`../cluster/registrar.py`) counts as registrars do (RFC 3261 §10.3): one client for each user, by its Call-ID, its CSeq
and its contacts, and nobody who is nowhere for longer than it takes until a node is lost. In the end the users have to
be with all nodes again, and each of them registered.

The same on a clock of its own and without processes, in a second, is `tests/services/agent/test_several_nodes.py`.

    make chaos-agent                                    # three nodes, ten minutes
    make chaos-agent ARGS='--nodes 2 --seed 3'          # other dice
    make chaos-agent ARGS='--seconds 60 --users 6'      # shorter
"""
