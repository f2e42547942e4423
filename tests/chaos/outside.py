"""What scripts reach outside: a slow web server and a slow mail server, which count what they are asked for."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from .process import HOST

__all__ = ["Outside"]

THINKING = 1.5
"""Seconds that the web server thinks about a page: many are on their way whenever the switch is killed."""

POSTING = 0.5
"""Seconds that either server takes for what is to be done once."""

_SUBJECT = re.compile(rb"^Subject: (.*?)\r$", re.MULTILINE)


class Outside:
    """Both servers; each call has a page of its own, named by its number, which is the subject of its mail too."""

    def __init__(self) -> None:
        self.gets: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.mails: Counter[str] = Counter()
        self.web_port = self.mail_port = 0
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        for serve in (self._serve_web, self._serve_mail):
            self._servers.append(await asyncio.start_server(_forgiving(serve), HOST, 0))
        self.web_port, self.mail_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def close(self) -> None:
        for server in self._servers:
            server.close()

    @property
    def web(self) -> str:
        """The URL of the web server."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def settings(self) -> dict[str, str]:
        """What the switch has to be told of them."""
        return {
            "DIALPLAN__HTTP_NETWORKS": f'["{HOST}/32"]', "MAIL__SERVER": HOST, "MAIL__PORT": str(self.mail_port),
            "MAIL__SECURITY": "none", "MAIL__SENDER": "switch@example.org",
        }  # fmt: skip

    async def _serve_web(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path = head.decode("latin-1").split(" ")[:2]
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        name = path.removeprefix("/")
        (self.posts if method == "POST" else self.gets)[name] += 1
        await asyncio.sleep(POSTING if method == "POST" else THINKING)
        body = f"page {name}".encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
        )

    async def _serve_mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        while line := await reader.readline():
            match line[:4].upper().strip():
                case b"DATA":
                    writer.write(b"354 Go on\r\n")
                    subject = _SUBJECT.search(await reader.readuntil(b"\r\n.\r\n"))
                    self.mails[subject[1].decode() if subject else ""] += 1
                    await asyncio.sleep(POSTING)
                    writer.write(b"250 OK\r\n")
                case b"QUIT":
                    writer.write(b"221 Bye\r\n")
                    return
                case _:
                    writer.write(b"250 OK\r\n")


def _forgiving(serve):  # type: ignore[no-untyped-def]
    """Serve a client that may be killed at any time."""

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return serve_and_close
