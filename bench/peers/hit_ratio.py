"""Hit ratio against size: one trace, request by request, through each system, beside an ideal cache.

Objects are of one size. Each system is configured to hold so many bytes; the ideal cache holds as many bodies as fit
into the same number of bytes, so what a system spends on heads and bookkeeping is its own affair. Both begin empty. A
system whose memory grows by far more than its size has no figure: it was not held to that size.
A hit is a request that the origin did not see.
"""

import threading

from bench.harness.process import BenchError

from .case import Bench, Case
from .each import Asking, ask_each
from .ideal import ideal_hits
from .results import Record
from .systems.base import Running, System, Unsupported
from .workloads import WORKLOADS, Workload

OBJECT_BYTES = 16 << 10
OBJECTS = 10_240
REQUESTS = 60_000
SMOKE_REQUESTS = 1_000
CACHE_MIB = (4, 16, 64)
CONNECTIONS = 8
CONNECTIONS_OF_SQUID = 1
"""Once its memory is full, Squid does not keep what it fetches while it fetches something else: with two connections or more
its hit ratio falls by up to four fifths, whatever the size."""
SEED = 1
LOOK_EVERY_S = 1
GROWTH_MAX = 1.5
GROWTH_BESIDE_BYTES_MAX = 32 << 20
TRAFFIC_SERVER_BYTES_MIN = 128 << 20
REPLAYED_PER_S = {"larder": 15_000, "squid": 3_000}
REPLAYED_PER_S_BY_OTHERS = 8_000
IDEAL = "ideal"
UNIT = "hit ratio"


class HitRatio(Case):
    """The hit ratio on one workload with one size of cache."""

    rounds = 1
    own_instance = True
    group = "hit ratio"

    def __init__(self, workload: Workload, cache_mib: int):
        """`workload` with a cache of so many MiB."""
        self.name = case_name(workload.name, cache_mib)
        self.workload = workload
        self.cache_bytes = cache_mib << 20
        self.has_ideal = False

    def expected_s(self, bench: Bench, system: System) -> float:
        if self.unfit(system):
            return 0
        return 1.5 + requests(bench) / REPLAYED_PER_S.get(system.name, REPLAYED_PER_S_BY_OTHERS)

    def unfit(self, system: System) -> str | None:
        """Why this system can't be held to the size, where that is known beforehand."""
        if not system.caches:
            return f"{system.title} neither fetches nor stores"
        if system.name == "nginx":
            return "it enforces its size every 10 s only, and takes in more than that between"
        if system.name == "trafficserver" and self.cache_bytes < TRAFFIC_SERVER_BYTES_MIN:
            return "its storage takes no less than 128 MB"
        return None

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        """Replays the trace; the first system's turn also brings what the ideal cache would do. Requests begin in its
        order; a few connections keep the load from waiting on wake-ups."""
        if reason := self.unfit(system):
            raise Unsupported(reason)
        count = requests(bench)
        trace = self.workload.trace(SEED, OBJECTS, count)
        connections = CONNECTIONS_OF_SQUID if system.name == "squid" else CONNECTIONS
        with system.start(bench.origin.address, self.cache_bytes, bench.directory / f"{self.name}-{system.name}") as own:
            before, cpu_before, resident_before = bench.origin.requests("o"), own.cpu_ns(), own.resident_bytes()
            asking = Asking(f"/o/{OBJECT_BYTES}/", count, trace=trace)
            with PeakMemory(own) as peak:
                answers = ask_each(own.address, asking, bench.directory, connections)
            misses, cpu_ns = bench.origin.requests("o") - before, own.cpu_ns() - cpu_before
        if answers.not_ok:
            raise BenchError(f"{system.name}: {answers.not_ok} of {count:,} answers were errors")
        if peak.resident_bytes - resident_before > self.cache_bytes * GROWTH_MAX + GROWTH_BESIDE_BYTES_MAX:
            raise Unsupported("its memory grew far beyond the configured size, so the ratio would not be that of this size")
        ideal = [] if self.has_ideal else [self.ideal(trace)]
        self.has_ideal = True
        return ideal + [Record(self.name, system.name, round_number, requests=count, seconds=round(answers.seconds, 3),
                       cpu_us_per_request=round(cpu_ns / count / 1000, 3), resident_bytes=peak.resident_bytes,
                       upstream_requests=misses, value=round(1 - misses / count, 5), unit=UNIT)]

    def ideal(self, trace: list[int]) -> Record:
        """What the ideal cache makes of the same trace."""
        hits = ideal_hits(trace, self.cache_bytes // OBJECT_BYTES)
        return Record(self.name, IDEAL, 1, requests=len(trace), upstream_requests=len(trace) - hits,
                      value=round(hits / len(trace), 5), unit=UNIT)


class PeakMemory:
    """Looks at a system's resident memory every second, in a thread of its own, and keeps the most."""

    def __init__(self, running: Running):
        self.running = running
        self.resident_bytes = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "PeakMemory":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        self._look()

    def _watch(self) -> None:
        while not self.ended.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        self.resident_bytes = max(self.resident_bytes, self.running.resident_bytes())


def requests(bench: Bench) -> int:
    """How long a trace is."""
    return SMOKE_REQUESTS if bench.smoke else REQUESTS


def case_name(workload: str, cache_mib: int) -> str:
    """The name of a case, as it stands in the results."""
    return f"hit-ratio.{workload}.{cache_mib}MiB"


def hit_ratio_cases() -> list[HitRatio]:
    """Every workload at every size."""
    return [HitRatio(workload, cache_mib) for workload in WORKLOADS for cache_mib in CACHE_MIB]
