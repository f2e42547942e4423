"""``[sip]`` and ``[stun]``: where the switch listens, and what it serves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .values import Address, EmergencyNumber, Ip, Network, Origin, Section, listen_address

__all__ = ["SIP_CERTIFICATE", "SIP_KEY", "TRANSPORTS", "CertificateSettings", "SipSettings", "StunSettings"]

SIP_CERTIFICATE = "sip-certificate.pem"
SIP_KEY = "sip-key.pem"
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
"""What SIP may be spoken over, as the settings name it."""


class CertificateSettings(Section):
    """``[[sip.certificates]]``: the files (PEM) of one more certificate, for who asks for a name that it has."""

    certificate: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]


class SipSettings(Section):
    """``[sip]``: where the switch listens, what it serves, how long registrations last.

    `networks` are those inside that scripts and strangers may have it send to. `certificate` and `key` are shown over
    TLS, one of `certificates` to who asks for its name; `authorities` are believed beside those of the system, and of
    `client_authorities` certificates are asked for. `origins` are the sites whose pages may open WebSockets.
    `session_expires` and `min_se` are of session timers (RFC 4028), and `probe` is how often an end is asked whether it
    is there that has none.
    """

    udp: list[Address] = ["0.0.0.0:5060"]
    tcp: list[Address] = ["0.0.0.0:5060"]
    tls: list[Address] = []
    ws: list[Address] = []
    wss: list[Address] = []
    certificate: Annotated[str, Field(min_length=1)] = SIP_CERTIFICATE
    key: Annotated[str, Field(min_length=1)] = SIP_KEY
    certificates: list[CertificateSettings] = []
    authorities: str = ""
    client_authorities: str = ""
    origins: list[Origin] = []
    domains: list[str] = []
    public_address: Ip | None = None
    networks: list[Network] = []
    calls_per_account: Annotated[int, Field(ge=1)] = 500
    max_bindings: Annotated[int, Field(ge=1, le=100)] = 10
    min_expires: Annotated[int, Field(ge=1, le=3600)] = 60
    max_expires: Annotated[int, Field(ge=60, le=86400)] = 3600
    nat_expires: Annotated[int, Field(ge=30, le=3600)] = 120
    emergency: list[EmergencyNumber] = ["112", "911", "999", "000", "110", "119"]
    answer_within: Annotated[float, Field(ge=0, le=32)] = 4.0
    longest_call: Annotated[float, Field(ge=0, le=86_400)] = 14_400.0
    session_expires: Annotated[int, Field(ge=0, le=86_400)] = 1800
    min_se: Annotated[int, Field(ge=90, le=86_400)] = 90
    probe: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    accept: Literal["anyone", "trunks"] = "anyone"
    dns: Address | None = None
    keep_alive: Literal["off", "empty", "options"] = "off"

    @model_validator(mode="after")
    def _listens(self) -> SipSettings:
        if not self.listens:
            raise ValueError("udp and tcp are both empty, so nobody could reach the switch; give an address")
        return self

    @model_validator(mode="after")
    def _refreshes(self) -> SipSettings:
        if 0 < self.session_expires < self.min_se:
            raise ValueError(
                f"session_expires = {self.session_expires} is less than min_se = {self.min_se}; give a longer one, or "
                "0 for no session timers"
            )
        return self

    @property
    def listens(self) -> list[tuple[str, str]]:
        """Where to listen, as transports with their addresses, the usual ones first."""
        return [(name, text) for name in TRANSPORTS for text in getattr(self, name)]

    def addresses(self, transport: str) -> list[tuple[str, int]]:
        """Where to listen on a transport."""
        return [listen_address(text) for text in getattr(self, transport)]


class StunSettings(Section):
    """``[stun]``: where STUN is answered beside the UDP addresses of SIP, which do so anyway.

    Two addresses with nothing in common, such as 192.0.2.1:3478 and 192.0.2.2:3479, make four sockets, with which
    `sipwright nat-check` and other clients find out what a NAT does.
    """

    listen: list[Address] = []

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where to listen."""
        return [listen_address(text) for text in self.listen]
