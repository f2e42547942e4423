import pytest

from sipwright.errors import UserError
from sipwright.services.authentication import Authenticator
from sipwright.services.authentication.authenticator import ELSEWHERE
from sipwright.sip import Challenge, Reject, Request
from sipwright.sip.nonces import NonceKeeper


def challenge_of(incoming):
    assert incoming.response.status == 401
    (value,) = incoming.response.headers.get_all("WWW-Authenticate")
    return Challenge.parse(value).params


def shape_of(incoming):
    """What an outsider sees of a 401, apart from the nonce."""
    params = challenge_of(incoming)
    assert len(params.pop("nonce")) == 40
    names = [name for name, _ in incoming.response.headers.items()]
    return params, names, incoming.response.reason, incoming.has_transaction


def test_a_register_without_credentials_is_challenged_without_keeping_state(world):
    incoming = world.receive(world.text("Contact: <sip:alice@10.0.0.5:5062>"))

    params = challenge_of(incoming)
    assert params["realm"] == "example.org"
    assert params["algorithm"] == "MD5"
    assert params["qop"] == "auth"
    assert "stale" not in params
    assert not incoming.has_transaction


def test_the_challenge_is_of_the_algorithm_of_the_account(world):
    incoming = world.receive(world.text(aor="carol@strong.example"))

    assert challenge_of(incoming)["algorithm"] == "SHA-256"
    assert challenge_of(incoming)["realm"] == "strong.example"


def test_an_account_can_register_with_sha_256(world):
    credentials = world.authorization("carol", "strong.example", algorithm="SHA-256")
    incoming = world.receive(world.text(f"Authorization: {credentials}", aor="carol@strong.example"))

    assert incoming.response.status == 200


def test_an_algorithm_that_was_not_offered_is_refused(world):
    credentials = world.authorization("carol", "strong.example", algorithm="MD5")
    incoming = world.receive(world.text(f"Authorization: {credentials}", aor="carol@strong.example"))

    assert challenge_of(incoming)["algorithm"] == "SHA-256"


@pytest.mark.parametrize(("domain", "algorithm"), [("example.org", "MD5"), ("strong.example", "SHA-256")])
def test_an_unknown_user_and_a_wrong_password_look_the_same(world, domain, algorithm):
    known = {"example.org": "alice", "strong.example": "carol"}[domain]
    shapes = []
    for user in (known, "mallory"):
        wrong = world.authorization(user, domain, password="guess", algorithm=algorithm)
        bare = world.receive(world.text(aor=f"{user}@{domain}"))
        tried = world.receive(world.text(f"Authorization: {wrong}", aor=f"{user}@{domain}"))
        shapes.append((shape_of(bare), shape_of(tried)))

    assert shapes[0] == shapes[1]


def test_nobody_gets_in_with_the_secret_that_stands_for_unknown_users(world):
    from sipwright.services.authentication.authenticator import _NOBODY
    from sipwright.sip.digest import answer

    nonce = world.nonces.issue(world.unix_time())
    offer = f'Digest realm="example.org", nonce="{nonce}"'
    value = answer([offer], "REGISTER", "sip:example.org", "mallory", lambda *_: _NOBODY["MD5"], "c")
    incoming = world.receive(world.text(f"Authorization: {value}", aor="mallory@example.org"))

    assert "stale" not in challenge_of(incoming)


def test_an_old_nonce_with_the_right_password_is_stale(world):
    nonce = world.nonces.issue(world.unix_time() - 301)
    credentials = world.authorization(nonce=nonce)
    incoming = world.receive(world.text(f"Authorization: {credentials}"))

    assert "stale=true" in incoming.responses[-1].headers.get("WWW-Authenticate")


def test_an_old_nonce_with_a_wrong_password_is_only_wrong(world):
    """RFC 7616 §3.3."""
    nonce = world.nonces.issue(world.unix_time() - 301)
    credentials = world.authorization(nonce=nonce, password="guess")

    assert "stale" not in challenge_of(world.receive(world.text(f"Authorization: {credentials}")))


