"""What the commands of a script do to its call, beside the whole calls of `interop/test_dialplans`."""

from types import SimpleNamespace

from tests.services.switch.conftest import Bench

from sipwright.node.call_hosts import CallHost
from sipwright.services.dialplan import Ending


def test_a_refusal_that_a_script_passes_on_is_explained_as_without_one():
    """RFC 3261 §8.2.2.3: a 420 says which extension."""
    bench = Bench()
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    alice.invite()
    (call,) = bench.switch.calls.values()
    call.script = SimpleNamespace(nobody_answered=lambda *_: None, caller_gone=lambda _: None)
    bob.answer(bob.last("INVITE"), 420, headers=[("Unsupported", "timer")])
    CallHost(call).finish(Ending(420, "Bad Extension", (), "nobody answered", is_relayed=True))
    bench.run(0.05)

    assert alice.last(420).headers.get("Unsupported") == "timer"
