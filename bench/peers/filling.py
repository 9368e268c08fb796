"""Filling a system's cache with many objects, and asking the origin how many of them are held."""

from .case import Bench
from .each import Answers, Asking, ask_each
from .systems.base import Running

FILL_CONNECTIONS = 32
SAMPLE = 1_000
SMOKE_SAMPLE = 100


def fill(bench: Bench, running: Running, body_bytes: int, count: int) -> Answers:
    """Asks for the objects `0..count` of this size once each."""
    return ask_each(running.address, Asking(f"/o/{body_bytes}/", count), bench.directory, FILL_CONNECTIONS)


def held_share(bench: Bench, running: Running, body_bytes: int, count: int) -> float:
    """The share of the objects `0..count` that the cache answers, by a sample spread evenly over them: what does not
    reach the origin is held. The newest come first, so that what is fetched again drives out only what is still to be
    missed."""
    sample = min(SMOKE_SAMPLE if bench.smoke else SAMPLE, count)
    keys = [index * count // sample for index in reversed(range(sample))]
    before = bench.origin.requests("o")
    ask_each(running.address, Asking(f"/o/{body_bytes}/", sample, trace=keys), bench.directory)
    return 1 - (bench.origin.requests("o") - before) / sample