def test_a_replayed_request_is_challenged(world, at):
    text = world.text(f"Authorization: {world.authorization()}", "Contact: <sip:a@10.0.0.5>")

    assert world.receive(text).response.status == 200
    assert challenge_of(world.receive(text, at("198.51.100.66", 5060)))["stale"] == "true"


def test_credentials_that_were_captured_are_good_for_no_other_request(world):
    """The digest covers neither Contact nor CSeq."""
    credentials = f"Authorization: {world.authorization()}"
    world.receive(world.text(credentials, "Contact: <sip:a@10.0.0.5>", cseq=1))
    before = dict(world.writer.rows["binding"])

    for headers, cseq in (
        (["Contact: <sip:thief@198.51.100.66>"], 1),
        (["Contact: <sip:thief@198.51.100.66>"], 2),
        (["Contact: <sip:a@10.0.0.5>"], 2),
        (["Contact: <sip:a@10.0.0.5>, <sip:thief@198.51.100.66>"], 1),
        (["Contact: <sip:a@10.0.0.5>", "Expires: 0"], 1),
        (["Contact: *", "Expires: 0"], 1),
        ([], 1),
    ):
        again = world.receive(world.text(credentials, *headers, cseq=cseq))
        assert challenge_of(again)["stale"] == "true"
    assert world.writer.rows["binding"] == before


def test_a_captured_register_brings_no_removed_binding_back(world):
    text = world.text(f"Authorization: {world.authorization()}", "Contact: <sip:a@10.0.0.5>")
    world.receive(text)
    world.register("Contact: <sip:a@10.0.0.5>", "Expires: 0")

    assert challenge_of(world.receive(text))["stale"] == "true"
    assert world.contacts() == []


def test_a_phone_may_use_its_nonce_again_with_a_higher_count(world):
    nonce = world.nonces.issue(world.unix_time())
    statuses = [
        world.receive(world.text(f"Authorization: {world.authorization(nonce=nonce, nc=nc)}")).response.status
        for nc in (1, 2, 2, 3)
    ]

    assert statuses == [200, 200, 401, 200]


def test_auth_int_is_refused_clearly(world):
    credentials = world.authorization().replace("qop=auth", "qop=auth-int")
    response = world.receive(world.text(f"Authorization: {credentials}")).response

    assert (response.status, response.reason) == (400, "Digest qop 'auth-int' was not offered, use auth")


@pytest.mark.parametrize("count", ["1", "0x000001", "000000001"])
def test_a_nonce_count_of_another_form_is_answered_400(world, count):
    """RFC 7616 §3.4: it is eight hexadecimal digits, or one and the same could be written in many ways."""
    credentials = world.authorization().replace("nc=00000001", f"nc={count}")
    response = world.receive(world.text(f"Authorization: {credentials}")).response

    assert (response.status, response.reason) == (400, f"Digest nc '{count}' is not eight hexadecimal digits")


def test_credentials_for_another_realm_do_not_count(world):
    credentials = world.authorization(domain="elsewhere.example")

    assert world.receive(world.text(f"Authorization: {credentials}")).response.status == 401


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:example.org", 200),
        ("sip:example.org;transport=tcp", 200),
        ("sip:192.0.2.1", 200),
        ("sip:elsewhere.example", 401),
        ("nonsense", 401),
    ],
)
def test_the_digest_must_be_for_this_switch(world, uri, status):
    """RFC 8760 §2.6 (6)."""
    credentials = world.authorization(uri=uri)

    assert world.receive(world.text(f"Authorization: {credentials}")).response.status == status


def test_a_disabled_account_learns_it_only_with_its_password(world):
    wrong = world.authorization("eve", password="guess")
    right = world.authorization("eve")

    assert world.receive(world.text(f"Authorization: {wrong}", aor="eve@example.org")).response.status == 401
    response = world.receive(world.text(f"Authorization: {right}", aor="eve@example.org")).response
    assert (response.status, response.reason) == (403, "Account Disabled")


