from sipwright.stack import RandomTokens, TimedTokens


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
