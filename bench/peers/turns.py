"""Taking turns: each is measured, written down and shown as it comes, and what fails is recorded and left behind."""

import contextlib
import sys
import time
from pathlib import Path

from bench.harness.process import BenchError

from .case import Bench
from .plan import Progress, Turn
from .results import Record, Results
from .systems.base import Running, System, Unsupported

STARTS_MAX = 2
"""A system that did not start so often is not started again: each attempt may take a minute."""


class Run:
    """One run: its systems, its turns, its results. Shared servers end with its `stack`."""

    def __init__(self, stack: contextlib.ExitStack, bench: Bench, results: Results, cache_bytes: int):
        self.stack = stack
        self.bench = bench
        self.results = results
        self.cache_bytes = cache_bytes
        self.running: dict[str, Running] = {}
        self.not_started: dict[str, list[str]] = {}
        self.failures: list[str] = []

    def take(self, turns: list[Turn]) -> Progress:
        """All of them, in order."""
        progress = Progress(turns, lambda turn: turn.case.expected_s(self.bench, turn.system))
        for turn in turns:
            if turn.case.own_instance:
                self.stop_shared()
            began = time.monotonic()
            records = self.measured(turn)
            progress.done(time.monotonic() - began)
            for record in records:
                print(f"{progress}  {line(self.results.add(record))}", flush=True)
        return progress

    def measured(self, turn: Turn) -> list[Record]:
        """One measurement. Whatever fails is recorded with its reason, so that the run goes on."""
        case, system, number = turn.case, turn.system, turn.round
        try:
            running = None if case.own_instance else self.shared(system)
            return case.measure(self.bench, system, running, number)
        except Unsupported as reason:
            return [Record(case.name, system.name, number, note=f"not done: {reason}")]
        except Exception as error:  # noqa: BLE001 (one system's trouble, of whatever kind, shall not end the run)
            said = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
            self.failures.append(f"{case.name}, {system.name}, round {number}: {said}")
            print(f"failed: {self.failures[-1]}", file=sys.stderr, flush=True)
            return [Record(case.name, system.name, number, note=f"failed: {said.splitlines()[0] if said else 'no reason'}")]

    def shared(self, system: System) -> Running:
        """The instance that cases share: started when it is first needed, and again where it has ended of itself."""
        running = self.running.get(system.name)
        if running and running.has_ended():
            running.stop()
            del self.running[system.name]
        if system.name not in self.running:
            self.running[system.name] = self.started(system)
        return self.running[system.name]

    def started(self, system: System) -> Running:
        """A new instance. Raises BenchError where it does not start, without trying where it did not several times."""
        failures = self.not_started.setdefault(system.name, [])
        if len(failures) >= STARTS_MAX:
            raise BenchError(f"{system.title} did not start {len(failures)} times; last: {failures[-1]}")
        directory = Path(self.bench.directory) / system.name
        try:
            running = system.start(self.bench.origin.address, self.cache_bytes, directory)
        except (BenchError, OSError) as error:
            failures.append(str(error))
            raise
        self.stack.callback(running.stop)
        return running

    def stop_shared(self) -> None:
        """Ends the shared instances, so that they neither run nor hold memory beside a case that starts its own."""
        for running in self.running.values():
            running.ask_to_end()
        for running in self.running.values():
            running.stop()
        self.running.clear()


def line(record: Record) -> str:
    """A record for whoever looks on."""
    figures = {"µs CPU": record.cpu_us_per_request, "µs of it outside the kernel": record.user_us_per_request,
               "requests/s": record.requests_per_s, "ms P50": record.p50_ms, "P99": record.p99_ms,
               "P99.9": record.p999_ms,
               "upstream": record.upstream_requests, "ms until all were answered": record.all_answered_ms,
               record.unit or "": record.value}
    shown = ", ".join(f"{value:,.10g} {name}" for name, value in figures.items() if value is not None)
    said = "  ".join(part for part in (shown, record.note) if part)
    return f"round {record.round}  {record.case:<18} {record.system:<14} {said}"
