"""What a request costs: hits of several sizes and crowds, many keys, coded and plain answers, validations, misses.

Each case first shows by single requests that the system does what the case says, then loads it, and then looks whether
the origin noticed what it should: nothing for hits, every request for misses.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.harness.process import BenchError

from . import load
from .case import Bench, Case
from .check import Answer, fetch, warm
from .each import Asking, ask_each
from .results import Record
from .systems.base import Running, System, Unsupported

KIB = 1024
KEYS = 10_000
SMOKE_CONNECTIONS_MAX = 1_000
GZIP = {"Accept-Encoding": "gzip"}
IDENTITY = {"Accept-Encoding": "identity"}
"""Said outright: who says nothing accepts any coding."""
HEAD_BYTES_MAX = 2 * KIB
"""No head here is longer, so that the bytes received tell whether bodies came whole."""


@dataclass
class Hit(Case):
    """One object, asked for again and again. `kind` is the origin's; `headers` are sent with each request."""

    name: str
    body_bytes: int
    connections: int
    kind: str = "o"
    headers: dict[str, str] = field(default_factory=dict)
    connect_first: bool = False
    """True: only what comes after all connections are made is accounted for. So many take their time to be made."""

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        path = f"/{self.kind}/{self.body_bytes}/hit"
        url = self.url_of(running, path)
        answer = warm(bench.origin, url, self.kind, self.headers) if system.caches else fetch(url, self.headers)
        body_bytes = self.checked(answer)
        connections = min(self.connections, SMOKE_CONNECTIONS_MAX) if bench.smoke else self.connections
        record, run = loaded(bench, self, running, round_number, url, connections, headers=self.headers,
                             connect_first=self.connect_first and not bench.smoke)
        must_not_reach_origin(record)
        must_be_whole(record, run, connections, body_bytes)
        if self.checked(fetch(url, self.headers)) != body_bytes:
            raise BenchError(f"{url} changed its length while it was measured")
        return [record]

    def url_of(self, running: Running, path: str) -> str:
        """The URL that clients ask for."""
        return running.url(path)

    def checked(self, answer: Answer) -> int:
        """The length of the body, which is the object as the origin makes it."""
        must_be(200, answer)
        if len(answer.body) != self.body_bytes or "content-encoding" in answer.fields:
            raise BenchError(f"wanted {self.body_bytes} bytes, plain, and got {len(answer.body)} {answer.fields}")
        return len(answer.body)


class GzipHit(Hit):
    """The same object for clients that accept gzip."""

    def checked(self, answer: Answer) -> int:
        must_be(200, answer)
        if answer.fields.get("content-encoding") != "gzip" or len(answer.body) >= self.body_bytes:
            raise BenchError(f"wanted gzip, and got {len(answer.body)} bytes {answer.fields}")
        return len(answer.body)


@dataclass
class NotModified(Case):
    """A client that has the answer already: `If-None-Match` that matches."""

    name: str
    body_bytes: int
    connections: int

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        must_cache(system)
        url = running.url(f"/o/{self.body_bytes}/hit")
        headers = {"If-None-Match": warm(bench.origin, url, "o").fields["etag"]}
        self.checked(fetch(url, headers))
        record, run = loaded(bench, self, running, round_number, url, self.connections, headers=headers)
        must_not_reach_origin(record)
        must_be_whole(record, run, self.connections, 0)
        self.checked(fetch(url, headers))
        return [record]

    def checked(self, answer: Answer) -> None:
        """That it is a 304 without a body."""
        must_be(304, answer)
        if answer.body:
            raise BenchError(f"a 304 with {len(answer.body)} bytes of body")


@dataclass
class ManyKeys(Case):
    """So many objects, asked for at random."""

    name: str
    body_bytes: int
    connections: int
    keys: int = KEYS

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        keys = 100 if bench.smoke else self.keys
        prefix = f"/o/{self.body_bytes}/key"
        url = running.url(prefix + "0")
        if system.caches:
            self.fill(bench, running, prefix, keys)
        script = load.random_keys(prefix, keys, seed=round_number)
        record, run = loaded(bench, self, running, round_number, url, self.connections, script=script)
        must_not_reach_origin(record)
        must_be_whole(record, run, self.connections, self.body_bytes)
        return [record]

    def fill(self, bench: Bench, running: Running, prefix: str, keys: int) -> None:
        """Asks for all of them until the origin notices none."""
        for _ in range(4):
            before = bench.origin.requests("o")
            answers = ask_each(running.address, Asking(prefix, keys), bench.directory, self.connections)
            if answers.not_ok:
                raise BenchError(f"{answers.not_ok} of {keys} keys were not answered with 200")
            missed = bench.origin.requests("o") - before
            if missed == 0:
                return
        raise BenchError(f"of {keys} keys {missed} were fetched anew though all had been asked for")


