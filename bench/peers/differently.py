"""Cases of instances that are started otherwise than those that cases share: before an origin over TLS, with a Redis behind
them, with two workers on two cores."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from bench.harness.process import Server, free_port

from .case import Bench, Case
from .cases import KIB, Hit, Uncached, must_cache
from .results import Record
from .secure_origin import SecureOrigin
from .systems.base import LOAD_CORE, How, Running, System

CACHE_BYTES = 1 << 28


@dataclass
class Differently(Case):
    """A case of an instance of its own."""

    inner: Case
    how: Callable[[contextlib.ExitStack, Bench], How]
    own_instance = True

    def __post_init__(self) -> None:
        self.name = self.inner.name

    def expected_s(self, bench: Bench, system: System) -> float:
        return 1 + self.inner.expected_s(bench, system)

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        must_cache(system)
        with contextlib.ExitStack() as stack:
            how = self.how(stack, bench)
            directory = bench.directory / f"{self.name}-{system.name}"
            own = stack.enter_context(system.start(bench.origin.address, CACHE_BYTES, directory, how))
            return self.inner.measure(bench, system, own, round_number)


def before_tls(stack: contextlib.ExitStack, bench: Bench) -> How:
    """The origin speaks TLS."""
    origin = stack.enter_context(SecureOrigin(bench.origin.address, bench.directory / "secure-origin"))
    return How(secure_origin=origin.address, ca=origin.ca)


def before_redis(stack: contextlib.ExitStack, bench: Bench) -> How:
    """A Redis on the load's core."""
    port = free_port()
    redis = Server("redis", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--maxmemory", "256mb",
                             "--maxmemory-policy", "volatile-lru"], bench.directory / "redis", cores=LOAD_CORE)
    stack.enter_context(redis).accepts(port)
    return How(redis=f"redis://127.0.0.1:{port}")


def with_two_workers(stack: contextlib.ExitStack, bench: Bench) -> How:
    """On both cores, which the load shares."""
    return How(workers=2, cores="0,1")


DIFFERENT_CASES: list[Case] = [
    Differently(Uncached("secure-pass-1k-c64", "pass", 1 * KIB, 64), before_tls),
    Differently(Uncached("redis-miss-1k-c64", "o", 1 * KIB, 64), before_redis),
    Differently(Hit("two-workers-1k-c64", 1 * KIB, 64), with_two_workers),
]
