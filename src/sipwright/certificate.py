"""The certificate of the pages: read by the switch to see whether it is one, and by the process that serves them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipwright.config import Settings

__all__ = ["tls_context"]


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Read the certificate of ``[web]`` and its key, None where there is none.

    Raises:
        OSError: They cannot be read, or do not belong together.
    """
    if not settings.web.certificate:
        return None
    folder = settings.data_dir
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(folder / settings.web.certificate, folder / settings.web.key)
    return context
