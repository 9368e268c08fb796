"""Each object of a list is asked for exactly once, in order: how caches are filled, swept and fed a trace.

wrk measures for a time; here a count decides, so a Lua script counts and ends it.
"""

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness.process import BenchError

SCRIPT = Path(__file__).with_name("lua") / "each.lua"
DEADLINE_S = 120
ANSWERS_PER_S_MIN = 1_000
"""What is slower than this, over the deadline, counts as stuck. The slowest here answers some thousands on a core of its own."""


@dataclass(frozen=True)
class Answers:
    """How a list of requests was answered. `old` counts answers of an earlier generation than the one asked about."""
    answered: int
    not_ok: int
    old: int
    seconds: float


@dataclass(frozen=True)
class Asking:
    """What is asked for: `prefix` followed by each number below `count`, or by each number of the trace."""
    prefix: str
    count: int
    trace: Sequence[int] | None = None
    method: str = "GET"
    generation: int | None = None
    host: str | None = None


def ask_each(address: str, asking: Asking, directory: Path, connections: int = 1, core: str = "1") -> Answers:
    """Sends the requests to `http://address` from one thread on `core`. Every request must be answered."""
    options = [f"{name}={value}" for name in ("method", "generation", "host")
               if (value := getattr(asking, name)) is not None]
    if asking.trace is not None:
        listed = directory / "trace"
        listed.write_text("".join(f"{wanted}\n" for wanted in asking.trace))
        options.append(f"trace={listed}")
    deadline_s = DEADLINE_S + asking.count // ANSWERS_PER_S_MIN
    command = ["taskset", "-c", core, "wrk", "-t", "1", "-c", str(min(connections, asking.count)),
               "-d", f"{deadline_s}s", "--timeout", f"{deadline_s}s", "-s", str(SCRIPT), f"http://{address}{asking.prefix}",
               "--", asking.prefix, str(asking.count), *options]
    began = time.monotonic()
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    said = re.search(r"^each: answered=(\d+) not_ok=(\d+) old=(\d+)$", finished.stdout, re.MULTILINE)
    if not said:
        raise BenchError(f"wrk did not get {asking.count} answers from {address} within {deadline_s} s\n"
                         f"{finished.stdout[-2000:]}{finished.stderr[-2000:]}")
    return Answers(*(int(number) for number in said.groups()), seconds)