def test_any_method_can_be_authenticated(world):
    credentials = world.authorization(method="INVITE", uri="sip:bob@example.org")
    text = world.text(f"Authorization: {credentials}", method="INVITE", uri="sip:bob@example.org")
    incoming = world.receive(text.replace("INVITE", "REGISTER", 1))
    assert incoming.response.status == 401

    incoming.request.method = "INVITE"
    assert world.authenticator.authenticate(incoming, "example.org") == world.directory.accounts[0]


@pytest.mark.parametrize(
    ("dialled", "meant", "is_right"),
    [
        ("tel:+353-1", "sip:+3531@example.org;user=phone", True),
        ("tel:+353-1", "sip:+3532@example.org;user=phone", False),
        ("urn:service:sos.fire", "sip:112@example.org", True),
        ("urn:service:sosx", "sip:112@example.org", False),
    ],
)
def test_the_digest_of_a_number_is_for_what_it_stands_for(world, dialled, meant, is_right):
    """By the time that it is looked at, the Request-URI was written anew."""
    credentials = world.authorization(method="INVITE", uri=dialled)
    text = world.text(f"Authorization: {credentials}", method="INVITE", uri=meant)
    incoming = world.receive(text.replace("INVITE", "REGISTER", 1))
    incoming.request.method = "INVITE"
    found = world.authenticator.authenticate(incoming, "example.org")

    assert found == (world.directory.accounts[0] if is_right else None)


def test_a_disabled_account_is_a_reject_for_every_step(world):
    incoming = world.receive(world.text(aor="eve@example.org"))
    incoming.request.headers.add("Authorization", world.authorization("eve"))

    with pytest.raises(Reject, match="403"):
        world.authenticator.authenticate(incoming, "example.org")


def test_an_account_whose_password_cannot_be_decrypted_is_refused_clearly(world, monkeypatch):
    """Whoever has it set again helps that phone; nobody else notices."""

    def fail(_):
        raise UserError("the key file is not the one of this database")

    incoming = world.receive(world.text())
    assert incoming.response.status == 401
    incoming.request.headers.add("Authorization", world.authorization())
    monkeypatch.setattr(type(world.directory.account("alice", "example.org")), "ha1", property(fail))

    with pytest.raises(Reject) as refused:
        world.authenticator.authenticate(incoming, "example.org")
    assert (refused.value.status, refused.value.reason) == (500, "Password Cannot Be Read")
    assert "account alice@example.org cannot be decrypted; set its password again" in refused.value.why


@pytest.fixture
def two_nodes(world):
    """This node is south; the other one challenges, and returns credentials that are the answer to that."""
    world.authenticator._nonces = NonceKeeper(b"secret", issuer="south", others=lambda: ["north"])
    world.authenticator._nonces.begin(world.unix_time() - 30.0)

    def challenged(seconds_ago=0.0):
        nonce = NonceKeeper(b"secret", issuer="north").issue(world.unix_time() - seconds_ago, "10.0.0.5")
        return f"Authorization: {world.authorization(nonce=nonce)}"

    return challenged


def test_the_answer_to_a_challenge_of_another_node_is_taken_for_a_moment(world, two_nodes):
    taken = world.receive(world.text(two_nodes(), "Contact: <sip:alice@10.0.0.5>"))
    late = world.receive(world.text(two_nodes(seconds_ago=ELSEWHERE + 0.1)))
    ahead = world.receive(world.text(two_nodes(seconds_ago=-ELSEWHERE - 0.1)))

    assert taken.response.status == 200
    assert [challenge_of(one)["stale"] for one in (late, ahead)] == ["true", "true"]


def test_it_is_handed_over_to_that_node_where_that_can_be_done(world, two_nodes):
    handed = []
    world.authenticator.hand_over = lambda incoming, node: handed.append(node) is None
    incoming = world.receive(world.text(two_nodes(seconds_ago=60.0)))
    own = f"Authorization: {world.authorization(nonce=world.authenticator._nonces.issue(world.unix_time(), 'x'))}"

    assert (handed, incoming.responses) == (["north"], [])
    assert world.receive(world.text(own)).response.status == 200
    assert handed == ["north"]


