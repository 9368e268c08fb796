"""The goals of the benchmark, judged by what a run measured. A verdict is never written by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from .summary import LARDER, Summary, label

HITS = r"hit-\d+k-"
SMALL_HITS = r"hit-(1|16)k-"
LARGE_HITS = r"hit-128k-"
LOADED = r"(hit-\d+k|keys|gzip|identity|304|miss|pass)-?"
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


CPU = "cpu_us_per_request"
GOALS = (
    Goal("CPU per hit: at most 0.7 times the best peer", HITS, to_best_peer(CPU), 0.7),
    Goal("CPU per hit of 1 and 16 KiB: at most 1.2 times the bare responder", SMALL_HITS, to_bare(CPU), 1.2),
    Goal("CPU per hit of 128 KiB: under the bare responder", LARGE_HITS, to_bare(CPU), 1.0, strictly=True),
    Goal("time outside the kernel: under 1.2 µs a hit", HITS, own("user_us_per_request"), 1.2, strictly=True, unit=" µs"),
    Goal("CPU of a miss: not above the best peer", r"miss-", to_best_peer(CPU), 1.0),
    Goal("CPU of a pass-through: not above the best peer", r"pass-", to_best_peer(CPU), 1.0),
    Goal("P99.9 under load: not above the best peer", LOADED, to_best_peer("p999_ms"), 1.0),
    Goal("memory per small entry: not above the best peer", r"memory-per-entry$", to_best_peer("value"), 1.0),
    Goal("1,000 clients on one cold key: 1 upstream request", r"cold-key-", own("upstream_requests"), 1, decimals=0),
    Goal("purge of 100,000 objects: no old answer after the acknowledgement", r"purge\.old-answers$", own("value"), 0,
         decimals=0),
)


def judge(summary: Summary, goals: Iterable[Goal] = GOALS) -> list[Outcome]:
    """Every goal with its figures."""
    return [Outcome(goal, {case: figure for case in summary.cases(goal.cases)
                           if (figure := goal.figure(summary, case)) is not None}) for goal in goals]
