#!/usr/bin/env python3
"""Measures Larder beside other caches and a bare responder, in turns, and writes down what it saw, good or bad.

The system under test has core 0; the load and the origin have core 1. All systems that share a case run all the while,
with what they hold warm; only one is loaded at a time, and they take turns within each round.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.harness.machine import machine  # noqa: E402 (the path comes first)
from bench.harness.process import BenchError  # noqa: E402
from bench.peers import report  # noqa: E402
from bench.peers.case import Bench, Case  # noqa: E402
from bench.peers.origin import Origin  # noqa: E402
from bench.peers.registry import all_cases, smoke_cases  # noqa: E402
from bench.peers.results import Record, Results  # noqa: E402
from bench.peers.shape import complaints  # noqa: E402
from bench.peers.systems import all_systems  # noqa: E402
from bench.peers.systems.base import LOAD_CORE, Running, System, Unsupported, installed_version  # noqa: E402
from bench.peers.systems.build import Build, build, program  # noqa: E402

CACHE_BYTES = 1 << 30
SMOKE_CACHE_BYTES = 1 << 26
SMOKE_ANSWERS = 500
SMOKE_SYSTEMS = ["responder", "larder", "haproxy", "nginx"]
RUNS = ROOT / "bench" / "runs"
DOCUMENT = ROOT / "docs" / "performance.md"


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4, help="how long each load runs (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each system has its turn (default 3)")
    parser.add_argument("--systems", help="only these, by name and comma")
    parser.add_argument("--cases", help="only these; NAME* stands for all that begin with NAME")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of how many objects memory is measured")
    parser.add_argument("--smoke", action="store_true", help="only show that it works; fails if anything does")
    parser.add_argument("--out", type=Path, help="where results go (default bench/runs/DATE-peers)")
    parser.add_argument("--no-build", action="store_true", help="measure what is built already")
    return parser.parse_args()


def chosen(all_of_them: dict, names: str | None, what: str) -> dict:
    """Those that are named; all where none is. Raises BenchError for a name that is none."""
    if not names:
        return all_of_them
    found = {}
    for wanted in names.split(","):
        fitting = {name: one for name, one in all_of_them.items()
                   if name == wanted or (wanted.endswith("*") and name.startswith(wanted[:-1]))}
        if not fitting:
            raise BenchError(f"no {what} is named {wanted}\nhint: one of {', '.join(all_of_them)}")
        found |= fitting
    return {name: one for name, one in all_of_them.items() if name in found}


def prepare_process() -> None:
    """As many open files as may be, the load's core, and a clean end by every signal that asks for one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if len(os.sched_getaffinity(0)) < 2:
        raise BenchError("this benchmark needs two cores: one for the system, one for the load")
    os.sched_setaffinity(0, {int(LOAD_CORE)})

    def end(*_: object) -> None:
        raise KeyboardInterrupt
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, end)


class Run:
    """One run: its systems, its cases, its results. Servers end with its `stack`."""

    def __init__(self, stack: contextlib.ExitStack, bench: Bench, systems: dict[str, System], results: Results):
        self.stack = stack
        self.bench = bench
        self.systems = systems
        self.results = results
        self.running: dict[str, Running] = {}
        self.measured = 0
        self.failures: list[str] = []

    def shared(self, name: str) -> Running:
        """The instance that all cases share, started when it is first needed."""
        if name not in self.running:
            cache_bytes = SMOKE_CACHE_BYTES if self.bench.smoke else CACHE_BYTES
            directory = self.bench.directory / name
            self.running[name] = self.systems[name].start(self.bench.origin.address, cache_bytes, directory)
            self.stack.callback(self.running[name].stop)
        return self.running[name]

    def stop_shared(self) -> None:
        """Ends the shared instances, so that they neither run nor hold memory beside a case that starts its own."""
        for running in self.running.values():
            running.stop()
        self.running.clear()

    def round(self, number: int, cases: list[Case]) -> None:
        """Every case, every system in turn; who begins changes from round to round."""
        names = list(self.systems)
        first = (number - 1) % len(names)
        for case in cases:
            for name in names[first:] + names[:first]:
                self.turn(number, case, name)

    def turn(self, number: int, case: Case, name: str) -> None:
        """One measurement. What fails is recorded with its reason, and the run goes on."""
        system = self.systems[name]
        try:
            running = None if case.own_instance else self.shared(name)
            records = case.measure(self.bench, system, running, number)
        except Unsupported as reason:
            records = [Record(case.name, name, number, note=f"not done: {reason}")]
        except (BenchError, OSError) as error:
            self.failures.append(f"{case.name}, {name}, round {number}: {error}")
            records = [Record(case.name, name, number, note=f"failed: {str(error).splitlines()[0]}")]
        self.measured += 1
        for record in records:
            print(line(self.results.add(record)), flush=True)


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


