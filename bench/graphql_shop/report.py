"""What a run came to, as a table."""

import datetime
import json
import re
import statistics
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.harness.machine import machine

from .client import Answer
from .operations import CATALOGUE, STAFF
from .truth import Truth

PACKAGE = Path(__file__).parent / "vendure" / "package.json"
EXAMPLES = 3


@dataclass(frozen=True)
class Result:
    """Of all answers once the cache was warm."""
    truth: Truth
    changes: int
    users: int
    warm: int
    sessions: int
    binary: Path
    at: datetime.datetime

    def is_right(self, least: float) -> bool:
        """Whether so many percent were hits, and every answer was right, and something was looked at for each promise."""
        return self.hits() >= least and not any(self.truth.wrong.values()) and all(self.truth.looked_at.values())

    def shoppers(self) -> list[Answer]:
        """The answers that shoppers got."""
        return [answer for answer in self.truth.answers if answer.operation not in STAFF]

    def hits(self) -> float:
        """The percentage of hits among all operations of shoppers."""
        return _hits(self.shoppers())

    def table(self) -> str:
        """All of it, as Markdown."""
        answers = self.shoppers()
        catalogue = [answer for answer in answers if answer.operation in CATALOGUE]
        own = [answer for answer in answers if answer.operation not in CATALOGUE]
        rows = [f"| {name} | {len(group):,} | {_hits(group):.1f} % | {_median_ms(group, True)} | {_median_ms(group, False)} |"
                for name, group in (("all", answers), ("of the catalogue", catalogue), ("of one shopper's own", own),
                                    *self._by_name(answers))]
        wrong = [f"| {name} | {self.truth.looked_at[name]:,} | {len(found)} |" for name, found in self.truth.wrong.items()]
        examples = [f"- {what}" for found in self.truth.wrong.values() for what in found[:EXAMPLES]]
        return "\n".join([self._about(), "", "| operations | number | hits | median hit | median of the others |",
                          "|---|---|---|---|---|", *rows, "", "| what would be wrong | looked at | found |", "|---|---|---|", *wrong,
                          *(["", *examples] if examples else [])])

    def reasons(self) -> str:
        """Why operations were no hits, the most usual first."""
        found = Counter((answer.operation, re.sub(r"; (fwd-status|ttl)=[^;]*", "", answer.said)) for answer in self.shoppers() if not answer.is_hit)
        return "\n".join(f"{count:5} {operation}: {said}" for (operation, said), count in found.most_common())

    def _by_name(self, answers: list[Answer]) -> list[tuple[str, list[Answer]]]:
        names = dict.fromkeys(name for name in sorted({answer.operation for answer in answers}))
        return [(f"`{name}`", [answer for answer in answers if answer.operation == name]) for name in names]

    def _about(self) -> str:
        def said(*command: str) -> str:
            return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]
        vendure = json.loads(PACKAGE.read_text())["dependencies"]["@vendure/core"]
        return (f"Measured {self.at:%Y-%m-%d %H:%M} UTC on {machine()}, which clients, Vendure, PostgreSQL and Larder share; "
                f"{said(str(self.binary), '--version')}, Vendure {vendure}, Node.js {said('node', '--version')}. "
                f"{self.users} shoppers at a time, {self.sessions} sessions of 36 operations each after {self.warm} that warmed the cache; "
                f"meanwhile the staff changed the description and the price of a product {self.changes} times.")


def _hits(answers: list[Answer]) -> float:
    return 100 * sum(answer.is_hit for answer in answers) / max(len(answers), 1)


def _median_ms(answers: list[Answer], is_hit: bool) -> str:
    taken = [answer.took_s * 1000 for answer in answers if answer.is_hit == is_hit]
    return f"{statistics.median(taken):.1f} ms" if taken else ""
