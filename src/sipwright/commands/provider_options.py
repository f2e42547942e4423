"""The options of ``sipwright provider add`` and ``set``, and what they are checked for before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sipwright.commands.common import CommandError

__all__ = [
    "Account",
    "AnswerWithin",
    "AuthUsername",
    "CallerIn",
    "CallerOut",
    "Calls",
    "Certificate",
    "CertificateKey",
    "From",
    "FromUri",
    "Identity",
    "InPlan",
    "LongestCall",
    "Messages",
    "Name",
    "NumberFormat",
    "NumberIn",
    "Password",
    "Proxy",
    "Realm",
    "TlsVerify",
    "Username",
    "absolute",
    "networks_and_uri",
]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that dial strings use, as in 123@NAME.")]


Username = Annotated[
    str | None,
    typer.Option(
        "--username", metavar="U", help="Our user name there; a trunk that knows us by --from has none."
    ),
]
Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        metavar="P",
        help="Our password there. [default: asked for, or read from standard input]",
    ),
]
AuthUsername = Annotated[
    str | None,
    typer.Option(
        "--auth-username", metavar="U", help="User name for authentication. [default: that of --username]"
    ),
]
Realm = Annotated[
    str | None,
    typer.Option("--realm", metavar="R", help="Answer challenges of this realm only. [default: any]"),
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        "--from-ip",
        metavar="NETWORK",
        help="Calls from there are its, too: 203.0.113.0/29, an address, or tls:NAME, which is who shows a certificate "
        "of that name. Repeatable.",
    ),
]
FromUri = Annotated[
    str | None,
    typer.Option(
        "--from-uri", metavar="URI", help="From of the calls we send, such as sip:35315551234@example.net."
    ),
]
Account = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="The account that takes its calls."),
]
InPlan = Annotated[
    str | None,
    typer.Option(
        "--in", metavar="PLAN", help="The dialplan that decides about its calls, in place of an account."
    ),
]
NumberIn = Annotated[
    str | None,
    typer.Option(
        "--number-in",
        metavar="WHERE",
        help="Where in a call it names the number: uri, to, pcpid (P-Called-Party-ID). [default: auto, a guess]",
    ),
]
Proxy = Annotated[
    str | None, typer.Option("--proxy", metavar="HOST[:PORT]", help="Send everything there first.")
]

AnswerWithin = Annotated[
    float | None,
    typer.Option(
        "--answer-within",
        metavar="SECONDS",
        min=-1,
        max=32,
        help="Try the next one when it says nothing for so long; 0 waits 32 s, -1 is [sip] answer_within again. "
        "[default: [sip] answer_within]",
    ),
]

LongestCall = Annotated[
    float | None,
    typer.Option(
        "--longest-call",
        metavar="SECONDS",
        min=0,
        max=86_400,
        help="End each answered call by it after so long; 0 leaves that to the other limits. [default: 0]",
    ),
]

Calls = Annotated[
    int | None,
    typer.Option(
        "--calls",
        metavar="N",
        min=0,
        help="Calls that may go by it at once, in and out together; 0 for any number. [default: 0]",
    ),
]

TlsVerify = Annotated[
    str | None,
    typer.Option(
        "--tls-verify",
        metavar="HOW",
        help="Look at its certificate as RFC 5922 says (on), let it name *.DOMAIN (wildcard), or not at all (off). "
        "[default: on]",
    ),
]


Certificate = Annotated[
    str | None,
    typer.Option(
        "--certificate",
        metavar="FILE",
        help="Show it this certificate over TLS (PEM). [default: that of [sip]]",
    ),
]
CertificateKey = Annotated[
    str | None,
    typer.Option("--key", metavar="FILE", help="The key of --certificate. [default: in that file]"),
]


CallerOut = Annotated[
    str | None,
    typer.Option(
        "--caller-out",
        metavar="HEADERS",
        help="What tells it the number that calls, one or more of: from, pai, ppi, rpid, diversion, history-info. "
        "[default: nothing but the From that it knows us by]",
    ),
]
CallerIn = Annotated[
    str | None,
    typer.Option("--caller-in", metavar="HEADER", help="Which of these tells us who calls. [default: from]"),
]
NumberFormat = Annotated[
    str | None,
    typer.Option(
        "--number-format",
        metavar="HOW",
        help="Write numbers of callers in E.164 with a plus (plus) or without (digits), both ways. [default: as-is]",
    ),
]
Identity = Annotated[
    str | None,
    typer.Option(
        "--identity",
        metavar="pass|drop",
        help="Pass its Identity (RFC 8224) on, and believe its verstat and attestation. [default: drop]",
    ),
]

Messages = Annotated[
    bool | None,
    typer.Option(
        "--messages/--no-messages",
        help="Ask it how many voice messages wait, and tell the phones of the account that takes its calls (RFC 3842).",
    ),
]


def absolute(path: str | None) -> str | None:
    """Return the path of a file from the root on, as the switch runs elsewhere."""
    return str(Path(path).absolute()) if path else path


def networks_and_uri(
    given: list[str] | None, template: str | None
) -> tuple[tuple[str, ...] | None, str | None]:
    """Tell the networks of --from from the URI that it once took, and still does."""
    uris = [text for text in given or () if text == "" or text.lower().startswith(_URIS)]
    if len(uris) > 1 or (uris and template is not None):
        raise CommandError("there is one From of the calls we send; give --from-uri once")
    networks = tuple(text for text in given or () if text not in uris)
    if "-" in networks and len(networks) > 1:
        raise CommandError("'--from -' takes all networks away; give it alone")
    places = None if not networks else () if networks == ("-",) else networks
    return places, uris[0] if uris else template


_URIS = ("sip:", "sips:", "<")
