#!/usr/bin/env python3
"""What operators' tools cost: fifty open dashboards, and a replay of a million requests.

    bench/operators/run.py [--binary target/release/larder] [--document]

The dashboards: processor time of Larder while some requests a second are answered from the cache, with nobody watching and with
fifty viewers, in turns; the difference is theirs. The replay: the sample shop's recorded log, repeated in time until it has a million
requests, beside only reading and parsing it: `larder warm` does that to a log, and this one has nothing that could be warmed. `--document` writes the
figures into docs/dashboard.md and docs/replay.md. A release build without link-time optimisation is enough.
"""

import argparse
import contextlib
import datetime
import gzip
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.harness.document import replace_block  # noqa: E402 (the path comes first)
from bench.harness.ending import end_in_order  # noqa: E402
from bench.harness.machine import machine  # noqa: E402
from bench.harness.process import BenchError, Server, free_port  # noqa: E402

VIEWERS = 50
SECONDS = 8
ROUNDS = 5
REQUESTS = 1_000_000
REPEATS = 3
RECORDED = ROOT / "tests" / "recorded" / "shop.jsonl.gz"
RULES = ROOT / "bench" / "shop" / "larder" / "rules.toml"


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "larder")
    parser.add_argument("--document", action="store_true", help="write the figures into the book")
    return parser.parse_args()


@contextlib.contextmanager
def serving(binary: Path, directory: Path) -> Iterator[tuple[Server, str, str]]:
    """Larder before itself: one instance is the other's upstream, so that no other server is needed. Its URLs."""
    rules = '[[route]]\nname = "all"\npath = "/**"\nttl = "1h"\nttl_by_status = { "404" = "1h" }\n'
    (directory / "rules.toml").write_text(rules)
    upstream = f"http://127.0.0.1:{free_port()}"
    (directory / "proxy.toml").write_text(
        f'rules = "rules.toml"\n[listen]\nhttp = "127.0.0.1:0"\n[upstream]\nservers = ["{upstream}"]\n'
        '[admin]\nlisten = "127.0.0.1:0"\n[log]\naccess = false\nlevel = "error"\n')
    with Server("larder", [str(binary.resolve()), "serve"], directory) as larder:
        admin = larder.announced(r"^listening on (\S+) \(admin\)")[0]
        yield larder, larder.announced()[0], admin


