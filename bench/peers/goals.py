"""The goals of the benchmark, judged by what a run measured. A verdict is never written by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from .summary import LARDER, Summary, label

LOADED = r"(hit-\d+k|keys|304|miss|pass|upload|tls|h2|secure-pass)-"
Figure = Callable[[Summary, str], float | None]


class Verdict(Enum):
    """What became of a goal."""
    MET = "met"
    MISSED = "**missed**"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Goal:
    """A figure that may be at most `limit`, or that must stay under it, in every case that `cases` matches."""
    text: str
    cases: str
    figure: Figure
    limit: float
    strictly: bool = False
    unit: str = ""
    decimals: int = 2

    def holds(self, figure: float) -> bool:
        """Whether this figure meets the goal."""
        return figure < self.limit if self.strictly else figure <= self.limit

    def show(self, figure: float) -> str:
        """The figure with its unit."""
        return f"{figure:,.{self.decimals}f}{self.unit}"


@dataclass(frozen=True)
class Outcome:
    """A goal, and the figure of each of its cases that was measured."""
    goal: Goal
    figures: dict[str, float]

    @property
    def missed(self) -> dict[str, float]:
        """The cases in which it is missed."""
        return {case: figure for case, figure in self.figures.items() if not self.goal.holds(figure)}

    @property
    def verdict(self) -> Verdict:
        """Met only if it is met in every case that was measured."""
        if not self.figures:
            return Verdict.NOT_MEASURED
        return Verdict.MISSED if self.missed else Verdict.MET

    def summary(self) -> tuple[str, str]:
        """The figures and the verdict in short: their range, and in how many cases the goal is missed."""
        if not self.figures:
            return "–", self.verdict.value
        least, most = min(self.figures.values()), max(self.figures.values())
        if len(self.figures) == 1:
            return self.goal.show(most), self.verdict.value
        worst = max(self.figures, key=lambda case: self.figures[case])
        figures = f"{self.goal.show(least)} to {self.goal.show(most)} ({label(worst)})"
        counted = f" in {len(self.missed)} of {len(self.figures)} cases" if self.missed else ""
        return figures, self.verdict.value + counted


def to_best_peer(metric: str) -> Figure:
    """Larder's figure over the best peer's."""
    return lambda summary, case: summary.ratio_to_best_peer(case, metric)


def to_bare(metric: str) -> Figure:
    """Larder's figure over the bare responder's."""
    return lambda summary, case: summary.ratio_to_bare(case, metric)


def own(metric: str) -> Figure:
    """Larder's figure."""
    return lambda summary, case: summary.median(case, LARDER, metric)


CPU, USER = "cpu_us_per_request", "user_us_per_request"


def cpu(what: str, cases: str, limit: float) -> Goal:
    """CPU for each request, as a share of the best peer's."""
    return Goal(f"CPU, {what}: at most {limit:g} of the best peer", cases, to_best_peer(CPU), limit)


GOALS = (
    cpu("hit of 1 KiB, 64 connections", r"hit-1k-c64$", 0.65),
    cpu("hit of 1 KiB, 512 connections", r"hit-1k-c512$", 0.75),
    cpu("hit of 1 KiB, 10,000 connections", r"hit-1k-c10000$", 0.8),
    cpu("hit of 16 and 128 KiB", r"hit-(16|128)k-", 0.7),
    cpu("304", r"304-", 0.75),
    cpu("hit among 10,000 keys", r"keys-", 0.65),
    cpu("pass-through of 1 KiB", r"pass-1k-", 0.85),
    cpu("pass-through of 1 MiB, down and up", r"(pass|upload)-1024k-", 1.0),
    cpu("miss of 1 KiB", r"miss-1k-", 0.8),
    cpu("hit of 1 KiB over TLS", r"tls-hit-1k-", 0.7),
    cpu("hit over HTTP/2 and TLS", r"h2-hit-", 0.75),
    cpu("TLS handshake, full, with one hit", r"tls-full$", 0.6),
    cpu("1,000 clients on one cold key", r"cold-key-", 1.0),
    Goal("time outside the kernel, hit of 1 KiB: at most 3 times the bare responder", r"hit-1k-", to_bare(USER), 3.0),
    Goal("P99 under load: not above the best peer", LOADED, to_best_peer("p99_ms"), 1.0),
    Goal("P99.9 under load: not above the best peer", LOADED, to_best_peer("p999_ms"), 1.0),
    Goal("memory of a small entry: at most 0.75 of the best peer", r"memory-per-entry$", to_best_peer("value"), 0.75),
    Goal("memory of a connection at rest, after a hit and after a pass-through: at most 8 KB", r"connection-memory-(hit|pass)$",
         own("value"), 8_000, unit=" bytes", decimals=0),
    Goal("memory of a TLS connection at rest: under 20 KB", r"connection-memory-tls$", own("value"), 20_000, strictly=True,
         unit=" bytes", decimals=0),
    Goal("resident memory beyond 30 MiB while everything is new: at most 1.3 times the configured size", r"churn-", own("value"),
         1.3),
    Goal("1,000 clients on one cold key: 1 upstream request", r"cold-key-", own("upstream_requests"), 1, decimals=0),
    Goal("purge of 100,000 objects: no old answer after the acknowledgement", r"purge\.old-answers$", own("value"), 0,
         decimals=0),
)


def judge(summary: Summary, goals: Iterable[Goal] = GOALS) -> list[Outcome]:
    """Every goal with its figures."""
    return [Outcome(goal, {case: figure for case in summary.cases(goal.cases)
                           if (figure := goal.figure(summary, case)) is not None}) for goal in goals]
