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
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.harness.ending import end_in_order, held_back  # noqa: E402 (the path comes first)
from bench.harness.machine import machine  # noqa: E402
from bench.harness.process import BenchError, Server  # noqa: E402
from bench.peers import report  # noqa: E402
from bench.peers.case import Bench  # noqa: E402
from bench.peers.origin import Origin  # noqa: E402
from bench.peers.plan import Progress, everybody, plan  # noqa: E402
from bench.peers.registry import all_cases, in_smoke, smoke_cases  # noqa: E402
from bench.peers.results import Results  # noqa: E402
from bench.peers.shape import complaints  # noqa: E402
from bench.peers.systems import all_systems  # noqa: E402
from bench.peers.systems.base import LOAD_CORE, System, installed_version  # noqa: E402
from bench.peers.systems.build import Build, build, program  # noqa: E402
from bench.peers.turns import Run  # noqa: E402

CACHE_BYTES = 1 << 30
SMOKE_CACHE_BYTES = 1 << 26
SMOKE_ANSWERS = 500
RUNS = ROOT / "bench" / "runs"
DOCUMENT = ROOT / "docs" / "performance.md"


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4, help="how long each load runs (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each system has its turn (default 3)")
    parser.add_argument("--systems", help="only these, by name and comma")
    parser.add_argument("--cases", help="only these; NAME* stands for all that begin with NAME")
    parser.add_argument("--entries", type=int, help="of how many objects memory is measured (default 1000000; 200000 of systems "
                        "that take 4 KiB and more for each)")
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
    end_in_order()


def describe(directory: Path, systems: dict[str, System], asked: argparse.Namespace) -> None:
    """What was measured, and on what: `run.json`."""
    about = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "versions": {name: system.version() for name, system in systems.items()},
        "titles": {name: system.title for name, system in systems.items()},
        "wrk": installed_version(["wrk", "-v"], r"wrk (?:debian/)?(\S+)"),
        "gnuplot": installed_version(["gnuplot", "--version"], r"gnuplot (\S+)"),
        "seconds": asked.seconds,
        "rounds": asked.rounds,
        "load_average_before": os.getloadavg()[0],
    }
    (directory / "run.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def measure(asked: argparse.Namespace, out: Path, scratch: Path) -> tuple[Run, Progress]:
    """Everything between start and end of servers."""
    systems = chosen(all_systems(), asked.systems, "system")
    known = smoke_cases() if asked.smoke else all_cases(asked.entries)
    cases = chosen({case.name: case for case in known}, asked.cases, "case")
    turns = plan(cases.values(), systems.values(), asked.rounds, in_smoke if asked.smoke else everybody)
    results = Results(out)
    describe(out, systems, asked)
    with contextlib.ExitStack() as stack:
        stack.callback(Server.stop_all)
        origin = stack.enter_context(Origin(program("origin"), scratch))
        bench = Bench(origin, asked.seconds, asked.smoke, SMOKE_ANSWERS if asked.smoke else None, scratch)
        run = Run(stack, bench, results, SMOKE_CACHE_BYTES if asked.smoke else CACHE_BYTES)
        try:
            progress = run.take(turns)
        except KeyboardInterrupt:
            print(f"what was seen until now is in {results.path}", file=sys.stderr)
            raise
    about = json.loads((out / "run.json").read_text())
    about["took_s"] = {group: round(took_s) for group, took_s in progress.took_by_group_s().items()}
    (out / "run.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    return run, progress


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """For all files of all servers, in memory where that can be: caches that keep files, or map them, shall not wait for
    a disk. It is gone in the end."""
    memory = Path("/dev/shm")
    with contextlib.ExitStack() as stack:
        with held_back():
            scratch = Path(tempfile.mkdtemp(prefix="larder-bench-", dir=memory if os.access(memory, os.W_OK) else None))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        scratch.chmod(0o755)  # Squid gives up its rights and must still find what is here.
        yield scratch


def places(asked: argparse.Namespace, scratch: Path) -> tuple[Path, Path]:
    """Where records go as they come, and where they are in the end."""
    if asked.out or asked.smoke:
        out = asked.out or scratch / "out"
        return out, out
    # A run that breaks off, or that is a part only, does not take the place of a whole one.
    kind = "peers-part" if asked.systems or asked.cases else "peers"
    out = RUNS / f"{datetime.now(timezone.utc):%Y-%m-%d}-{kind}"
    return out.with_name(f"{out.name}-unfinished"), out


def main() -> int:
    """Exit code 1 where anything failed."""
    asked = options()
    if asked.smoke:
        asked.seconds, asked.rounds, Build.profile = 60, 1, "debug"
    prepare_process()
    with scratch_folder() as scratch:
        if not asked.no_build:
            build()
        began = time.monotonic()
        under_way, out = places(asked, scratch)
        run, progress = measure(asked, under_way, scratch)
        if under_way != out:
            shutil.rmtree(out, ignore_errors=True)
            under_way.rename(out)
        document = DOCUMENT
        if asked.smoke or asked.out or asked.systems or asked.cases:  # Not the whole, so not for readers.
            document = scratch / DOCUMENT.name
            shutil.copy(DOCUMENT, document)
        report.write(out, document)
        if asked.smoke:
            run.failures += complaints(out, document)
    took = ", ".join(f"{group} {took_s:.0f} s" for group, took_s in progress.took_by_group_s().items())
    print(f"\n{len(progress.took_s)} measurements in {time.monotonic() - began:.0f} s ({took}), {len(run.failures)} failed")
    for failure in run.failures:
        print(f"failed: {failure}", file=sys.stderr)
    if asked.smoke:
        print(f"bench-peers smoke: {max(0, len(progress.took_s) - len(run.failures))} passed, {len(run.failures)} failed")
    elif not asked.out:
        print(f"results are in {out}")
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
