from sipwright.stack import MarkedTokens, RandomTokens, TimedTokens, boot_in
from sipwright.stack.sorting import Sorter
from sipwright.transport.steering import place_mark


def test_tokens_are_all_different_and_of_64_bits():
    new = RandomTokens()
    tokens = [new() for _ in range(2_000)]

    assert len(set(tokens)) == 2_000
    assert {len(token) for token in tokens} == {16}
    assert all(int(token, 16) >= 0 for token in tokens)


def test_timed_tokens_begin_with_the_time_and_are_as_hard_to_guess():
    now = 1_800_000_000 * 10**9
    new = TimedTokens(lambda: now)
    tokens = [new() for _ in range(100)]
    now += 10**8
    later = new()

    assert {token[:9] for token in tokens} == {"63eb89da4"}
    assert len({token[9:] for token in tokens}) == 100
    assert {len(token) for token in tokens} == {9 + 16}
    assert later > max(tokens)


def test_marked_tokens_say_whose_they_are_to_other_nodes_and_to_the_kernel():
    token = MarkedTokens(0x2F, lambda: "0123456789abcdef", place_mark(7))()

    assert token == "070123456789abcdef-b2f"
    assert boot_in(token) == 0x2F
    assert (
        Sorter({0x2F: "south"}.get, lambda token: None).sender_of(
            f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{token}\r\n".encode()
        )
        == "south"
    )
