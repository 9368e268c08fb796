"""A crowd on one cold key: everybody asks at once for what nobody has, of an origin that takes its time.

The goal is one request upstream. The crowd is a loop over sockets that are connected beforehand, so that all requests
leave together; wrk can't send one request each and stop.
"""

import contextlib
import re
import selectors
import socket
import time
from dataclasses import dataclass

from bench.harness.process import BenchError

from .case import Bench, Case
from .cases import must_cache
from .results import Record
from .systems.base import Running, System

ORIGIN_MS = 200
BODY_BYTES = 1024
DEADLINE_S = 60


@dataclass
class ColdKey(Case):
    """So many clients, one cold key, one answer each."""

    name: str = "cold-key-c1000"
    clients: int = 1000
    group = "cold key"

    def expected_s(self, bench: Bench, system: System) -> float:
        return 1 if system.caches else 0

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        must_cache(system)
        clients = 50 if bench.smoke else self.clients
        path = f"/slow/{ORIGIN_MS}/cold-{round_number}-{time.monotonic_ns()}"
        running.url(path)
        before, cpu_before = bench.origin.requests("slow"), running.cpu_ns()
        took_ms = crowd(running.address, path, clients)
        return [Record(
            case=self.name, system=running.name, round=round_number, requests=clients,
            cpu_us_per_request=round((running.cpu_ns() - cpu_before) / 1000 / clients, 3),
            p50_ms=round(took_ms[clients // 2], 3), p99_ms=round(took_ms[clients * 99 // 100], 3),
            resident_bytes=running.resident_bytes(), upstream_requests=bench.origin.requests("slow") - before,
            all_answered_ms=round(took_ms[-1], 3))]


class Client:
    """One connection that waits for one answer."""

    def __init__(self, address: str):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.received = b""

    def ask(self, request: bytes) -> None:
        """Sends it; it fits into any socket's buffer."""
        self.socket.sendall(request)
        self.socket.setblocking(False)

    def is_answered(self) -> bool:
        """Takes what has come. Raises BenchError where it is not the whole answer that it should be."""
        with contextlib.suppress(BlockingIOError):
            piece = self.socket.recv(65536)
            if not piece:
                raise BenchError(f"one of the crowd was left without its answer; it had {self.received[:300]!r}")
            self.received += piece
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchError(f"one of the crowd was answered {head!r}")
        length = re.search(rb"(?mi)^content-length:\s*(\d+)", head)
        if length:
            whole = len(body) >= int(length[1])
        else:
            whole = body.endswith(b"0\r\n\r\n")
        if whole and length and int(length[1]) != BODY_BYTES:
            raise BenchError(f"one of the crowd got {length[1]!r} bytes in place of {BODY_BYTES}")
        return whole


def crowd(address: str, path: str, clients: int) -> list[float]:
    """Milliseconds from the first request to each answer, in the order in which they came."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        waiting = [Client(address) for _ in range(clients)]
        for client in waiting:
            stack.callback(client.socket.close)
            selector.register(client.socket, selectors.EVENT_READ, client)
        began = time.monotonic()
        for client in waiting:
            client.ask(request)
        took_ms: list[float] = []
        while len(took_ms) < clients:
            if time.monotonic() - began > DEADLINE_S:
                raise BenchError(f"{clients - len(took_ms)} of {clients} were without an answer after {DEADLINE_S} s")
            for key, _ in selector.select(timeout=1):
                if key.data.is_answered():
                    took_ms.append((time.monotonic() - began) * 1000)
                    selector.unregister(key.data.socket)
        return took_ms
