"""Kinds of values that settings have, each with the mistake that it is told by."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from sipwright.errors import UserError

__all__ = [
    "Address",
    "BusAddress",
    "ConfigError",
    "EmergencyNumber",
    "HostName",
    "Ip",
    "Network",
    "NodeName",
    "Origin",
    "PagesUrl",
    "PathPrefix",
    "Region",
    "Section",
    "listen_address",
]


class ConfigError(UserError):
    """Say in one line which setting is wrong and what to write instead."""


def listen_address(text: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 address stands in brackets, as in ``[::]:5060``.

    Raises:
        ValueError: It is none; the text says how one is written.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address; write HOST:PORT, such as 0.0.0.0:5060 or [::]:5060")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address; write one, such as 0.0.0.0 or [::]") from None
    if ":" in bare and not host.startswith("["):
        raise ValueError(f"{text!r} needs brackets around its IPv6 address; write [{bare}]:{port}")
    return bare, int(port)


def _checked_address(text: str) -> str:
    listen_address(text)
    return text


def _checked_ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


def _checked_network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a network; write one, such as 10.1.0.0/16") from None


def _checked_number(text: str) -> str:
    if not text or not set(text) <= set("0123456789*#+"):
        raise ValueError(f"{text!r} is not a number; write it as it is dialled, such as 112")
    return text


def _checked_region(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}|", text):
        raise ValueError(f"{text!r} is not a country; write two letters, such as IE")
    return text.upper()


def _checked_prefix(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", text):
        raise ValueError(f"{text!r} is not the beginning of a path; write one such as /sipwright")
    return text


def _checked_node(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError(
            f"{text!r} is no name for a node; write letters, digits, dots and hyphens, such as node2"
        )
    return text


def _checked_origin(text: str) -> str:
    if not re.fullmatch(r"\*|https?://[^\s/?#@]+", text):
        raise ValueError(
            f'{text!r} is not the origin of pages; write one such as https://phone.example.org, or "*"'
        )
    return text.lower()


def _checked_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError(
            f"{text!r} is not the address of the pages; write one such as https://sip.example.org"
        )
    return text.rstrip("/")


def _checked_host(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?", text):
        raise ValueError(f"{text!r} is no name of a host; write one such as north.example.org")
    return text


def _checked_bus(text: str) -> str:
    if text and not all(re.fullmatch(r"\s*(nats|tls)://[^\s,/]+/?\s*", one) for one in text.split(",")):
        raise ValueError(f"{text!r} is no address of NATS; write one such as nats://10.0.0.3:4222")
    return text


Address = Annotated[str, AfterValidator(_checked_address)]
Network = Annotated[str, AfterValidator(_checked_network)]
Origin = Annotated[str, AfterValidator(_checked_origin)]
EmergencyNumber = Annotated[str, AfterValidator(_checked_number)]
Ip = Annotated[str, AfterValidator(_checked_ip)]
Region = Annotated[str, AfterValidator(_checked_region)]
PathPrefix = Annotated[str, AfterValidator(_checked_prefix)]
NodeName = Annotated[str, AfterValidator(_checked_node)]
PagesUrl = Annotated[str, AfterValidator(_checked_url)]
HostName = Annotated[str, AfterValidator(_checked_host)]
BusAddress = Annotated[str, AfterValidator(_checked_bus)]


class Section(BaseModel):
    """A table of the file; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")
