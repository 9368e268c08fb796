#!/usr/bin/env python3
"""What operators' tools cost a hit, in instructions on its way, with and without each of them, by callgrind.

    bench/operators/instructions.py [--binary target/release/larder]

Counted is what the session of a connection does, from the read to the write, and not what is done away from requests: that is a matter of time. Two
runs of one kind differ in the number of hits alone, so their difference is what hits cost. The feed of decisions can't be switched off: what
it takes is what callgrind counts of its function. Wants valgrind. A release build without link-time optimisation is enough.
"""

import argparse
import json
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.harness import process  # noqa: E402 (the path comes first)
from bench.harness.ending import end_in_order  # noqa: E402
from bench.harness.process import BenchError, Server, free_port  # noqa: E402

FEW, MANY = 2_000, 12_000
SESSION = "*http1::session::Session*Future*::poll"
FEED = "Decisions as .*Observer>::plain_hit"
RULES = '[[route]]\nname = "product"\npath = "/api/products/{id}"\nttl = "1h"\ncompress = false\ntags = ["product:{id}", "catalog"]\n'
COLLECTOR = '[trace]\notlp_endpoint = "http://127.0.0.1:{port}"\nsample = "{sample}"\n'


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "larder")
    parser.add_argument("--responder", type=Path, default=ROOT / "target" / "release" / "responder")
    return parser.parse_args()


def shadow(admin: str) -> None:
    """Has other rules judge what comes."""
    call(admin, "/rules/shadow", RULES.replace("1h", "2h"), "application/toml")


def learn(admin: str) -> None:
    """Begins a session of learning."""
    call(admin, "/learn", json.dumps({"for": "1h"}), "application/json")


def call(admin: str, path: str, body: str, kind: str) -> None:
    """Makes a call of the admin API."""
    request = urllib.request.Request(admin + path, body.encode(), {"Content-Type": kind}, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def run(binary: Path, upstream: str, hits: int, more: str, first: Callable[[str], None] | None) -> tuple[int, int]:
    """The instructions of one run, and those of the feed."""
    with tempfile.TemporaryDirectory(prefix="larder-instructions-") as name:
        directory = Path(name)
        (directory / "rules.toml").write_text(RULES)
        (directory / "proxy.toml").write_text(
            f'rules = "rules.toml"\n[listen]\nhttp = "127.0.0.1:0"\n[upstream]\nservers = ["{upstream}"]\n[admin]\n'
            f'listen = "127.0.0.1:0"\n[log]\naccess = false\nlevel = "error"\n{more}')
        counted = directory / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}", f"--toggle-collect={SESSION}", str(binary.resolve()), "serve"]
        with Server("larder", command, directory) as larder:
            admin = larder.announced(r"^listening on (\S+) \(admin\)")[0]
            if first:
                first(admin)
            ask(larder.announced()[0], hits)
        annotated = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(counted)],
                                   capture_output=True, text=True, check=True).stdout
        whole = re.search(r"^summary: (\d+)|^totals: (\d+)", counted.read_text(errors="replace"), re.MULTILINE)
        of_feed = [int(match[1].replace(",", "")) for match in re.finditer(rf"^ *([\d,]+) .*{FEED}", annotated, re.MULTILINE)]
        return int(whole[1] or whole[2]), max(of_feed, default=0)


def ask(url: str, hits: int) -> None:
    """One request after another on one connection; the first is a miss."""
    host, port = url.removeprefix("http://").split(":")
    request = f"GET /api/products/42 HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: bench\r\n\r\n".encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")
        for _ in range(hits + 1):
            connection.sendall(request)
            length = 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            answers.read(length)


def main() -> int:
    """Runs each kind twice, and says what hits cost in it."""
    asked = options()
    end_in_order()
    process.START_DEADLINE_S = process.STOP_DEADLINE_S = 240
    kinds: dict[str, tuple[str, Callable[[str], None] | None]] = {
        "none of them": ("", None),
        "other rules judge, too (shadow)": ("", shadow),
        "learning": ("", learn),
        "traces, 1 % of requests": (COLLECTOR.format(port=free_port(), sample="1%"), None),
    }
    try:
        with tempfile.TemporaryDirectory(prefix="larder-instructions-") as name:
            with Server("responder", [str(asked.responder.resolve()), "1024"], Path(name)) as responder:
                for kind, (more, first) in kinds.items():
                    (few, feed_few), (many, feed_many) = (run(asked.binary, responder.announced()[0], hits, more, first) for hits in (FEW, MANY))
                    per_hit, feed = ((most - least) / (MANY - FEW) for least, most in ((few, many), (feed_few, feed_many)))
                    print(f"{kind}: {per_hit:.0f} instructions a hit, {feed:.0f} of them in the feed of decisions", flush=True)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        Server.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
