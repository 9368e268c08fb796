"""Hit ratio against size: one trace, request by request, through each system, beside an ideal cache.

Objects are of one size. Each system is configured to hold so many bytes; the ideal cache holds as many bodies as fit
into the same number of bytes, so what a system spends on heads and bookkeeping is its own affair. Both begin empty. A
system whose memory grows by far more than its size has no figure: it was not held to that size.
A hit is a request that the origin did not see.
"""

import threading

from bench.harness.process import BenchError

from .case import Bench, Case
from .cases import must_cache
from .each import Asking, ask_each
from .ideal import ideal_hits
from .results import Record
from .systems.base import Running, System, Unsupported
from .workloads import WORKLOADS, Workload

OBJECT_BYTES = 16 << 10
OBJECTS = 10_240
REQUESTS = 100_000
SMOKE_REQUESTS = 1_000
CACHE_MIB = (4, 16, 64)
CONNECTIONS = 8
SEED = 1
LOOK_EVERY_S = 1
GROWTH_MAX = 1.5
GROWTH_BESIDE_BYTES_MAX = 32 << 20
TRAFFIC_SERVER_BYTES_MIN = 128 << 20
IDEAL = "ideal"
UNIT = "hit ratio"


class HitRatio(Case):
    """The hit ratio on one workload with one size of cache."""

    rounds = 1
    own_instance = True

    def __init__(self, workload: Workload, cache_mib: int):
        """`workload` with a cache of so many MiB."""
        self.name = case_name(workload.name, cache_mib)
        self.workload = workload
        self.cache_bytes = cache_mib << 20
        self.has_ideal = False

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        """Replays the trace; the first system's turn also brings what the ideal cache would do. Requests begin in its
        order; a few connections keep the load from waiting on wake-ups."""
        must_cache(system)
        requests = SMOKE_REQUESTS if bench.smoke else REQUESTS
        trace = self.workload.trace(SEED, OBJECTS, requests)
        if system.name == "trafficserver" and self.cache_bytes < TRAFFIC_SERVER_BYTES_MIN:
            raise Unsupported("its storage takes no less than 128 MB")
        directory = bench.directory / f"{self.name}-{system.name}"
        with system.start(bench.origin.address, self.cache_bytes, directory) as own:
            before, cpu_before, resident_before = bench.origin.requests("o"), own.cpu_ns(), own.resident_bytes()
            asking = Asking(f"/o/{OBJECT_BYTES}/", requests, trace=trace)
            with PeakMemory(own) as peak:
                answers = ask_each(own.address, asking, bench.directory, CONNECTIONS)
            misses, cpu_ns = bench.origin.requests("o") - before, own.cpu_ns() - cpu_before
        if answers.not_ok:
            raise BenchError(f"{system.name}: {answers.not_ok} of {requests:,} answers were errors")
        if peak.resident_bytes - resident_before > self.cache_bytes * GROWTH_MAX + GROWTH_BESIDE_BYTES_MAX:
            raise Unsupported("its memory grew far beyond the configured size, so the ratio would not be that of this size")
        ideal = [] if self.has_ideal else [self.ideal(requests)]
        self.has_ideal = True
        return ideal + [Record(self.name, system.name, round_number, requests=requests, seconds=round(answers.seconds, 3),
                       cpu_us_per_request=round(cpu_ns / requests / 1000, 3), resident_bytes=peak.resident_bytes,
                       upstream_requests=misses, value=round(1 - misses / requests, 5), unit=UNIT)]

    def ideal(self, requests: int) -> Record:
        """What the ideal cache makes of the first `requests` of the same trace."""
        trace = self.workload.trace(SEED, OBJECTS, requests)
        hits = ideal_hits(trace, self.cache_bytes // OBJECT_BYTES)
        return Record(self.name, IDEAL, 1, requests=requests, upstream_requests=requests - hits, value=round(hits / requests, 5),
                      unit=UNIT)


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


def case_name(workload: str, cache_mib: int) -> str:
    """The name of a case, as it stands in the results."""
    return f"hit-ratio.{workload}.{cache_mib}MiB"


def hit_ratio_cases() -> list[HitRatio]:
    """Every workload at every size."""
    return [HitRatio(workload, cache_mib) for workload in WORKLOADS for cache_mib in CACHE_MIB]
