"""What a soak must show, judged by what it saw."""

import statistics
from dataclasses import dataclass

from .samples import Sample

LEVEL_FROM_S = 240
"""A shorter run does not tell growth from warming up."""
FAILED_SHARE_MAX = 0.001


@dataclass(frozen=True)
class Level:
    """A figure that must not go on growing: between the second quarter and the last it may gain this much."""

    title: str
    name: str
    share: float
    allowance: float


LEVELS = (
    Level("resident memory, MiB", "rss_mib", 0.05, 4),
    Level("descriptors", "descriptors", 0.1, 20),
    Level("threads", "threads", 0, 2),
    Level("tasks", "tasks", 0.1, 40),
    Level("bodies under way, MiB", "in_flight_mib", 0.2, 4),
    Level("connections to the origins", "upstream_connections", 0.2, 20),
    Level("connections to Redis, of both instances", "redis_clients", 0, 4),
)


@dataclass(frozen=True)
class Verdict:
    """One thing that was asked, what was seen, and whether it will do; None: too short to tell."""

    asked: str
    seen: str
    holds: bool | None

    def shown(self) -> str:
        """In words."""
        return {True: "holds", False: "**fails**", None: "too short to tell"}[self.holds]


def judge(counts: dict[str, int], samples: list[Sample], rest: dict[str, dict], seconds: float) -> list[Verdict]:
    """Every verdict of a run. `rest` is what each instance held before it was asked anything, and some time after."""
    got = counts.get
    answered = got("checked", 0) + got("pressed", 0)
    failed = got("failed", 0)
    share = failed / max(1, answered + failed)
    verdicts = [
        Verdict("wrong bodies: none", f"{got('wrong', 0):,} of {got('checked', 0) + got('wrong', 0) + got('stale', 0):,} checked",
                got("wrong", 0) == 0 and got("checked", 0) > 0),
        Verdict("stale after a receipt: none", f"{got('stale', 0):,}; {got('purges', 0):,} receipts",
                got("stale", 0) == 0 and got("purges", 0) > 0),
        Verdict(f"failed reads: at most {FAILED_SHARE_MAX:.1%}", f"{failed:,} of {answered + failed:,} ({share:.3%})",
                share <= FAILED_SHARE_MAX),
        Verdict("bad rules refused, good ones taken", f"{got('reloads', 0):,} reloads, {got('wrong reloads', 0)} wrong",
                got("wrong reloads", 0) == 0),
        Verdict("background tasks started again: none", f"{max((s.restarts or 0 for s in samples), default=0):.0f}",
                all(not s.restarts for s in samples)),
    ]
    for name in sorted({one.instance for one in samples}):
        verdicts += [level(kind, name, samples, seconds) for kind in LEVELS]
        verdicts.append(at_rest(name, rest[name]))
    return verdicts


def level(kind: Level, name: str, samples: list[Sample], seconds: float) -> Verdict:
    """Whether it has levelled off at this instance."""
    def median(begin: float, end: float) -> float | None:
        figures = [value for one in samples if one.instance == name and begin * seconds <= one.second <= end * seconds
                   and (value := getattr(one, kind.name)) is not None]
        return statistics.median(figures) if figures else None
    early, late = median(0.25, 0.5), median(0.75, 1)
    if early is None or late is None:
        return Verdict(f"{kind.title}: level at {name}", "not sampled", False)
    holds = late <= early * (1 + kind.share) + kind.allowance
    return Verdict(f"{kind.title}: level at {name}", f"{early:,.1f} in the second quarter, {late:,.1f} in the last",
                   holds if seconds >= LEVEL_FROM_S else None)


def at_rest(name: str, rest: dict) -> Verdict:
    """Whether what clients had is given back once they are gone."""
    before, after = rest["before"], rest["after"]
    seen = (f"bodies under way {after['in_flight_mib']:.2f} MiB; descriptors {before['descriptors']} before, "
            f"{after['descriptors']} after; tasks {before['tasks'] or 0:.0f}, {after['tasks'] or 0:.0f}")
    return Verdict(f"given back at {name} once clients are gone", seen, rest["is_back"])