def describe(directory: Path, systems: dict[str, System], asked: argparse.Namespace) -> None:
    """What was measured, and on what: `run.json`."""
    about = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "versions": {name: system.version() for name, system in systems.items()},
        "titles": {name: system.title for name, system in systems.items()},
        "wrk": installed_version(["wrk", "-v"], r"wrk (?:debian/)?(\S+)"),
        "seconds": asked.seconds,
        "rounds": asked.rounds,
        "load_average_before": os.getloadavg()[0],
    }
    (directory / "run.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def measure(asked: argparse.Namespace, out: Path, scratch: Path) -> Run:
    """Everything between start and end of servers."""
    systems = chosen(all_systems(), asked.systems or (",".join(SMOKE_SYSTEMS) if asked.smoke else None), "system")
    known = smoke_cases() if asked.smoke else all_cases(asked.entries)
    cases = chosen({case.name: case for case in known}, asked.cases, "case")
    results = Results(out)
    describe(out, systems, asked)
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Origin(program("origin"), scratch))
        bench = Bench(origin, asked.seconds, asked.smoke, SMOKE_ANSWERS if asked.smoke else None, scratch)
        run = Run(stack, bench, systems, results)
        shared = [case for case in cases.values() if not case.own_instance]
        own = [case for case in cases.values() if case.own_instance]
        for number in range(1, asked.rounds + 1):
            run.round(number, [case for case in shared if number <= (case.rounds or asked.rounds)])
        run.stop_shared()
        for number in range(1, asked.rounds + 1):
            run.round(number, [case for case in own if number <= (case.rounds or asked.rounds)])
    return run


def main() -> int:
    """Exit code 1 where anything failed."""
    asked = options()
    if asked.smoke:
        asked.seconds, asked.rounds, Build.profile = 60, 1, "debug"
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        # Caches that keep files, or map them, shall keep them in memory.
        memory = Path("/dev/shm")
        scratch = Path(tempfile.mkdtemp(prefix="larder-bench-", dir=memory if os.access(memory, os.W_OK) else None))
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        scratch.chmod(0o755)  # Squid gives up its rights and must still find what is here.
        prepare_process()
        if not asked.no_build:
            build()
        out = asked.out or (scratch / "out" if asked.smoke else RUNS / f"{datetime.now():%Y-%m-%d}-peers")
        run = measure(asked, out, scratch)
        document = DOCUMENT
        if asked.smoke or asked.out or asked.systems or asked.cases:  # Not the whole, so not for readers.
            document = scratch / DOCUMENT.name
            shutil.copy(DOCUMENT, document)
        report.write(out, document)
        if asked.smoke:
            run.failures += complaints(out, document)
    print(f"\n{run.measured} measurements in {time.monotonic() - began:.0f} s, {len(run.failures)} failed")
    for failure in run.failures:
        print(f"failed: {failure}", file=sys.stderr)
    if asked.smoke:
        print(f"bench-peers smoke: {max(0, run.measured - len(run.failures))} passed, {len(run.failures)} failed")
    return 1 if run.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("ended before its time", file=sys.stderr)
        sys.exit(130)
