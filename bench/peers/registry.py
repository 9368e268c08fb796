"""All cases of the benchmark, and which of them a smoke test takes of which system."""

from .case import Case
from .cases import CASES
from .cold_key import ColdKey
from .hit_ratio import hit_ratio_cases
from .memory_per_entry import MemoryPerEntry
from .purge import PurgeOfMany
from .systems.base import System

SMOKE_OF_ALL = "hit-1k-c64"
"""Shows that a system starts, answers, is accounted for and ends."""
SMOKE_OF_PEERS = {("memory-per-entry", "haproxy"), ("purge", "varnish"), ("purge", "trafficserver")}
"""Where a case or a system does something for this peer that it does not do for Larder."""


def all_cases(entries: int | None) -> list[Case]:
    """In the order in which they are measured; memory per entry is that of so many entries."""
    return [*CASES, ColdKey(), PurgeOfMany(), MemoryPerEntry(entries), *hit_ratio_cases()]


def smoke_cases() -> list[Case]:
    """All but hit ratios of more than one workload and size, which differ in numbers alone."""
    return [*CASES, ColdKey(), PurgeOfMany(), MemoryPerEntry(), hit_ratio_cases()[0]]


def in_smoke(case: Case, system: System) -> bool:
    """Larder goes through every case; the others start, and show what is theirs alone."""
    return system.name == "larder" or case.name == SMOKE_OF_ALL or (case.name, system.name) in SMOKE_OF_PEERS
