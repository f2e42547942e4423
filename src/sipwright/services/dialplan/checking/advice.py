"""What to write instead: turns what the checker says into what helps somebody who comes from elsewhere.

A script in another language is one problem, not thirty; a name that does not exist is told with the one that was
probably meant, or with where that thing is here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from ..language.catalogue import CATALOGUE
from ..language.sipsorcery import NAMES, OldHeader, OldName, OldRequest, OldUri
from ..language.values import Call, Request
from .type_words import instead_of

__all__ = ["advice", "foreign_language"]

_RUBY = re.compile(
    r"""^[ \t]*(?:end|begin|(?:elsif|unless|puts|rescue|when|case)\b.*|require\s+['"].*)[ \t]*$"""
    r"""|\#\{|\bthen\b|=~|\|\w+(?:,\s*\w+)*\|\s|\.(?:to_[si]|each|nil\?)|\|\||&&|===|["']\s*=>|%w\(|\$\d""",
    re.MULTILINE,
)
_RUBY_END = re.compile(r"^[ \t]*end[ \t]*$", re.MULTILINE)
_ASTERISK = re.compile(
    r"^\s*(?:exten|same)\s*=>|^\s*\[[\w-]+\]\s*(?:;.*)?$|^\s*(?:context|macro)\s+\w+(?:\(.*\))?\s*\{",
    re.MULTILINE,
)
_JAVASCRIPT = re.compile(
    r"^\s*(?:const|let|var)\s+\w+\s*=|\bfunction\s*\w*\s*\(|=>\s*\{|^\s*\}\s*(?:else\b.*)?$", re.MULTILINE
)
_XML = re.compile(r"\s*<(?:\?xml|!DOCTYPE|html|include|extension|condition|Response)\b", re.IGNORECASE)
_RULES = re.compile(r"^\[\[rule\]\]\s*$", re.MULTILINE)
_LUA = re.compile(r"^\s*local\s+\w+\s*=|^\s*if\b.*\bthen\s*$", re.MULTILINE)

_LANGUAGES = (
    (_XML, 1, "XML", "docs/from-asterisk.md says how each thing is written here"),
    (_ASTERISK, 1, "an Asterisk dialplan", "docs/from-asterisk.md says how each thing is written here"),
    (_LUA, 2, "Lua", "docs/dialplans.md shows the language"),
    *(
        (pattern, signs, "Ruby", "docs/from-ruby.md shows how each thing is written now")
        for pattern, signs in ((_RUBY, 2), (_RUBY_END, 1))
    ),
    (_JAVASCRIPT, 2, "JavaScript", "docs/dialplans.md shows the language"),
)

_NAME = re.compile(r"Name `(\w+)` used when not defined")
_ATTRIBUTE = re.compile(r"Object of type `(\w+)` has no attribute `(\w+)`")
_MODULE = re.compile(r"Cannot resolve imported module `([\w.]+)`")
_OF_OS = re.compile(r"'os\.(\w+)' is not supported")
_MEMBER = re.compile(r"Module `(\w+)` has no member `(\w+)`")
_UNQUOTED = re.compile(r"\bdial\(\s*\w+@\w")
_ADDED = re.compile(r"^\s+(\w+)\s*[-+]=")

_NO_MEDIA = "media never passes through the switch: dial a media server that plays it"
_NO_FILES = "there are no files here: store.get() and store.set() keep values"
_NO_WEB = "http_get() and http_post() ask the web"
_NO_DATABASE = "store.get() and store.set() keep values, http_get() asks a service of yours"
_MAIL = "email() sends mail"
_NO_MODULE = (
    "of Python's modules re, json, math, datetime and random are here, and dialplans of yours: "
    "'from plans.NAME import ...'"
)

_INSTEAD = {
    **dict.fromkeys(("open", "file", "Path"), _NO_FILES),
    **dict.fromkeys(
        (
            "voicemail", "play", "playback", "Playback", "say", "record", "Record", "hold", "answer", "Answer",
            "gather", "Gather", "VoiceResponse", "voice_response", "conference", "Conference", "meetme", "MeetMe",
            "background", "Background", "read_digits", "music_on_hold",
        ),
        _NO_MEDIA,
    ),
    **dict.fromkeys(("queue", "Queue", "fifo"), "sleep() between two dial() is one: 'A queue' in docs/small-office.md"),
    **dict.fromkeys(
        ("page", "Page", "paging", "intercom"),
        "headers={\"Alert-Info\": ...} has a phone answer by itself: 'Intercom' in docs/small-office.md",
    ),
    **dict.fromkeys(("requests", "httpx", "fetch", "curl", "urlopen", "urllib", "aiohttp", "socket"), _NO_WEB),
    **dict.fromkeys(("sqlite3", "psycopg2", "mysql", "sqlalchemy", "redis", "pymysql", "psycopg"), _NO_DATABASE),
    **dict.fromkeys(("smtplib", "sendmail", "send_email", "mail", "send_mail"), _MAIL),
    **dict.fromkeys(("subprocess", "system", "popen", "exec", "eval"), "scripts start no programs; " + _NO_WEB),
    **dict.fromkeys(("hangup", "Hangup", "reject", "busy", "Busy", "decline"), "respond(486) refuses a call"),
    **dict.fromkeys(("forward", "transfer", "bridge", "originate", "Dial", "route"), "dial() rings whoever it names"),
    **dict.fromkeys(("wait", "Wait", "delay"), "sleep() waits"),
    **dict.fromkeys(("puts", "echo", "printf", "console", "logger", "NoOp", "Verbose"), "log() writes a line"),
    **dict.fromkeys(("phonenumbers", "normalize", "normalise"), "e164() writes a number the international way"),
    **dict.fromkeys(("pytz", "zoneinfo", "ZoneInfo"), "now(\"Europe/Dublin\") tells the time of a place"),
    **dict.fromkeys(
        ("on_hangup", "onhangup", "hangup_hook", "api_hangup_hook", "hangup_handler"),
        "dial(..., wait=True) returns when the caller hangs up, too: what is to be done then stands behind it",
    ),
    **dict.fromkeys(
        ("environ", "getenv", "env", "ENV", "dotenv", "keyring", "getpass", "secrets", "Secret", "SECRETS"),
        "secret() reads what 'sipwright secret set NAME' keeps",
    ),
    **dict.fromkeys(("DIALSTATUS", "HANGUPCAUSE", "originate_disposition"), "result = dial(...), then result.status"),
    **dict.fromkeys(("EXTEN", "destination_number", "dst", "number", "To"), "write req.user"),
    **dict.fromkeys(("CALLERID", "caller_id_number", "cid", "From"), "write req.from_user"),
    **dict.fromkeys(("threading", "asyncio", "multiprocessing", "concurrent"), "a script needs none: "
                    'dial("a@local & b@local") rings both at once, and what takes its time waits by itself'),
    **dict.fromkeys(("twilio", "asterisk", "pystrix", "plivo", "ESL", "freeswitch", "vonage", "pjsua2"),
                    "dial(), respond() and req are there without an import: docs/from-asterisk.md"),
    **dict.fromkeys(("input", "raw_input"), "nobody can be asked while a call waits; store.get() has what you keep"),
    "__import__": "scripts import at the top, by name", "self": "write req and call",
    "crm": "http_get() asks a service of yours", "lookup": "a dict in the script does that, or store.get()",
    **dict.fromkeys(("nil", "null", "undefined", "NULL"), "write None"),
    **dict.fromkeys(("true", "TRUE"), "write True"),
    **dict.fromkeys(("false", "FALSE"), "write False"),
    "sys": "write 'from sipsorcery import sys, req' first, or use today's names: docs/from-ruby.md",
    "from_user": "write req.from_user", "from_name": "write req.from_name", "user": "write req.user or call.user",
    "caller": "write req.from_user", "callee": "write req.user", "headers": "write req.headers",
    "session": "write call and req", "channel": "write call and req", "request": "write req",
}  # fmt: skip
"""What stands here for a name of Python, of another switch or of a web service for calls."""

_FIELD_INSTEAD = {
    **dict.fromkeys((("Request", name) for name in ("number", "to_user", "dialled", "dialed", "destination", "exten",
                    "extension", "did", "called", "callee", "dest")), "write req.user"),
    **dict.fromkeys((("Request", name) for name in ("caller", "callerid", "caller_id", "ani", "from_number", "cid",
                    "from_uri")), "write req.from_user"),
    **dict.fromkeys((("Request", name) for name in ("ip", "source_ip", "address", "remote_addr")), "write req.source"),
    **dict.fromkeys((("Request", name) for name in ("id", "call_id", "account", "direction", "provider", "trunk")),
                    "call has what is known of the call: call.id, call.account, call.direction, call.provider"),
    **dict.fromkeys((("Call", name) for name in ("number", "to", "dst")), "write req.user"),
    **dict.fromkeys((("Call", name) for name in ("caller", "from_user", "from_number", "callerid")),
                    "write req.from_user"),
    ("Call", "trunk"): "write call.provider", ("Call", "hangup"): "respond(486) refuses a call",
    **dict.fromkeys((("DialResult", name) for name in ("code", "cause", "dialstatus", "result", "outcome")),
                    "write .status"),
    **dict.fromkeys((("DialResult", name) for name in ("ok", "success", "is_answered")), "write .answered"),
    **dict.fromkeys((("HttpResponse", name) for name in ("status_code", "code")), "write .status"),
    **dict.fromkeys((("HttpResponse", name) for name in ("content", "body", "data")), "write .text"),
}  # fmt: skip
"""What a field is called here, by the object and the name that others know."""

_GONE = {
    **dict.fromkeys(
        ("googlevoicecall", "googlevoicesms", "gtalk", "sendgtalk", "googlecontactlookup", "sendgoogletalk"),
        "that service is gone; callback() calls both ends by SIP, http_get() asks another one",
    ),
    **dict.fromkeys(
        ("dbexecutenonquery", "dbexecutescalar", "dbreadforupdate", "starttransaction", "committransaction",
         "rollbacktransaction"),
        "store.add() and store.replace() change a value at once, whoever else does",
    ),
    **dict.fromkeys(("setcustomcontent", "clearcustombody"), "the body of a call is its own"),
    **dict.fromkeys(("getbalance", "getrate", "setcallercrmdetails"), "http_get() asks a service of yours"),
    **dict.fromkeys(("ismine", "doessipaccountexist", "getsipaccounts"), "is_registered() looks for a phone"),
    **dict.fromkeys(("servicelevel", "authorisedapps"), "there are no levels of service; limits are settings"),
    "redirectresponse": "the result of dial() has .redirect, and sys.RedirectURI is the same",
    "providers": "a dial string names the provider: 'number@NAME'",
    "fromsipaccount": "req.Header.From is who calls, sys.Username the account",
    "dialplancontext": "call has what is known of the run",
    "getcanonicaldomain": "call.account has the account with its domain",
    "whoami": "call.user has your name",
}  # fmt: skip
"""Methods of ``sys`` that are not here any more, in lower case."""

_NEW_REQUEST = "write 'from sipwright import req as request', then "
_GONE_OF_REQUEST = {
    **dict.fromkeys(("unknownheaders", "contact", "callid", "cseq"), f'{_NEW_REQUEST}request.headers["name"]'),
    **dict.fromkeys(("fromtag", "totag"), f'{_NEW_REQUEST}request.headers["from"]'),
    "parameters": "URI.Text is the whole address, with its parameters",
    "tostring": "URI.Text is the whole address", "to_s": "URI.User is a text already",
    "remotesipendpoint": "req.Header.ProxyReceivedFrom is where it came from",
}  # fmt: skip
"""What the old ``req`` had and this one has not, in lower case."""

_OURS = [*{name.partition(".")[0] for name in CATALOGUE}, "req", "call", "store"]
_FIELDS = {
    "Request": list(Request._fields),
    "Call": list(Call._fields),
    **{one.__name__: list(one._fields) for one in (OldRequest, OldUri, OldHeader, OldName)},
    "Store": [name.partition(".")[2] for name in CATALOGUE if name.startswith("store.")],
}


def foreign_language(source: str, *, is_python: bool = False) -> tuple[int, str] | None:
    """Say in which other language a script is that is wrong, and in which line (from 1) that shows."""
    if (rules := _RULES.search(source)) is not None:
        line = source.count("\n", 0, rules.start()) + 1
        return line, "these are rules: 'sipwright dialplan rules set NAME FILE.toml' makes a dialplan of them"
    if is_python:
        return None
    for pattern, most, language, advice_ in _LANGUAGES:
        found = list(pattern.finditer(source))
        if len(found) >= most:
            line = source.count("\n", 0, found[0].end()) + 1
            return line, f"this looks like {language}; dialplans are written in Python: {advice_}"
    return None


def advice(message: str, line: str = "", column: int = 1) -> str:
    """Return a message of the checker, with what to write instead where that is known; `line` is what it is about."""
    if instead := _instead(message) or _from_line(message, line) or instead_of(message, line, column):
        return f"{message}; {instead}"
    return message


def _from_line(message: str, line: str) -> str | None:
    if _NAME.search(message) is None:
        return None
    if _UNQUOTED.search(line):
        return 'a dial string stands in quotes: dial("bob@local")'
    if (added := _ADDED.search(line)) and added[1] in message:
        return f"write 'global {added[1]}' first in the function; each call begins with the first value again"
    return None


def _instead(message: str) -> str | None:
    if match := _NAME.search(message):
        return _INSTEAD.get(match[1]) or _meant(match[1], _OURS)
    if match := _ATTRIBUTE.search(message):
        owner, name = match.groups()
        if owner == "Sys":
            return _GONE.get(name.lower()) or _meant(name, NAMES)
        if owner.startswith("Old"):
            return _GONE_OF_REQUEST.get(name.lower()) or _meant(name, _FIELDS.get(owner, []))
        return _FIELD_INSTEAD.get((owner, name.lower())) or _meant(name, _FIELDS.get(owner, []))
    if match := _MODULE.search(message):
        module = match[1].partition(".")[0]
        return _INSTEAD.get(module, _NO_MODULE)
    if match := _OF_OS.search(message):
        return _INSTEAD.get(match[1])
    if match := _MEMBER.search(message):
        if match[1] == "sys" and match[2] in ("exit", "argv", "stdout", "stderr", "path"):
            return (
                "exit() ends a script"
                if match[2] == "exit"
                else "log() writes a line; a call is in req and call"
            )
        return _INSTEAD.get(match[2]) or _INSTEAD.get(match[1])
    return None


def _meant(name: str, known: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else None