@dataclass
class Uncached(Case):
    """Requests that must all reach the origin: each for another key (`o`, `gzip`), or for what may not be stored (`pass`)."""

    name: str
    kind: str
    body_bytes: int
    connections: int
    headers: dict[str, str] = field(default_factory=dict)
    upload_bytes: int = 0
    """Each request carries so many."""

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        must_cache(system)
        bench.origin.settle(self.kind)
        run_number = f"{round_number}-{time.monotonic_ns()}"
        prefix = f"/{self.kind}/{self.body_bytes}/miss-{run_number}-" if self.kind != "pass" else ""
        url = running.url(prefix + "0" if prefix else f"/pass/{self.body_bytes}")
        answer = fetch(url, self.headers)
        must_be(200, answer)
        is_coded = answer.fields.get("content-encoding") == "gzip"
        if is_coded != (self.kind == "gzip") or (not is_coded and len(answer.body) != self.body_bytes):
            raise BenchError(f"wanted {self.body_bytes} bytes of {url}, and got {len(answer.body)} {answer.fields}")
        script = load.new_keys(prefix) if prefix else load.uploads(self.upload_bytes) if self.upload_bytes else ""
        record, run = loaded(bench, self, running, round_number, url, self.connections, self.headers, script)
        # Coded bodies differ by a few bytes from one another.
        if not is_coded:
            must_be_whole(record, run, self.connections, len(answer.body))
        if not record.requests <= record.upstream_requests <= record.requests + self.connections:
            raise BenchError(f"{record.requests} requests, but {record.upstream_requests} at the origin")
        return [record]


class Account:
    """What a system has used so far, as the kernel counts it, and what its origin was asked."""

    def __init__(self, bench: Bench, running: Running, kind: str):
        self.take = lambda: (running.cpu_ns(), *running.user_share(), bench.origin.requests(kind))
        self.begin()

    def begin(self) -> None:
        """Counts from now on."""
        self.before = self.take()

    def end(self) -> tuple[int, int, int, int]:
        """Nanoseconds on a processor, ticks outside and inside the kernel, requests at the origin."""
        return tuple(after - before for after, before in zip(self.take(), self.before))


def loaded(bench: Bench, case: Case, running: Running, round_number: int, url: str, connections: int,
           headers: dict[str, str] | None = None, script: str = "", connect_first: bool = False,
           by: Callable[[], load.Load] | None = None) -> tuple[Record, load.Load]:
    """Loads `url`, by wrk unless `by` loads it, and accounts for it."""
    account = Account(bench, running, kind=url.split("/")[3])
    if by:
        run = by()
    elif connect_first:
        run = load.run_connected(url, connections, bench.seconds, account.begin)
    else:
        run = load.run(url, connections, bench.seconds, headers, script, bench.enough_of(case))
    cpu_ns, user, system, upstream = account.end()
    cpu_us = cpu_ns / 1000 / run.requests
    return Record(
        case=case.name, system=running.name, round=round_number, requests=run.requests, seconds=round(run.seconds, 3),
        requests_per_s=round(run.requests / run.seconds, 1), cpu_us_per_request=round(cpu_us, 3),
        user_us_per_request=round(cpu_us * user / max(1, user + system), 3),
        p50_ms=run.p50_ms, p99_ms=run.p99_ms, p999_ms=run.p999_ms, resident_bytes=running.resident_bytes(),
        upstream_requests=upstream), run


def must_cache(system: System) -> None:
    """For cases that the bare responder has no part in."""
    if not system.caches:
        raise Unsupported(f"{system.title} neither fetches nor stores")


def must_be(status: int, answer: Answer) -> None:
    """Raises BenchError where it is another."""
    if answer.status != status:
        raise BenchError(f"wanted {status}, and got {answer.status} {answer.fields} {answer.body[:200]!r}")


def must_not_reach_origin(record: Record) -> None:
    """Hits are hits only where the origin saw nothing of them."""
    if record.upstream_requests:
        raise BenchError(f"{record.upstream_requests} of {record.requests} hits reached the origin")


def must_be_whole(record: Record, run: load.Load, connections: int, body_bytes: int) -> None:
    """As many bytes came as so many heads and bodies have."""
    # A run ends in the midst of some answers, of one on each connection at most: their bytes count, they do not.
    # (What came before all were connected is not among the requests: one answer each.)
    most = (record.requests + 2 * connections) * (body_bytes + HEAD_BYTES_MAX)
    if not record.requests * body_bytes < run.received_bytes < most:
        raise BenchError(f"{record.requests} answers of {body_bytes} bytes and heads: {run.received_bytes} bytes in all")


CASES: list[Case] = [
    Hit("hit-1k-c64", 1 * KIB, 64),
    Hit("hit-1k-c512", 1 * KIB, 512),
    Hit("hit-16k-c64", 16 * KIB, 64),
    Hit("hit-16k-c512", 16 * KIB, 512),
    Hit("hit-128k-c64", 128 * KIB, 64),
    Hit("hit-128k-c512", 128 * KIB, 512),
    Hit("hit-1k-c10000", 1 * KIB, 10_000, connect_first=True),
    ManyKeys("keys-1k-c64", 1 * KIB, 64),
    GzipHit("gzip-16k-c64", 16 * KIB, 64, kind="gzip", headers=GZIP),
    Hit("identity-16k-c64", 16 * KIB, 64, kind="gzip", headers=IDENTITY),
    NotModified("304-c64", 1 * KIB, 64),
    Uncached("miss-1k-c64", "o", 1 * KIB, 64),
    Uncached("gzip-miss-16k-c64", "gzip", 16 * KIB, 64, headers=GZIP),
    Uncached("pass-1k-c64", "pass", 1 * KIB, 64),
    Uncached("pass-1k-c512", "pass", 1 * KIB, 512),
    Uncached("pass-16k-c64", "pass", 16 * KIB, 64),
    Uncached("pass-1024k-c16", "pass", 1024 * KIB, 16),
    Uncached("upload-1024k-c16", "pass", 1 * KIB, 16, upload_bytes=1024 * KIB),
]
