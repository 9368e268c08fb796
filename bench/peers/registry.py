"""All cases of the benchmark, and which of them a smoke test takes of which system."""

from .case import Case
from .cases import CASES
from .churn import Churn
from .cold_key import ColdKey
from .connection_memory import CONNECTION_CASES
from .differently import DIFFERENT_CASES
from .hit_ratio import hit_ratio_cases
from .memory_per_entry import MemoryPerEntry
from .purge import PurgeOfMany
from .systems.base import System
from .tls_cases import TLS_CASES

SMOKE_OF_ALL = "hit-1k-c64"
"""Shows that a system starts, answers, is accounted for and ends."""
SMOKE_OF_PEERS = {("memory-per-entry", "haproxy"), ("purge", "varnish"), ("purge", "trafficserver"),
                  ("tls-hit-1k-c64", "haproxy"), ("h2-hit-1k-c8", "nginx"), ("secure-pass-1k-c64", "nginx"),
                  ("secure-pass-1k-c64", "haproxy")}
"""Where a case or a system does something for this peer that it does not do for Larder."""


def all_cases(entries: int | None) -> list[Case]:
    """In the order in which they are measured; memory per entry is that of so many entries."""
    return [*CASES, *TLS_CASES, ColdKey(), *DIFFERENT_CASES, *CONNECTION_CASES, Churn(), PurgeOfMany(), MemoryPerEntry(entries), *hit_ratio_cases()]


def smoke_cases() -> list[Case]:
    """All but hit ratios of more than one workload and size, which differ in numbers alone."""
    return [*CASES, *TLS_CASES, ColdKey(), *DIFFERENT_CASES, *CONNECTION_CASES, Churn(), PurgeOfMany(), MemoryPerEntry(), hit_ratio_cases()[0]]


def in_smoke(case: Case, system: System) -> bool:
    """Larder goes through every case; the others start, and show what is theirs alone."""
    return system.name == "larder" or case.name == SMOKE_OF_ALL or (case.name, system.name) in SMOKE_OF_PEERS
