"""All cases of the benchmark, and those of its smoke test."""

from .case import Case
from .cases import CASES
from .cold_key import ColdKey
from .hit_ratio import hit_ratio_cases
from .memory_per_entry import MemoryPerEntry
from .purge import PurgeOfMany

SMOKE = {"hit-1k-c64", "keys-1k-c64", "gzip-16k-c64", "304-c64", "miss-1k-c64", "pass-1k-c64"}


def all_cases(entries: int) -> list[Case]:
    """In the order in which they are measured; memory per entry is that of so many entries."""
    return [*CASES, ColdKey(), PurgeOfMany(), MemoryPerEntry(entries), *hit_ratio_cases()]


def smoke_cases() -> list[Case]:
    """One of each kind."""
    of_requests = [case for case in CASES if case.name in SMOKE]
    return [*of_requests, ColdKey(), PurgeOfMany(), MemoryPerEntry(), hit_ratio_cases()[0]]
