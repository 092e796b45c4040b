"""The key, and the tickets that give it once."""

from smearprep.serving import Keys


def test_the_token_opens_and_nothing_else_does():
    keys = Keys()
    assert keys.opens(keys.token)
    wrong = (
        "",
        " ",
        keys.token[:-1],
        f"{keys.token} ",
        keys.token.swapcase(),
        "\u00e4",
        "\udc80",
        "0" * 10_000,
    )
    assert not any(keys.opens(token) for token in wrong)
    assert len(keys.token) >= 43 and Keys().token != keys.token


def test_a_ticket_works_once():
    keys = Keys()
    one, other = keys.ticket(), keys.ticket()
    assert one != other
    assert keys.exchange(one) == keys.token
    assert keys.exchange(one) is None
    assert keys.exchange(other) == keys.token


def test_a_ticket_is_no_token_and_the_token_no_ticket():
    keys = Keys()
    assert not keys.opens(keys.ticket())
    assert keys.exchange(keys.token) is None
    assert keys.exchange("") is None


def test_a_ticket_ends():
    now = [0.0]
    keys = Keys(lambda: now[0])
    one, other = keys.ticket(), keys.ticket()
    now[0] = 119
    assert keys.exchange(one) == keys.token
    now[0] = 121
    assert keys.exchange(other) is None
