"""What a case is: a name, and a way to measure one system once. Systems take turns within a round."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from .origin import Origin
from .results import Record
from .systems.base import Running, System


SMOKE_BYTES = 64 << 20
"""So much is enough of large bodies in a smoke test."""


@dataclass
class Bench:
    """What a run gives to its cases."""

    origin: Origin
    seconds: int
    """How long a load runs."""
    smoke: bool
    """Everything tiny: it shall only be shown that it works."""
    enough: int | None
    """A load ends after so many answers, however long it takes. For a smoke test, which must not fail on a slow machine."""
    directory: Path
    """Scratch files of this run; removed at its end."""

    def enough_of(self, case: "Case") -> int | None:
        """The same for this case: fewer of what is large."""
        bytes_each = max(getattr(case, "body_bytes", 0), getattr(case, "upload_bytes", 0))
        return self.enough and max(16, min(self.enough, SMOKE_BYTES // max(1, bytes_each)))


class Case(ABC):
    """One thing that is measured of every system."""

    name: str
    group = "load"
    """What the time it takes is counted under."""
    rounds: int | None = None
    """Rounds of this case where they differ from the run's."""
    own_instance = False
    """True: `measure` gets no running system (None) and starts its own from `system`; False: it shares one that stays up."""

    def expected_s(self, bench: Bench, system: System) -> float:
        """About how long a turn takes on a machine that does nothing else."""
        return 0.5 + (0 if bench.enough else bench.seconds)

    @abstractmethod
    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        """Measures this system once. Raises Unsupported with the reason where the system can't do it, BenchError where
        it did something else than what the case claims to measure."""
