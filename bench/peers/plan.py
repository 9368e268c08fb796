"""A run's turns in their order, and how long those that are left will take."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .case import Case
from .systems.base import System


@dataclass(frozen=True)
class Turn:
    """One case is measured of one system once."""

    round: int
    case: Case
    system: System


def everybody(case: Case, system: System) -> bool:
    """Every system takes part in every case."""
    return True


def plan(cases: Iterable[Case], systems: Iterable[System], rounds: int,
         takes_part: Callable[[Case, System], bool] = everybody) -> list[Turn]:
    """Round by round, case by case, every system in turn; who begins changes from round to round. Cases whose systems
    start instances of their own come last, when the shared instances can be ended."""
    cases, systems = list(cases), list(systems)
    turns = []
    for own_instance in (False, True):
        for number in range(1, rounds + 1):
            first = (number - 1) % len(systems)
            turns += [Turn(number, case, system) for case in cases
                      if case.own_instance == own_instance and number <= (case.rounds or rounds)
                      for system in systems[first:] + systems[:first] if takes_part(case, system)]
    return turns


class Progress:
    """What is done, what it took, and what the rest will take by that."""

    def __init__(self, turns: list[Turn], expected_s: Callable[[Turn], float]):
        """`expected_s` says what a turn takes on a machine that does nothing else."""
        self.turns = turns
        self.expected_s = expected_s
        self.took_s: list[float] = []

    def done(self, took_s: float) -> None:
        """The next turn is done, and took so long."""
        self.took_s.append(took_s)

    def remaining_s(self) -> float:
        """By what the same turn took in earlier rounds; otherwise by what is expected, in proportion to what turns of
        the same group took so far."""
        done = list(zip(self.turns, self.took_s))
        same: dict[tuple[str, str], list[float]] = {}
        for turn, took_s in done:
            same.setdefault((turn.case.name, turn.system.name), []).append(took_s)
        paces = {group: pace(self.expected_s, [(turn, took_s) for turn, took_s in done if turn.case.group == group])
                 for group in {turn.case.group for turn in self.turns}}
        return sum(
            statistics.mean(seen) if (seen := same.get((turn.case.name, turn.system.name)))
            else self.expected_s(turn) * paces[turn.case.group]
            for turn in self.turns[len(self.took_s):])

    def took_by_group_s(self) -> dict[str, float]:
        """Seconds for each group of cases, in the order of the run."""
        whole: dict[str, float] = {}
        for turn, took_s in zip(self.turns, self.took_s):
            whole[turn.case.group] = whole.get(turn.case.group, 0) + took_s
        return whole

    def __str__(self) -> str:
        """For whoever looks on."""
        left = len(self.turns) - len(self.took_s)
        minutes = self.remaining_s() / 60
        return f"{len(self.took_s)} of {len(self.turns)}" + (f", about {minutes:.0f} min left" if left else "")


def pace(expected_s: Callable[[Turn], float], done: list[tuple[Turn, float]]) -> float:
    """How much longer turns took than was expected; 1 where none is done."""
    expected = sum(expected_s(turn) for turn, _ in done)
    return sum(took_s for _, took_s in done) / expected if expected else 1
