"""A purge of 100,000 objects that share a tag: how long it takes, whether it holds, and what it costs.

The origin begins a new generation, then the purge is asked for. From its acknowledgement on, every key is asked for once:
an answer of the generation before is an old one, served after the system said that it was gone. Sweeps go on until one
finds none. A system without a purge by tag purges every URL, where it has that; the note says so.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.harness.process import BenchError

from .case import Bench, Case
from .cases import must_cache
from .each import Answers, Asking, ask_each
from .filling import FILL_CONNECTIONS, fill, held_share
from .results import Record
from .systems.base import Running, System, Unsupported
from .systems.varnish import Varnish

BODY_BYTES = 1024
CACHE_BYTES = 1 << 30
TAG = "catalog"
SWEEPS_MAX = 10
VARNISH_WAYS = {"varnish": "by tag, as a ban", "varnish-xkey": "by tag, by the index of its module xkey"}
HELD_SHARE_MIN = 0.9
SMOKE_OBJECTS = 300
EXPECTED_S = {"varnish": 60, "squid": 45}
EXPECTED_S_OF_OTHERS = 12


@dataclass
class Purge:
    """What one purge did."""

    acknowledged_ms: float
    none_old_ms: float | None
    """From the asking until the last sweep that found something old ended, or until the acknowledgement; None where
    every sweep found something old."""
    old_answers: int
    """Old answers of the first sweep."""
    cpu_ms: float
    """Of the purge itself, up to the acknowledgement."""
    sweep: Answers
    sweep_cpu_us: float
    """For each request of the first sweep, which fetches everything again."""


class PurgeOfMany(Case):
    """Purges all that carries one tag."""

    name = "purge"
    rounds = 1
    own_instance = True
    group = "purge"

    def __init__(self, objects: int = 100_000):
        """How many objects carry the tag."""
        self.objects = objects

    def expected_s(self, bench: Bench, system: System) -> float:
        if not system.caches:
            return 0
        if bench.smoke:
            return 2
        return EXPECTED_S.get(system.name, EXPECTED_S_OF_OTHERS)

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        """Fills, purges, sweeps. Raises Unsupported where there is no purge, or where most is not held."""
        must_cache(system)
        records = self.measure_variant(bench, system, system.name, round_number)
        if isinstance(system, Varnish):
            records += self.measure_variant(bench, Varnish(by_xkey=True), f"{system.name}-xkey", round_number)
        return records

    def measure_variant(self, bench: Bench, system: System, name: str, round_number: int) -> list[Record]:
        """One way to purge; `name` is what the results call it."""
        objects = SMOKE_OBJECTS if bench.smoke else self.objects
        with system.start(bench.origin.address, CACHE_BYTES, bench.directory / f"{self.name}-{name}") as own:
            cpu_before = own.cpu_ns()
            filled = fill(bench, own, BODY_BYTES, objects)
            fill_cpu_us = (own.cpu_ns() - cpu_before) / objects / 1000
            if filled.not_ok:
                raise BenchError(f"{name}: {filled.not_ok} of {objects:,} answers were errors")
            share = held_share(bench, own, BODY_BYTES, objects)
            if share < HELD_SHARE_MIN:
                raise Unsupported(f"it holds {share:.1%} of {objects:,} objects of {BODY_BYTES} bytes")
            purge_all, how = way_to_purge(bench, own, objects)
            purge = measure_purge(bench, own, objects, purge_all)
        how = f"{VARNISH_WAYS.get(name, how)}; {objects:,} objects"
        return self.records(name, round_number, purge, (filled, fill_cpu_us), how)

    def records(self, system: str, round_number: int, purge: Purge, fill_cost: tuple[Answers, float],
                how: str) -> list[Record]:
        """One record for each thing that was measured."""
        def value(part: str, figure: float | None, unit: str) -> Record:
            rounded = None if figure is None else round(figure, 3)
            return Record(f"{self.name}.{part}", system, round_number, value=rounded, unit=unit, note=how)

        def per_request(part: str, answers: Answers, cpu_us: float) -> Record:
            return Record(f"{self.name}.{part}", system, round_number, requests=answers.answered,
                          seconds=round(answers.seconds, 3), cpu_us_per_request=round(cpu_us, 3), note=how)
        return [
            value("acknowledged", purge.acknowledged_ms, "ms"),
            value("none-old", purge.none_old_ms, "ms"),
            value("old-answers", purge.old_answers, "answers"),
            value("cpu", purge.cpu_ms, "ms"),
            per_request("sweep", purge.sweep, purge.sweep_cpu_us),
            per_request("fill", *fill_cost),
        ]


def way_to_purge(bench: Bench, running: Running, objects: int) -> tuple[Callable[[], None], str]:
    """By tag if the system can; otherwise by each URL. Tried on an object that is not among those measured. Raises
    Unsupported, with both reasons, if it can neither."""
    probe = Asking(f"/o/{BODY_BYTES}/probe-", 1)
    ask_each(running.address, probe, bench.directory)
    try:
        running.purge_tag("product:probe-0")
        return lambda: running.purge_tag(TAG), "by tag"
    except Unsupported as no_tags:
        try:
            running.purge_url(f"{probe.prefix}0")
        except Unsupported as no_urls:
            raise Unsupported(f"{no_tags}; {no_urls}") from no_urls

    def each_url() -> None:
        purges = Asking(f"/o/{BODY_BYTES}/", objects, method="PURGE")
        answers = ask_each(running.address, purges, bench.directory, FILL_CONNECTIONS)
        if answers.not_ok:
            raise BenchError(f"{running.name}: {answers.not_ok} of {objects:,} purges failed")
    return each_url, f"no purge by tag: {objects:,} PURGE requests"


def measure_purge(bench: Bench, running: Running, objects: int, purge_all: Callable[[], None]) -> Purge:
    """Purges and sweeps."""
    generation = bench.origin.bump()
    cpu_before = running.cpu_ns()
    asked_at = time.monotonic()
    purge_all()
    acknowledged_at = none_old_at = time.monotonic()
    cpu_purged = running.cpu_ns()
    first: Answers | None = None
    sweep_cpu_us = 0.0
    for _ in range(SWEEPS_MAX):
        sweep = Asking(f"/o/{BODY_BYTES}/", objects, generation=generation)
        answers = ask_each(running.address, sweep, bench.directory, FILL_CONNECTIONS)
        if first is None:
            first, sweep_cpu_us = answers, (running.cpu_ns() - cpu_purged) / objects / 1000
        if answers.old == 0:
            break
        none_old_at = time.monotonic()
    none_old_ms = (none_old_at - asked_at) * 1000 if answers.old == 0 else None
    return Purge((acknowledged_at - asked_at) * 1000, none_old_ms, first.old,
                 (cpu_purged - cpu_before) / 1e6, first, sweep_cpu_us)
