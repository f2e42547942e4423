"""A phone for tests behind NATs: one process, one account, one call, and RTP that it counts.

``python nat_phone.py SWITCH ADDRESS PORT NAME PASSWORD [CALLEE]`` registers, says ``ready``, and waits for a call, or
for a line on its standard input, and calls. Once the two are connected it says ``talking``, sends a packet of RTP to
where the other's description says for each line ``send``, and hangs up, or waits for that, after ``end``: so nothing
depends on when either of them gets round to it. With ``LATCH`` in the environment it sends on to where it hears from,
with ``MEDIA`` it names that address in place of its own. The last line is how many packets it has heard. Standard
library only.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import select
import socket
import sys
import time

UNDER_WAY = 0.2
"""Seconds in which what was sent last has come."""
RTP = b"\x80\x00" + bytes(10) + bytes(160)


class Phone:
    def __init__(self, switch, address, port, name, password):
        self.switch, self.address, self.port = switch, address, port
        self.name, self.password = name, password
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind((address, port))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((address, port + 1000))
        self.rtp.setblocking(False)
        self.cseq = 0
        self.tag = f"{random.getrandbits(48):x}"
        self.call_id = f"{random.getrandbits(64):x}"
        self.contact = f"Contact: <sip:{name}@{address}:{port}>\r\n"
        self.latches = bool(os.environ.get("LATCH"))

    def request(self, method, uri, to, extra="", body="", branch=None, cseq=None):
        self.cseq += cseq is None
        branch = branch or f"z9hG4bK{random.getrandbits(64):x}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address}:{self.port};rport;branch={branch}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.name}@{self.switch[0]}>;tag={self.tag}\r\nTo: {to}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq or self.cseq} {method}\r\n{self.contact}{extra}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def sdp(self):
        media = os.environ.get("MEDIA", self.address)
        return (
            f"v=0\r\no=- 1 1 IN IP4 {media}\r\ns=-\r\nc=IN IP4 {media}\r\nt=0 0\r\n"
            f"m=audio {self.port + 1000} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )

    def receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.sip], [], [], left)[0]:
            return None
        return self.sip.recvfrom(65_535)[0].decode("utf-8", "replace")

    def ask(self, method, uri, to, extra="", body="", patience=60.0):
        """Send a request, with credentials where they are asked for; returns the final response."""
        challenge = ""
        while True:
            message = self.request(method, uri, to, extra + self.credentials(method, uri, challenge), body)
            cseq, deadline, again = self.cseq, time.monotonic() + patience, time.monotonic()
            while True:
                if time.monotonic() >= again:
                    self.sip.sendto(message, self.switch)
                    again = time.monotonic() + 0.5
                answer = self.receive(min(deadline, again))
                if answer is None:
                    if time.monotonic() >= deadline:
                        raise SystemExit(f"{method}: no answer")
                    continue
                if not answer.startswith("SIP/2.0") or f"CSeq: {cseq} {method}" not in answer:
                    continue
                again = deadline + 1  # it is heard: no more copies
                if int(answer.split()[1]) >= 200:
                    break
            if int(answer.split()[1]) in (401, 407) and not challenge:
                if method == "INVITE":
                    self.acknowledge(uri, answer, cseq, message)
                challenge = re.search(r"(?im)^(?:www|proxy)-authenticate: .*$", answer)[0]
                continue
            return answer, cseq

    def credentials(self, method, uri, challenge):
        if not challenge:
            return ""
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        realm, nonce = said["realm"], said["nonce"]

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        ha1, ha2 = md5(f"{self.name}:{realm}:{self.password}"), md5(f"{method}:{uri}")
        response = md5(f"{ha1}:{nonce}:00000001:abcd:auth:{ha2}")
        head = "Proxy-Authorization" if challenge.lower().startswith("proxy") else "Authorization"
        return (
            f'{head}: Digest username="{self.name}", realm="{realm}", nonce="{nonce}", uri="{uri}", qop=auth, '
            f'nc=00000001, cnonce="abcd", response="{response}", algorithm=MD5\r\n'
        )

    def acknowledge(self, uri, answer, cseq, invite=None):
        to = re.search(r"(?im)^to: (.*)$", answer)[1].strip()
        branch = None
        if invite is not None:
            branch = re.search(rb"branch=(\S+)", invite)[1].decode()
        route = "".join(
            f"Route: {one.strip()}\r\n" for one in re.findall(r"(?im)^record-route: (.*)$", answer)
        )
        self.sip.sendto(self.request("ACK", uri, to, route, branch=branch, cseq=cseq), self.switch)

    def talk(self, description):
        """Send audio when it is told to, and count what comes; returns the count."""
        host = re.search(r"(?m)^c=IN IP4 (\S+)", description)[1]
        port = int(re.search(r"(?m)^m=audio (\d+)", description)[1])
        target, sources = (host, port), []
        print("talking", flush=True)
        while sys.stdin.readline() == "send\n":
            sources += self.hear(0.0)
            if self.latches and sources:
                target = sources[-1]
            try:
                self.rtp.sendto(RTP, target)
            except OSError:
                pass
            print("sent", flush=True)
        return len(sources + self.hear(UNDER_WAY))

    def hear(self, patience):
        """Return where the packets are from that have come, or still do."""
        sources = []
        while select.select([self.rtp], [], [], patience)[0]:
            try:
                sources.append(self.rtp.recvfrom(2_048)[1])
            except OSError:  # somebody has said that what was sent led nowhere
                continue
        return sources

    def call(self, callee):
        uri = f"sip:{callee}@{self.switch[0]}"
        answer, cseq = self.ask("INVITE", uri, f"<{uri}>", body=self.sdp())
        if not answer.startswith("SIP/2.0 200"):
            raise SystemExit(answer.split("\r\n")[0])
        contact = re.search(r"(?im)^contact: .*?<([^>]+)>", answer)[1]
        self.acknowledge(contact, answer, cseq)
        heard = self.talk(answer)
        self.ask("BYE", contact, re.search(r"(?im)^to: (.*)$", answer)[1].strip())
        return heard

    def answer(self):
        deadline = time.monotonic() + 60
        while (request := self.receive(deadline)) is not None:
            if not request.startswith("INVITE"):
                continue
            lines = re.findall(r"(?im)^((?:via|from|call-id|cseq|record-route): .*?)\r?$", request)
            to = re.search(r"(?im)^(to: .*?)\r?$", request)[1]
            head = "\r\n".join(lines) + f"\r\n{to};tag={self.tag}\r\n{self.contact}"
            body = self.sdp()
            self.sip.sendto(f"SIP/2.0 180 Ringing\r\n{head}Content-Length: 0\r\n\r\n".encode(), self.switch)
            self.sip.sendto(
                f"SIP/2.0 200 OK\r\n{head}Content-Type: application/sdp\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode(),
                self.switch,
            )
            heard = self.talk(request)
            while (farewell := self.receive(time.monotonic() + 60)) is not None:
                if farewell.startswith("BYE"):
                    lines = re.findall(r"(?im)^((?:via|from|to|call-id|cseq): .*?)\r?$", farewell)
                    said = "\r\n".join(("SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""))
                    self.sip.sendto(said.encode(), self.switch)
                    break
            return heard
        raise SystemExit("nobody called")


def main():
    host, address, port, name, password, *callee = sys.argv[1:]
    phone = Phone((host, 5060), address, int(port), name, password)
    aor = f"sip:{name}@{host}"
    answer, _ = phone.ask("REGISTER", f"sip:{host}", f"<{aor}>", "Expires: 300\r\n")
    print("ready" if answer.startswith("SIP/2.0 200") else answer.split("\r\n")[0], flush=True)
    if callee:
        sys.stdin.readline()
        print(phone.call(callee[0]), flush=True)
    else:
        print(phone.answer(), flush=True)


main()
