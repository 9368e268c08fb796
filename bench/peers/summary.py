"""What a run's records say, one figure for each case, system and metric: the median over rounds."""

import re
import statistics
from collections.abc import Iterable

from .results import Record

LARDER = "larder"
BARE = "responder"
IDEAL = "ideal"

KINDS = {
    "hit": "hit",
    "keys": "hit among 10,000 keys",
    "gzip": "hit, gzip client",
    "identity": "hit, identity client of the same object",
    "304": "answer 304",
    "miss": "miss",
    "pass": "pass-through",
    "gzip-miss": "miss, coded by the origin",
    "upload": "upload",
    "tls-hit": "hit over TLS",
    "h2-hit": "hit over HTTP/2 and TLS, 8 streams",
    "tls-full": "TLS connection for one hit, full handshake",
    "tls-resumed": "TLS connection for one hit, resumed",
    "secure-pass": "pass-through to an https origin",
    "redis-miss": "miss with a Redis behind",
    "two-workers": "hit, 2 workers on the load's cores",
    "cold-key": "cold key",
    "connection-memory-hit": "a connection after a hit",
    "connection-memory-pass": "a connection after a pass-through",
    "connection-memory-tls": "a TLS connection after a hit",
    "churn-64m": "64 MiB, everything new",
}


class Summary:
    """Medians, notes and comparisons of one run."""

    def __init__(self, records: Iterable[Record], titles: dict[str, str] | None = None):
        """`titles` are the systems' names in documents; what is not among them is shown by its name."""
        self.records = list(records)
        self.titles = {**(titles or {}), "varnish-xkey": "Varnish, xkey"}

    def cases(self, pattern: str = "") -> list[str]:
        """Names of cases in the order in which they were first measured, those that `pattern` matches from their start."""
        return [name for name in dict.fromkeys(record.case for record in self.records) if re.match(pattern, name)]

    def systems(self) -> list[str]:
        """The bare responder, Larder, and the peers in the order of the run's titles; no ideal, no variants."""
        seen = {record.system for record in self.records}
        ordered = [BARE, LARDER, *(name for name in self.titles if name not in (BARE, LARDER, "varnish-xkey", IDEAL))]
        return [name for name in ordered if name in seen]

    def median(self, case: str, system: str, metric: str) -> float | None:
        """The median over rounds; None where there is none."""
        figures = [figure for record in self.records if (record.case, record.system) == (case, system)
                   and (figure := getattr(record, metric)) is not None]
        return statistics.median(figures) if figures else None

    def note(self, case: str, system: str) -> str | None:
        """The last note of this case and system."""
        notes = [record.note for record in self.records if (record.case, record.system) == (case, system) and record.note]
        return notes[-1] if notes else None

    def best_peer(self, case: str, metric: str) -> tuple[str, float] | None:
        """The peer with the lowest figure."""
        figures = [(figure, name) for name in dict.fromkeys(record.system for record in self.records)
                   if name not in (LARDER, BARE, IDEAL) and (figure := self.median(case, name, metric)) is not None]
        return (min(figures)[1], min(figures)[0]) if figures else None

    def ratio_to_best_peer(self, case: str, metric: str) -> float | None:
        """Larder's figure over the best peer's."""
        best = self.best_peer(case, metric)
        return ratio(self.median(case, LARDER, metric), best[1] if best else None)

    def ratio_to_bare(self, case: str, metric: str) -> float | None:
        """Larder's figure over the bare responder's."""
        return ratio(self.median(case, LARDER, metric), self.median(case, BARE, metric))

    def title(self, system: str) -> str:
        """A system as documents call it."""
        return self.titles.get(system, system)


def ratio(figure: float | None, other: float | None) -> float | None:
    """One over the other, where both are known and the other is not nothing."""
    return figure / other if figure is not None and other else None


def label(case: str) -> str:
    """A case in words: `hit-16k-c512` is `hit, 16 KiB, 512 connections`."""
    match = re.fullmatch(r"(?P<kind>.+?)(?:-(?P<size>\d+)k)?(?:-c(?P<connections>\d+))?", case)
    if not match or match["kind"] not in KINDS:
        return case
    words = [KINDS[match["kind"]]]
    if match["size"]:
        words.append(f"{match['size']} KiB")
    if match["connections"]:
        words.append(f"{int(match['connections']):,} connections")
    return ", ".join(words)
