"""The ideal cache (Belady's MIN) over objects of equal size: what no system that can't see the future can beat."""

import heapq
from collections.abc import Sequence

NEVER = 1 << 60


def ideal_hits(trace: Sequence[int], capacity: int) -> int:
    """Hits of a cache of `capacity` objects that knows the whole trace.

    On a full cache the object whose next use is furthest is given up; where that is the one just fetched, it is not
    taken in. The first request for an object is a miss, as for everybody.
    """
    next_use = uses_to_come(trace)
    held: dict[int, int] = {}
    furthest: list[tuple[int, int]] = []  # (-next use, object); what `held` contradicts is out of date
    hits = 0
    for position, wanted in enumerate(trace):
        coming = next_use[position]
        if wanted in held:
            hits += 1
            if coming == NEVER:
                del held[wanted]
                continue
        elif coming == NEVER or capacity == 0:
            continue
        elif len(held) == capacity:
            while held.get(furthest[0][1]) != -furthest[0][0]:
                heapq.heappop(furthest)
            if -furthest[0][0] < coming:
                continue
            del held[heapq.heappop(furthest)[1]]
        held[wanted] = coming
        heapq.heappush(furthest, (-coming, wanted))
    return hits


def uses_to_come(trace: Sequence[int]) -> list[int]:
    """For each position, the position at which its object is asked for next, or NEVER."""
    seen_at: dict[int, int] = {}
    coming = [NEVER] * len(trace)
    for position in range(len(trace) - 1, -1, -1):
        coming[position] = seen_at.get(trace[position], NEVER)
        seen_at[trace[position]] = position
    return coming