def test_a_wrong_answer_to_it_is_only_wrong(world, two_nodes):
    world.authenticator.hand_over = lambda incoming, node: pytest.fail("it was handed over")
    nonce = NonceKeeper(b"secret", issuer="north").issue(world.unix_time(), "10.0.0.5")
    credentials = world.authorization(nonce=nonce, password="guess")

    assert "stale" not in challenge_of(world.receive(world.text(f"Authorization: {credentials}")))


@pytest.mark.parametrize("issuer", ["north", "south"], ids=["node", "process"])
def test_a_text_that_is_challenged_by_a_second_process_is_the_one_that_it_was(world, two_nodes, issuer):
    """The first one may have delivered it; what answers the second challenge has the next CSeq number (§22.2)."""
    nonce = NonceKeeper(b"secret", issuer=issuer).issue(world.unix_time() - 60.0, "10.0.0.5")
    credentials = world.authorization(method="MESSAGE", uri="sip:bob@example.org", nonce=nonce)
    text = world.text(f"Authorization: {credentials}", method="MESSAGE", uri="sip:bob@example.org")
    incoming = world.receive(text.replace("MESSAGE", "REGISTER", 1))
    request = incoming.request
    first_cseq, number = world.authenticator.first_cseq, request.cseq.number

    def again(cseq, call_id=request.call_id):
        headers = [("From", request.headers.get("From")), ("Call-ID", call_id), ("CSeq", f"{cseq} MESSAGE")]
        return Request("MESSAGE", "sip:bob@example.org", headers)

    assert first_cseq(request) == number
    request.method = "MESSAGE"
    assert world.authenticator.authenticate(incoming, "example.org") is None
    assert [first_cseq(again(number + more)) for more in (0, 1, 2)] == [number, number, number + 2]
    assert first_cseq(again(number + 1, "another")) == number + 1
    assert [first_cseq(again(cseq, "another")) for cseq in (0, 1)] == [0, 1]


def test_so_is_one_whose_nonce_has_been_used_for_a_later_one_meanwhile(world):
    """Its sender goes on to a node with two texts, of which the second one comes first."""
    nonce = world.nonces.issue(world.unix_time(), "10.0.0.5")

    def say(nc):
        incoming = world.receive(world.text())
        incoming.request.headers.add(
            "Authorization", world.authorization(method="MESSAGE", nonce=nonce, nc=nc)
        )
        incoming.request.method = "MESSAGE"
        return world.authenticator.authenticate(incoming, "example.org"), incoming.request

    assert say(2)[0] is not None
    account, request = say(1)
    headers = [(name, request.headers.get(name)) for name in ("From", "Call-ID")]
    number = request.cseq.number
    again = Request("MESSAGE", "sip:bob@example.org", [*headers, ("CSeq", f"{number + 1} MESSAGE")])

    assert (account, world.authenticator.first_cseq(again)) == (None, number)


def test_an_invite_is_taken_by_no_other_node_than_the_one_that_has_challenged_it(world, two_nodes):
    """The digest says nothing of the Call-ID, so that a second call would be as good."""
    nonce = NonceKeeper(b"secret", issuer="north").issue(world.unix_time(), "10.0.0.5")
    credentials = world.authorization(method="INVITE", uri="sip:bob@example.org", nonce=nonce)
    text = world.text(f"Authorization: {credentials}", method="INVITE", uri="sip:bob@example.org")
    incoming = world.receive(text.replace("INVITE", "REGISTER", 1))
    incoming.request.method = "INVITE"

    assert world.authenticator.authenticate(incoming, "example.org") is None
    assert "stale" in incoming.responses[-1].headers.get("WWW-Authenticate")


@pytest.fixture
def later(world):
    """Start a process after this one has ended, with what it has stored; return what made the nonces of that."""
    ended = world.nonces

    def start():
        world.now += 1.0
        world.nonces = NonceKeeper(b"secret")
        world.authenticator = Authenticator(world.directory, world.nonces, unix_time=world.unix_time)
        world.begin()
        return ended

    return start


FIRST = "Contact: <sip:alice@10.0.0.5>"