def asking(url: str, stop: threading.Event) -> None:
    """A hundred requests a second over one connection."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        while not stop.wait(0.01):
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            connection.recv(65536)


@contextlib.contextmanager
def watching(admin: str, viewers: int) -> Iterator[list[int]]:
    """So many viewers of `GET /live`, who come again when a stream ends, and how many bytes each has got."""
    host, port = admin.removeprefix("http://").split(":")
    got, stop = [0] * viewers, threading.Event()

    def watch(number: int) -> None:
        while not stop.is_set():
            with socket.create_connection((host, int(port))) as connection:
                connection.settimeout(0.5)
                connection.sendall(f"GET /live HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
                while not stop.is_set():
                    try:
                        chunk = connection.recv(1 << 20)
                    except TimeoutError:
                        continue
                    if not chunk:
                        break
                    got[number] += len(chunk)

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(viewers)]
    for thread in threads:
        thread.start()
    try:
        yield got
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def dashboards(binary: Path, directory: Path) -> dict:
    """Per cent of a core by round, with nobody and with all viewers."""
    shares: dict[int, list[float]] = {0: [], VIEWERS: []}
    with serving(binary, directory) as (larder, url, admin):
        stop = threading.Event()
        clients = threading.Thread(target=asking, args=(url, stop))
        clients.start()
        try:
            for _ in range(ROUNDS):
                for viewers, found in shares.items():
                    with watching(admin, viewers) as got:
                        # The first event, the charts of five minutes, is sent once a viewer.
                        larder.until(lambda got=got: all(got), "the first event of each viewer")
                        before, began = larder.cpu_ns(), time.monotonic()
                        time.sleep(SECONDS)
                        found.append((larder.cpu_ns() - before) / 1e7 / (time.monotonic() - began))
        finally:
            stop.set()
            clients.join()
    nobody, all_of_them = (statistics.median(found) for found in shares.values())
    return {"nobody": nobody, "viewers": all_of_them, "more": all_of_them - nobody}


def long_logs(directory: Path) -> tuple[Path, Path]:
    """The recorded log, again and again, each time later, as the same visitors would come day after day; and the same with a
    method of which nothing is warmed."""
    lines = [json.loads(line) for line in gzip.open(RECORDED, "rt")]
    times = [datetime.datetime.fromisoformat(line["time"]) for line in lines]
    length = max(times) - min(times) + datetime.timedelta(seconds=1)
    log, unsafe = directory / "access.jsonl", directory / "unsafe.jsonl"
    with log.open("w") as out, unsafe.open("w") as out_unsafe:
        written = 0
        for turn in range(REQUESTS // len(lines) + 1):
            for line, at in zip(lines, times):
                if written == REQUESTS:
                    break
                later = (at + turn * length).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                out.write(json.dumps({**line, "time": later}, separators=(",", ":")) + "\n")
                out_unsafe.write(json.dumps({**line, "time": later, "method": "PUT"}, separators=(",", ":")) + "\n")
                written += 1
    return log, unsafe


def timed(command: list[str], directory: Path, expected: int) -> tuple[float, float]:
    """The shortest of some runs: seconds by the clock, and of a processor. Others who use the machine only make it longer."""
    runs = []
    for _ in range(REPEATS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != expected:
            raise BenchError(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        runs.append((time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return min(runs, key=lambda run: run[1])


def replay(binary: Path, directory: Path) -> dict:
    """Seconds of a replay by one set of rules and by two, and of reading the log alone."""
    log, unsafe = long_logs(directory)
    larder = str(binary.resolve())
    (directory / "proxy.toml").write_text(f'rules = "{RULES}"\n[upstream]\nservers = ["http://127.0.0.1:8000"]\n')
    one = timed([larder, "replay", "--log", log.name, "--json"], directory, 0)
    two = timed([larder, "replay", "--log", log.name, "--rules", str(RULES), "--json"], directory, 0)
    # Reads and parses it all, and finds nothing to warm.
    read = timed([larder, "warm", unsafe.name, "--admin-url", f"http://127.0.0.1:{free_port()}"], directory, 1)
    return {"one": one, "two": two, "read": read, "mib": log.stat().st_size / 2 ** 20}


def main() -> int:
    """Measures both."""
    asked = options()
    end_in_order()
    when = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {machine()}"
    try:
        with tempfile.TemporaryDirectory(prefix="larder-operators-") as name:
            directory = Path(name)
            watched = dashboards(asked.binary, directory)
            print(f"dashboards: {watched}", flush=True)
            played = replay(asked.binary, directory)
            print(f"replay: {played}", flush=True)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        Server.stop_all()
    if asked.document:
        document(watched, played, when)
    return 0


def document(watched: dict, played: dict, when: str) -> None:
    """Writes the figures into the book."""
    replace_block(ROOT / "docs" / "dashboard.md", "dashboards", (
        f"{VIEWERS} open dashboards cost {watched['more']:.2f} % of a core: Larder took {watched['nobody']:.2f} % with nobody watching and "
        f"{watched['viewers']:.2f} %\nwith all of them, at 100 requests a second (`bench/operators/run.py`, medians of {ROUNDS} turns; {when})."))
    seconds = "| {} | {:.2f} s | {:.2f} s |".format
    replace_block(ROOT / "docs" / "replay.md", "replay", "\n".join([
        f"A million requests of the sample shop's log in JSON, {played['mib']:.0f} MiB (`bench/operators/run.py`; {when}):", "",
        "| | by the clock | on a processor |", "|---|---:|---:|",
        seconds("reading and parsing alone", *played["read"]),
        seconds("replay by the rules in force", *played["one"]),
        seconds("replay by two sets of rules", *played["two"])]))


if __name__ == "__main__":
    sys.exit(main())
