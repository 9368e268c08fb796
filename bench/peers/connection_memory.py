"""Memory of a connection that rests: resident memory with many of them, each of which has had one answer.

So many are connected before that what is taken once is there; what more of them take is divided by their number.
"""

import contextlib
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.harness.process import BenchError

from .case import Bench, Case
from .cases import must_cache
from .check import fetch, trusting_all
from .results import Record
from .systems.base import Running, System

CONNECTIONS = 2_000
BEFORE = 200
SMOKE_CONNECTIONS = 40
CACHE_BYTES = 1 << 26


@dataclass
class ConnectionMemory(Case):
    """Bytes for each connection."""

    name: str
    path: str
    over_tls: bool = False
    rounds = 1
    own_instance = True
    group = "memory of connections"

    def expected_s(self, bench: Bench, system: System) -> float:
        return 5 if system.caches else 0

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        must_cache(system)
        count = SMOKE_CONNECTIONS if bench.smoke else CONNECTIONS
        directory = bench.directory / f"{self.name}-{system.name}"
        with system.start(bench.origin.address, CACHE_BYTES, directory) as own, contextlib.ExitStack() as stack:
            url = own.secure_url(self.path) if self.over_tls else own.url(self.path)
            fetch(url)
            for _ in range(count if bench.smoke else BEFORE):
                stack.enter_context(connected(url))
            before = own.resident_bytes()
            for _ in range(count):
                stack.enter_context(connected(url))
            grown = own.resident_bytes() - before
        # What is too small to be seen in pages counts as a byte.
        return [Record(self.name, system.name, round_number, requests=count, value=max(1, round(grown / count)),
                       unit="bytes per connection")]


def connected(url: str) -> socket.socket:
    """A connection that has had its answer."""
    parts = urlsplit(url)
    stream = socket.create_connection((parts.hostname, parts.port), 30)
    if parts.scheme == "https":
        stream = trusting_all().wrap_socket(stream)
    stream.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
        part = stream.recv(65536)
        if not part:
            raise BenchError(f"{url}: the connection ended after {answer[:100]!r}")
        answer += part
    return stream


CONNECTION_CASES: list[Case] = [
    ConnectionMemory("connection-memory-hit", "/o/100/hit"),
    ConnectionMemory("connection-memory-pass", "/pass/100"),
    ConnectionMemory("connection-memory-tls", "/o/100/hit", over_tls=True),
]
