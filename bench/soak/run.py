#!/usr/bin/env python3
"""Loads two instances with mixed traffic and trouble for some minutes, and judges what came of it.

Every body that is checked carries its object, its version and a checksum. Exit code 1 where a verdict fails. `--minutes 60` for
an hour; under four minutes nothing is said of growth.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.harness.ending import end_in_order  # noqa: E402 (the path comes first)
from bench.harness.machine import machine  # noqa: E402
from bench.harness.process import BenchError, Server  # noqa: E402
from bench.soak import report, verdicts  # noqa: E402
from bench.soak.clients import Clients  # noqa: E402
from bench.soak.fleet import Fleet, Instance  # noqa: E402
from bench.soak.objects import Checks  # noqa: E402
from bench.soak.samples import COLUMNS, Sample, Sampling, sample  # noqa: E402
from bench.soak.trouble import Trouble  # noqa: E402

RUNS = ROOT / "bench" / "runs"
DOCUMENT = ROOT / "docs" / "endurance.md"
REST_DEADLINE_S = 90
DESCRIPTORS_MORE_MAX = 40
TASKS_MORE_MAX = 60
"""What is kept for later may stay: idle connections to the origins and to Redis."""
IN_FLIGHT_MIB_MAX = 0.01


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=600, help="requests a second beside those that are checked (default 600)")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/larder")
    parser.add_argument("--out", type=Path, help="where results go, with no document written (default bench/runs/DATE-soak)")
    return parser.parse_args()


def awaited_rest(fleet: Fleet, instance: Instance, checks: Checks, before: Sample) -> dict:
    """What it holds once clients are gone: waits until that is little more than before, or the deadline."""
    deadline = time.monotonic() + REST_DEADLINE_S
    while True:
        after = sample(fleet, instance, checks, time.monotonic())
        is_back = (after.in_flight_mib is not None and after.in_flight_mib <= IN_FLIGHT_MIB_MAX
                   and after.descriptors <= before.descriptors + DESCRIPTORS_MORE_MAX
                   and None not in (before.tasks, after.tasks) and after.tasks <= before.tasks + TASKS_MORE_MAX)
        if is_back or time.monotonic() > deadline:
            return {"before": vars(before), "after": vars(after), "is_back": is_back}
        time.sleep(0.5)


def soak(asked: argparse.Namespace, scratch: Path, out: Path) -> tuple[dict, list[verdicts.Verdict]]:
    """The run itself."""
    fleet, checks = Fleet(asked.binary.resolve(), scratch), Checks()
    before = {instance.name: sample(fleet, instance, checks, time.monotonic()) for instance in fleet.instances}
    trouble, clients = Trouble(fleet, checks), Clients(fleet, checks, asked.rate)
    sampling = Sampling(fleet, checks, out / "samples.csv", trouble.began)
    for part in (sampling, clients, trouble):
        part.start()
    end = trouble.began + asked.minutes * 60
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(10, left))
        print(f"{time.monotonic() - trouble.began:5.0f} s  {dict(sorted(checks.counts.items()))}", flush=True)
        for server in (fleet.redis, *(instance.server for instance in fleet.instances)):
            if server.process.poll() is not None:
                raise BenchError(f"{server.name} ended with {server.process.returncode}\n{server.tail()}")
    seconds = time.monotonic() - trouble.began
    for part in (trouble, clients, sampling):
        part.stop()
    rest = {instance.name: awaited_rest(fleet, instance, checks, before[instance.name]) for instance in fleet.instances}
    about = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "version": subprocess.run([asked.binary, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
        "seconds": round(seconds),
        "rate": asked.rate,
        "counts": dict(sorted(checks.counts.items())),
        "rest": rest,
        "noted": [(round(second, 1), what) for second, what in trouble.noted],
        "examples": checks.examples,
    }
    return about, verdicts.judge(checks.counts, sampling.samples, rest, seconds)


def main() -> int:
    """Exit code 1 where a verdict fails."""
    asked = options()
    end_in_order()
    out = asked.out or RUNS / f"{datetime.now(timezone.utc):%Y-%m-%d}-soak"
    with tempfile.TemporaryDirectory(prefix="larder-soak-") as scratch:
        out.mkdir(parents=True, exist_ok=True)
        try:
            about, judged = soak(asked, Path(scratch), out)
        finally:
            Server.stop_all()
            for log in Path(scratch).glob("[ab].err"):
                shutil.copy(log, out / f"{log.stem}.log")
    about["verdicts"] = [{"asked": one.asked, "seen": one.seen, "verdict": one.shown()} for one in judged]
    (out / "run.json").write_text(json.dumps(about, indent=2) + "\n")
    report.write(out, None if asked.out else DOCUMENT, about, judged, COLUMNS)
    print((out / "table.md").read_text())
    return 1 if any(one.holds is False for one in judged) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("ended before its time", file=sys.stderr)
        sys.exit(130)
