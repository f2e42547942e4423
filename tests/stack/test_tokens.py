from sipwright.stack import RandomTokens


def test_tokens_are_all_different_and_of_64_bits():
    new = RandomTokens()
    tokens = [new() for _ in range(2_000)]

    assert len(set(tokens)) == 2_000
    assert {len(token) for token in tokens} == {16}
    assert all(int(token, 16) >= 0 for token in tokens)
