"""Load over HTTP/2 by h2load, on one thread of the load's core."""

import re
import subprocess
import tempfile
from pathlib import Path

from bench.harness.process import BenchError

from .load import TIMEOUT_S, Load
from .systems.base import LOAD_CORE


def run(url: str, connections: int, streams: int, seconds: int, enough: int | None, directory: Path) -> Load:
    """Loads `url` for so long, or only until there were `enough` answers. Raises BenchError for any that is no 2xx or fails."""
    length = ["-n", str(max(enough, connections))] if enough else ["-D", str(seconds)]
    with tempfile.NamedTemporaryFile(dir=directory, suffix=".log") as log:
        command = ["taskset", "-c", LOAD_CORE, "h2load", "-t", "1", "-c", str(connections), "-m", str(streams), *length,
                   "--connection-inactivity-timeout", str(TIMEOUT_S), "--log-file", log.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        took_us = sorted(int(line.split("\t")[2]) for line in Path(log.name).read_text().splitlines())
    finished = re.search(r"^finished in ([\d.]+)(ms|s|us)", said, re.MULTILINE)
    counted = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    received = re.search(r"^traffic: \S+ \((\d+)\) total", said, re.MULTILINE)
    if done.returncode or not (finished and counted and received and took_us):
        raise BenchError(f"h2load ended with {done.returncode} for {url}\n{said}")
    _, succeeded, *troubles = map(int, counted.groups())
    if any(troubles) or not succeeded:
        raise BenchError(f"h2load saw errors for {url}\n{said}")
    took_s = float(finished[1]) * {"s": 1, "ms": 1e-3, "us": 1e-6}[finished[2]]

    def percentile(share: float) -> float:
        return took_us[min(len(took_us) - 1, int(len(took_us) * share))] / 1000
    return Load(succeeded, took_s, percentile(0.5), percentile(0.99), percentile(0.999), int(received[1]))
