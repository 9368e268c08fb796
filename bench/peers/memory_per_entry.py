"""Memory per entry: how much a system's resident memory grows by each of a million small objects.

Resident memory is read before and after, with connections of the same number warmed up before, so that only what is
kept for entries counts: body, head, key, bookkeeping, and what the allocator adds. What a system keeps in a memory file
system counts as well. The divisor is the number of entries that are held, by a sample.

A system that takes its whole memory as it starts does not grow. It gets less than the objects need, so that it is full,
and what it takes beyond an instance with the smallest cache is divided by what it holds.

A system that takes a block of 4 KiB or more for each entry is asked for fewer: a million would fill gigabytes, over many
minutes, and each entry would take the same.
"""

from bench.harness.process import BenchError

from .case import Bench, Case
from .cases import must_cache
from .each import Asking, ask_each
from .filling import FILL_CONNECTIONS, fill, held_share
from .results import Record
from .systems.base import Running, System, Unsupported

BODY_BYTES = 100
CACHE_BYTES = 4 << 30
WARM_UP_REQUESTS = 10_000
SMOKE_WARM_UP_REQUESTS = 500
HELD_SHARE_MIN = 0.1
TAKES_ALL_AT_START = ("haproxy",)
CACHE_BYTES_MIN = 1 << 20
BYTES_PER_ENTRY_TOO_FEW = 512
ENTRIES = 1_000_000
ENTRIES_OF_BLOCKS = 200_000
TAKES_BLOCKS = ("nginx", "trafficserver", "squid")
SMOKE_ENTRIES = 1_000
FILLED_PER_S = {"larder": 25_000, "haproxy": 20_000, "nginx": 10_000, "trafficserver": 10_000}
FILLED_PER_S_BY_OTHERS = 7_000


class MemoryPerEntry(Case):
    """Bytes of resident memory per entry."""

    name = "memory-per-entry"
    rounds = 1
    own_instance = True

    group = "memory per entry"

    def __init__(self, entries: int | None = None):
        """How many objects are asked for, of every system; None leaves it to the system."""
        self.entries = entries

    def entries_of(self, bench: Bench, system: System) -> int:
        """How many objects this system is asked for."""
        if bench.smoke:
            return SMOKE_ENTRIES
        return self.entries or (ENTRIES_OF_BLOCKS if system.name in TAKES_BLOCKS else ENTRIES)

    def expected_s(self, bench: Bench, system: System) -> float:
        if not system.caches:
            return 0
        filled_per_s = FILLED_PER_S.get(system.name, FILLED_PER_S_BY_OTHERS)
        return (1 if bench.smoke else 5) + self.entries_of(bench, system) / filled_per_s

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        """Fills a cache that is large enough. Raises Unsupported where hardly anything is held."""
        must_cache(system)
        entries = self.entries_of(bench, system)
        directory = bench.directory / f"{self.name}-{system.name}"
        cache_bytes, before = CACHE_BYTES, None
        if system.name in TAKES_ALL_AT_START:
            cache_bytes = max(CACHE_BYTES_MIN, entries * BYTES_PER_ENTRY_TOO_FEW)
            with system.start(bench.origin.address, CACHE_BYTES_MIN, directory) as smallest:
                before = warm_resident_bytes(bench, smallest)
        with system.start(bench.origin.address, cache_bytes, directory) as own:
            own_before = warm_resident_bytes(bench, own)
            cpu_before = own.cpu_ns()
            filled = fill(bench, own, BODY_BYTES, entries)
            cpu_us = (own.cpu_ns() - cpu_before) / entries / 1000
            if filled.not_ok:
                raise BenchError(f"{system.name}: {filled.not_ok} of {entries:,} answers were errors")
            after = own.resident_bytes()
            share = held_share(bench, own, BODY_BYTES, entries)
        if share < HELD_SHARE_MIN:
            raise Unsupported(f"it holds {share:.1%} of {entries:,} objects of {BODY_BYTES} bytes")
        grown = after - (own_before if before is None else before)
        return [Record(self.name, system.name, round_number, requests=entries, seconds=round(filled.seconds, 3),
                       cpu_us_per_request=round(cpu_us, 3), resident_bytes=after,
                       value=round(grown / (entries * share), 1), unit="bytes per entry",
                       note=f"{share:.1%} of {entries:,} held")]


def warm_resident_bytes(bench: Bench, running: Running) -> int:
    """Resident memory with one object, once as many connections as fill were there."""
    requests = SMOKE_WARM_UP_REQUESTS if bench.smoke else WARM_UP_REQUESTS
    warm_up = Asking(f"/o/{BODY_BYTES}/warm-", requests, trace=[0] * requests)
    ask_each(running.address, warm_up, bench.directory, FILL_CONNECTIONS)
    return running.resident_bytes()
