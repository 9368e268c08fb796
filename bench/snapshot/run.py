#!/usr/bin/env python3
"""Fills a cache, stops Larder, starts it again, and says how fast the snapshot was read and what it cost requests meanwhile.

  bench/snapshot/run.py [--mib 1024] [--binary target/release/larder] [--document docs/endurance.md]
"""

import argparse
import http.client
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.harness.document import replace_block  # noqa: E402 (the path comes first)
from bench.harness.ending import end_in_order  # noqa: E402
from bench.harness.machine import machine  # noqa: E402
from bench.harness.process import BenchError, Server  # noqa: E402
from bench.peers.each import Asking, ask_each  # noqa: E402

BODY_BYTES = 16 << 10
PAUSE_S = 0.001
MB_PER_S_MIN = 500

CONFIG = """\
rules = "rules.toml"
[listen]
http = "127.0.0.1:0"
[upstream]
servers = ["{origin}"]
[memory]
size = "{size_mib}MiB"
snapshot = "cache.snapshot"
[admin]
listen = "127.0.0.1:0"
[timeouts]
drain = "60s"
[log]
access = false
"""

RULES = """\
[[route]]
name = "all"
path = "/o/**"
ttl = "1h"
cookies = []
compress = false
"""


def started(binary: Path, folder: Path, name: str) -> tuple[Server, str]:
    """Larder, and where it listens."""
    server = Server(name, [str(binary), "serve", "--config", "proxy.toml"], folder)
    server.until(lambda: len(server.announced()) >= 2, "both listeners")
    return server, server.announced()[0].removeprefix("http://")


def latencies_ms(address: str, until) -> list[float]:
    """How long requests took that passed through, one after another on one connection, until something holds; sorted."""
    connection, took = http.client.HTTPConnection(address, timeout=30), []
    while not until():
        began = time.perf_counter()
        connection.request("GET", "/pass/100")
        connection.getresponse().read()
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE_S)
    connection.close()
    return sorted(took)


def figures(took: list[float]) -> str:
    """Median, P99 and the slowest."""
    return f"{took[len(took) // 2]:.2f} / {took[len(took) * 99 // 100]:.2f} / {took[-1]:.2f} ms ({len(took):,} requests)"


def measure(binary: Path, origin_program: Path, mib: int, folder: Path) -> dict:
    """Everything that is written down."""
    origin = Server("origin", [str(origin_program)], folder)
    origin_url = origin.announced()[0]
    (folder / "proxy.toml").write_text(CONFIG.format(origin=origin_url, size_mib=2 * mib + 64))
    (folder / "rules.toml").write_text(RULES)
    larder, address = started(binary, folder, "before")
    count = mib * (1 << 20) // BODY_BYTES
    ask_each(address, Asking(f"/o/{BODY_BYTES}/", count), folder, connections=32)
    began = time.monotonic()
    larder.process.terminate()
    if larder.process.wait(90) != 0:
        raise BenchError(f"Larder did not end well\n{larder.tail()}")
    wrote_s = time.monotonic() - began
    size = (folder / "cache.snapshot").stat().st_size
    larder, address = started(binary, folder, "after")
    in_memory = re.compile(r"the snapshot is in memory.*?loaded=(\d+).*?millis=(\d+)")

    def found() -> re.Match | None:
        return in_memory.search(re.sub(r"\x1b\[[0-9;]*m", "", larder.err.read_text() + larder.out.read_text()))
    deadline = time.monotonic() + 120
    meanwhile = latencies_ms(address, lambda: found() or time.monotonic() > deadline)
    said, cpu_s = found(), larder.cpu_ns() / 1e9
    if not said:
        raise BenchError(f"the snapshot was not read\n{larder.tail()}")
    end = time.monotonic() + 3
    after = latencies_ms(address, lambda: time.monotonic() > end)
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "machine": machine(),
        "version": subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
        "asked": count, "entries": int(said[1]), "file_mb": round(size / 1e6, 1), "stopped_in_s": round(wrote_s, 2),
        "read_ms": int(said[2]), "cpu_s": round(cpu_s, 2), "mb_per_s": round(size / 1e6 / max(0.001, int(said[2]) / 1000)),
        "meanwhile": figures(meanwhile) if meanwhile else "none: it was read before the first request", "after": figures(after)}


def table(result: dict) -> str:
    """The result in Markdown."""
    verdict = "met" if result["mb_per_s"] >= MB_PER_S_MIN else "**missed**"
    return (f"{result['date']}, {result['version']}, on {result['machine']}, from a file that the kernel still had in memory.\n\n"
            "| figure | measured |\n|---|---|\n"
            f"| entries, file | {result['entries']:,} of {result['asked']:,}, {result['file_mb']:,.0f} MB |\n"
            f"| from SIGTERM to the end, the file written | {result['stopped_in_s']} s |\n"
            f"| read in | {result['read_ms']:,} ms, {result['mb_per_s']:,} MB/s; goal {MB_PER_S_MIN}: {verdict} |\n"
            f"| CPU time of the process from its start until then | {result['cpu_s']} s |\n"
            f"| a pass-through meanwhile, median / P99 / slowest | {result['meanwhile']} |\n"
            f"| the same after it | {result['after']} |")


def main() -> None:
    """Raises BenchError where it can't be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="of bodies (default 1024)")
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
    parser.add_argument("--binary", type=Path, default=target / "larder")
    parser.add_argument("--origin", type=Path, default=target / "origin", help="bench/tools, built")
    parser.add_argument("--document", type=Path, help="whose block `snapshot` is written")
    asked = parser.parse_args()
    end_in_order()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="larder-snapshot-") as folder:
        try:
            result = measure(asked.binary.resolve(), asked.origin.resolve(), asked.mib, Path(folder))
        finally:
            Server.stop_all()
    print(json.dumps(result, indent=2))
    if asked.document:
        replace_block(asked.document, "snapshot", table(result))


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("ended before its time", file=sys.stderr)
        sys.exit(130)