@pytest.mark.parametrize(
    ("headers", "options", "source"),
    [
        pytest.param(["Contact: <sip:thief@198.51.100.66>"], {}, None, id="for another phone"),
        pytest.param([FIRST, "Contact: <sip:thief@198.51.100.66>"], {}, None, id="for another phone as well"),
        pytest.param(["Contact: *", "Expires: 0"], {}, None, id="for none"),
        pytest.param([FIRST, "Expires: 0"], {}, None, id="for one less"),
        pytest.param([], {}, None, id="to learn where the phone is"),
        pytest.param([FIRST], {"call_id": "another"}, None, id="in another row"),
        pytest.param([FIRST], {"cseq": 6}, None, id="as the next one"),
        pytest.param([FIRST], {}, ("198.51.100.66", 5060), id="from elsewhere"),
    ],
)
def test_what_has_come_to_an_earlier_process_is_good_for_nothing_more(
    world, later, at, headers, options, source
):
    """That one knew that it had come, and the digest says nothing of Contact, Call-ID and CSeq."""
    credentials = f"Authorization: {world.authorization()}"
    world.receive(world.text(credentials, FIRST, cseq=5))
    before = dict(world.writer.rows["binding"]), world.contacts()
    later()
    again = world.receive(
        world.text(credentials, *headers, **{"cseq": 5} | options), at(*source) if source else None
    )

    assert challenge_of(again)["stale"] == "true"
    assert (world.writer.rows["binding"], world.contacts()) == before


def test_what_has_come_to_an_earlier_process_and_is_only_repeated_gets_its_answer(world, later):
    """Its 200 was lost with that process, or its sender has not heard it yet."""
    text = world.text(f"Authorization: {world.authorization()}", FIRST)
    world.receive(text)
    before = dict(world.writer.rows["binding"])
    later()
    answers = [world.receive(text).response for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].headers.get("Contact").startswith("<sip:alice@10.0.0.5>;expires=")
    assert world.writer.rows["binding"] == before


@pytest.mark.parametrize(("age", "status"), [(30.0, 200), (301.0, 401)], ids=["lives", "old"])
def test_what_has_come_to_a_node_that_is_no_more_and_is_only_repeated_gets_its_answer(
    world, two_nodes, age, status
):
    text = world.text(two_nodes(), FIRST)
    world.receive(text)
    before = dict(world.writer.rows["binding"])
    world.now += age
    repeated = world.receive(text)
    other = world.receive(text.replace("10.0.0.5>", "10.0.0.6>"))

    assert repeated.response.status == status
    assert challenge_of(other)["stale"] == "true"
    assert world.writer.rows["binding"] == before


def test_a_phone_that_an_earlier_process_has_challenged_only_answers_again(world, later):
    ended = later()
    old = ended.issue(world.unix_time() - 0.5, "10.0.0.5")
    new = world.nonces.issue(world.unix_time(), "10.0.0.5")
    answers = [
        world.receive(world.text(f"Authorization: {world.authorization(nonce=nonce)}", FIRST)).response
        for nonce in (old, new)
    ]

    assert [answer.status for answer in answers] == [401, 200]
    assert "stale=true" in answers[0].headers.get("WWW-Authenticate")


def test_an_invite_that_an_earlier_process_has_challenged_is_challenged_anew(world, later):
    """That one may have begun a call with it, and nobody remembers: whoever has heard it would have another one."""
    ended = later()

    def judged(nonces, seconds_ago):
        nonce = nonces.issue(world.unix_time() - seconds_ago, "10.0.0.5")
        credentials = world.authorization(method="INVITE", uri="sip:bob@example.org", nonce=nonce)
        incoming = world.receive(world.text(f"Authorization: {credentials}", uri="sip:bob@example.org"))
        incoming.request.method = "INVITE"
        return world.authenticator.authenticate(incoming, "example.org"), incoming

    refused, incoming = judged(ended, 0.5)
    taken, _ = judged(world.nonces, 0.0)

    assert refused is None
    assert "stale=true" in incoming.responses[-1].headers.get("WWW-Authenticate")
    assert taken.username == "alice"
