"""A registrar with three accounts, and a phone to register with it."""

from dataclasses import dataclass, field

from tests.memory_writer import MemoryWriter

from sipwright.services.authentication import Authenticator
from sipwright.services.registrar import LocationService, LocationTable, Registrar
from sipwright.sip import Reject, Request, make_response, parse
from sipwright.sip.digest import answer, ha1
from sipwright.sip.nonces import NonceKeeper

NOW = 5_000.0
NOW_UNIX = 1_763_640_000.0


@dataclass
class FakeAccount:
    id: int
    username: str
    domain: str
    algorithm: str = "MD5"
    is_enabled: bool = True

    @property
    def ha1(self):
        return {self.algorithm: ha1(self.username, self.domain, "secret", self.algorithm)}


class FakeDirectory:
    """Serves example.org, its own address 192.0.2.1:5060 as an alias of it, and strong.example."""

    def __init__(self):
        self.algorithms = {"example.org": "MD5", "strong.example": "SHA-256"}
        self.accounts = [
            FakeAccount(1, "alice", "example.org"),
            FakeAccount(2, "bob", "example.org"),
            FakeAccount(3, "carol", "strong.example", "SHA-256"),
            FakeAccount(4, "eve", "example.org", is_enabled=False),
        ]

    def account(self, username, domain):
        return next((a for a in self.accounts if (a.username, a.domain) == (username, domain)), None)

    def served_domain(self, host, port):
        if host in self.algorithms:
            return host
        return "example.org" if (host, port or 5060) == ("192.0.2.1", 5060) else None

    def digest_algorithm(self, domain):
        return self.algorithms[domain]


@dataclass(frozen=True)
class FakeFlow:
    remote: tuple = ("203.0.113.9", 40_001)
    protocol: str = "udp"
    is_known: bool = False

    @property
    def is_reliable(self):
        return self.protocol != "udp"

    def vouch(self):
        """Nothing depends on it here."""

    @property
    def key(self):
        return f"{self.protocol}/192.0.2.1:5060/{self.remote[0]}:{self.remote[1]}"


@dataclass
class RecordedIncoming:
    request: Request
    flow: FakeFlow
    now: float
    responses: list = field(default_factory=list)
    has_transaction: bool = False

    @property
    def source(self):
        return self.flow.remote

    @property
    def transaction(self):
        self.has_transaction = True
        return self

    def respond(self, status, reason=None, *, headers=()):
        self.has_transaction = True
        self.responses.append(make_response(self.request, status, reason, to_tag="t", headers=headers))

    def reply_statelessly(self, status, reason=None, *, headers=()):
        assert not self.has_transaction
        self.responses.append(make_response(self.request, status, reason, to_tag="t", headers=headers))

    @property
    def response(self):
        (response,) = self.responses
        return response


class World:
    """The registrar with its surroundings, and what a phone does to it."""

    def __init__(self):
        self.now = NOW
        self.directory = FakeDirectory()
        self.writer = MemoryWriter(at_once=True)
        self.nonces = NonceKeeper(b"secret")
        self.locations = LocationTable()
        self.authenticator = Authenticator(
            self.directory, self.nonces, unix_time=self.unix_time, flow_keys=self.locations.flow_keys
        )
        self.cseq = 0
        self.begin()

    def begin(self, locations=None, **options):
        """Begin with what is in a table, its own or another one."""
        self.service = LocationService(
            self.locations if locations is None else locations,
            self.writer,
            unix_time=self.unix_time,
            **options,
        )
        self.registrar = Registrar(self.directory, self.authenticator, self.service)

    def unix_time(self):
        return self.now - NOW + NOW_UNIX

    def receive(self, text, flow=None):
        """Offer a request to the registrar as the pipeline does."""
        request = parse(text.replace("\n", "\r\n").encode("utf-8", "surrogateescape"))
        incoming = RecordedIncoming(request, flow or FakeFlow(), self.now)
        try:
            assert self.registrar(incoming) is True
        except Reject as reject:
            answer_ = incoming.respond if incoming.has_transaction else incoming.reply_statelessly
            answer_(reject.status, reject.reason, headers=reject.headers)
        return incoming

    def authorization(self, user="alice", domain="example.org", **options):
        """The credentials header that answers a fresh challenge."""
        algorithm = options.get("algorithm", "MD5")
        nonce = options.get("nonce") or self.nonces.issue(self.unix_time())
        secret = ha1(user, domain, options.get("password", "secret"), algorithm)
        return answer(
            [f'Digest realm="{domain}", nonce="{nonce}", algorithm={algorithm}, qop="auth"'],
            options.get("method", "REGISTER"),
            options.get("uri", f"sip:{domain}"),
            user,
            lambda *_: secret,
            "c0ffee",
            options.get("nc", 1),
        )

    def text(
        self, *headers, aor="alice@example.org", uri="sip:example.org", cseq=None, call_id="one", **other
    ):
        """A REGISTER; the headers come after the obligatory ones."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        lines = [
            f"{other.get('method', 'REGISTER')} {uri} SIP/2.0",
            "Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK1;rport",
            f"From: <sip:{aor}>;tag=1",
            f"To: <sip:{aor}>",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} REGISTER",
            "Max-Forwards: 70",
            *headers,
        ]
        return "\n".join(lines) + "\n\n"

    def register(self, *headers, flow=None, **options):
        """Register with the right password, and return the request as it was answered."""
        user, _, domain = options.get("aor", "alice@example.org").partition("@")
        credentials = f"Authorization: {self.authorization(user, domain)}"
        return self.receive(self.text(credentials, *headers, **options), flow)

    def contacts(self, account_id=1):
        """The contacts of an account that are in the table now, the oldest first."""
        return [b.contact for b in self.locations.bindings(account_id) if not b.has_expired(self.now)]

    def stored(self, account_id=1):
        """The contacts of an account that are in the database."""
        return sorted(contact for owner, contact in self.writer.rows["binding"] if owner == account_id)
