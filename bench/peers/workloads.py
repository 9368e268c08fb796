"""Workloads of public shape: which object each request asks for, in order. Seeded: the same call gives the same trace.

Objects are numbers. The base set is `0..objects`, and a popularity rank is given to each by chance, so that no system
gains from neighbouring numbers. What a scan reads and what is asked for once lies beyond the base set.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

SCAN_EVERY = 10_000
SCAN_SHARE_OF_OBJECTS = 0.2
ONE_HIT_SHARE_OF_REQUESTS = 0.3


@dataclass(frozen=True)
class Workload:
    """One shape of demand. `trace(seed, objects, requests)` lists the objects asked for."""
    name: str
    about: str
    trace: Callable[[int, int, int], list[int]]


def zipf(exponent: float) -> Callable[[int, int, int], list[int]]:
    """Independent requests; the object of rank r is asked for in proportion to 1 / r^exponent."""
    def trace(seed: int, objects: int, requests: int) -> list[int]:
        chance = random.Random(f"zipf {exponent} {seed}")
        by_rank = list(range(objects))
        chance.shuffle(by_rank)
        cumulated = list(accumulate(1 / rank ** exponent for rank in range(1, objects + 1)))
        return chance.choices(by_rank, cum_weights=cumulated, k=requests)
    return trace


def with_scans(exponent: float) -> Callable[[int, int, int], list[int]]:
    """Zipf, and after every SCAN_EVERY requests a crawler reads the same further objects, each once, in order."""
    def trace(seed: int, objects: int, requests: int) -> list[int]:
        scan = range(objects, objects + int(objects * SCAN_SHARE_OF_OBJECTS))
        demand = iter(zipf(exponent)(seed, objects, requests))
        mixed: list[int] = []
        while len(mixed) < requests:
            mixed += [next(demand) for _ in range(min(SCAN_EVERY, requests - len(mixed)))]
            mixed += scan[:requests - len(mixed)]
        return mixed
    return trace


def with_one_hit_wonders(exponent: float) -> Callable[[int, int, int], list[int]]:
    """Zipf, and a share of requests, at random places, for objects that nobody asks for again."""
    def trace(seed: int, objects: int, requests: int) -> list[int]:
        chance = random.Random(f"one-hit wonders {seed}")
        fresh = objects
        mixed: list[int] = []
        for wanted in zipf(exponent)(seed, objects, requests):
            if chance.random() < ONE_HIT_SHARE_OF_REQUESTS:
                mixed.append(fresh)
                fresh += 1
            else:
                mixed.append(wanted)
        return mixed
    return trace


WORKLOADS = (
    *(Workload(f"zipf-{exponent}", f"Zipf with exponent {exponent}", zipf(exponent))
      for exponent in (0.8, 0.9, 1.0, 1.1)),
    Workload("scans", f"Zipf 0.9; every {SCAN_EVERY:,} requests a scan of objects beyond the base set, "
             f"{SCAN_SHARE_OF_OBJECTS:.0%} of its number", with_scans(0.9)),
    Workload("one-hit", f"Zipf 0.9; {ONE_HIT_SHARE_OF_REQUESTS:.0%} of requests are for objects asked for once",
             with_one_hit_wonders(0.9)),
)
