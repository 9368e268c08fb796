"""What TLS and HTTP/2 cost: hits over kept connections, and handshakes, full and resumed."""

import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.harness.process import BenchError

from . import h2load
from .case import Bench, Case
from .cases import KIB, Account, Hit, loaded, must_be_whole, must_not_reach_origin
from .check import trusting_all, warm
from .results import Record
from .systems.base import Running, System

SMOKE_HANDSHAKES = 20


class SecureHit(Hit):
    """A hit over TLS and HTTP/1.1, by wrk."""

    def url_of(self, running: Running, path: str) -> str:
        return running.secure_url(path)


@dataclass
class Http2Hit(Case):
    """A hit over TLS and HTTP/2, by h2load, with so many streams at a time on each connection."""

    name: str
    body_bytes: int
    connections: int
    streams: int = 8

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        path = f"/o/{self.body_bytes}/hit"
        url = running.secure_url(path)
        warm(bench.origin, url, "o")
        record, run = loaded(
            bench, self, running, round_number, url, self.connections,
            by=lambda: h2load.run(url, self.connections, self.streams, bench.seconds, bench.enough_of(self), bench.directory))
        must_not_reach_origin(record)
        must_be_whole(record, run, self.connections * self.streams, self.body_bytes)
        return [record]


@dataclass
class Handshakes(Case):
    """Connections one after another, each for one hit; `resumed`: each with the session of the one before it."""

    name: str
    resumed: bool

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        url = running.secure_url("/o/1024/hit")
        warm(bench.origin, url, "o")
        context = trusting_all()
        session = connect_once(context, url, None).session
        account, took_ms, began = Account(bench, running, kind="o"), [], time.monotonic()
        while len(took_ms) < SMOKE_HANDSHAKES or (not bench.smoke and time.monotonic() - began < bench.seconds):
            this = time.monotonic()
            connection = connect_once(context, url, session if self.resumed else None)
            took_ms.append((time.monotonic() - this) * 1000)
            if connection.resumed != self.resumed:
                raise BenchError(f"handshake {len(took_ms)} with {url} was{'' if connection.resumed else ' not'} resumed")
            session = connection.session
        seconds = time.monotonic() - began
        cpu_ns, user, kernel, upstream = account.end()
        cpu_us, took_ms = cpu_ns / 1000 / len(took_ms), sorted(took_ms)
        return [Record(
            self.name, running.name, round_number, requests=len(took_ms), seconds=round(seconds, 3),
            requests_per_s=round(len(took_ms) / seconds, 1), cpu_us_per_request=round(cpu_us, 3),
            user_us_per_request=round(cpu_us * user / max(1, user + kernel), 3),
            p50_ms=round(took_ms[len(took_ms) // 2], 3), p99_ms=round(took_ms[len(took_ms) * 99 // 100], 3),
            p999_ms=round(took_ms[len(took_ms) * 999 // 1000], 3), upstream_requests=upstream)]


@dataclass(frozen=True)
class Connected:
    """What a connection has left: its session, and whether it was one of before."""

    session: ssl.SSLSession | None
    resumed: bool


def connect_once(context: ssl.SSLContext, url: str, session: ssl.SSLSession | None) -> Connected:
    """A handshake, a request, its whole answer. Tickets of TLS 1.3 come with the answer."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 30) as plain, \
            context.wrap_socket(plain, session=session) as stream:
        stream.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := stream.recv(65536):
            answer += part
        if not answer.startswith(b"HTTP/1.1 200"):
            raise BenchError(f"{url} was answered {answer[:100]!r}")
        return Connected(stream.session, bool(stream.session_reused))


TLS_CASES: list[Case] = [
    SecureHit("tls-hit-1k-c64", 1 * KIB, 64),
    SecureHit("tls-hit-16k-c64", 16 * KIB, 64),
    Http2Hit("h2-hit-1k-c8", 1 * KIB, 8),
    Handshakes("tls-full", resumed=False),
    Handshakes("tls-resumed", resumed=True),
]
