#!/usr/bin/env python3
"""Restarts two instances in turn under load, and counts what their clients lose.

wrk (64 connections) asks HAProxy, which asks both instances of Larder, which stand in front of an origin in this process.
Ten times one of them is replaced: nine times stopped and started again, once by a process that takes over. What is written
down of each: the hit ratio in the second before, and in the first second after it serves again, by its own metrics.

  bench/rolling/run.py [--binary target/release/larder] [--restarts 10] [--write bench/runs/NAME.json] [--document FILE]
"""

import argparse
import asyncio
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime, timezone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from bench.harness.document import replace_block  # noqa: E402 (the path comes first)
from bench.harness.machine import machine  # noqa: E402

KEYS = 400
CONNECTIONS = 64
TAKEOVER_AT = 5

RULES = """
[[route]]
name = "all"
path = "/**"
ttl = "1h"
cookies = []
"""

CONFIG = """
rules = "rules.toml"
[listen]
http = "127.0.0.1:{http}"
takeover = "takeover-{name}.sock"
[upstream]
servers = ["http://127.0.0.1:{origin}"]
[memory]
size = "128MiB"
snapshot = "var/{name}.snapshot"
[admin]
listen = "127.0.0.1:{admin}"
[timeouts]
drain_delay = "1s"
[log]
access = false
"""

HAPROXY = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch
  retry-on conn-failure empty-response
frontend shop
  bind 127.0.0.1:{front}
  default_backend larder
backend larder
  balance roundrobin
  option httpchk GET /readyz
  server a 127.0.0.1:{http_a} check port {admin_a} inter 100ms fall 1 rise 1
  server b 127.0.0.1:{http_b} check port {admin_b} inter 100ms fall 1 rise 1
"""

# Each request another key; most of them a few.
SCRIPT = """
math.randomseed(7)
request = function()
  local n = math.floor(math.random() ^ 2 * %d)
  return wrk.format("GET", "/product/" .. n, { Host = "shop.example.com" })
end
""" % KEYS


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def origin(port):
    """Serves pages of 1 to 8 KiB, each after 20 ms, in a process of its own."""

    async def answer(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number = int(re.search(rb"/product/(\d+)", head).group(1))
                await asyncio.sleep(0.02)
                body = b"x" * (1024 * (1 + number % 8))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, AttributeError):
            writer.close()

    async def serve():
        server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=1000)
        await server.serve_forever()

    pid = os.fork()
    if pid == 0:
        asyncio.run(serve())
    return pid


class Instance:
    """One of the two, whichever process it is at the moment."""

    def __init__(self, name, binary, folder, origin_port):
        self.name, self.binary, self.folder = name, binary, folder
        self.http, self.admin = free_port(), free_port()
        text = CONFIG.format(name=name, http=self.http, admin=self.admin, origin=origin_port)
        (folder / f"{name}.toml").write_text(text)
        self.process = None

    def start(self, *arguments):
        log = open(self.folder / f"{self.name}.log", "a")
        command = [self.binary, "serve", "--config", str(self.folder / f"{self.name}.toml"), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        for _ in range(2):
            if not process.stdout.readline().startswith("listening on"):
                sys.exit((self.folder / f"{self.name}.log").read_text())
        self.process = process

    def counts(self):
        url = f"http://127.0.0.1:{self.admin}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        hits = total = 0
        for labels, value in re.findall(r"^larder_requests_total\{([^}]*)\} (\d+)", text, re.M):
            total += int(value)
            hits += int(value) if 'outcome="hit"' in labels else 0
        return hits, total

    def ratio(self, seconds=1.0):
        """Of the requests from its next one on, in percent; and how many there were."""
        first = self.counts()
        deadline = time.monotonic() + 10
        while self.counts()[1] == first[1] and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(seconds)
        last = self.counts()
        total = last[1] - first[1]
        return (100 * (last[0] - first[0]) / total if total else None), total

    def counts_of_new(self, old_total):
        """Those of the process that has taken over. Until the old one has ended, either may answer; the new one's are fewer."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            hits, total = self.counts()
            if total < old_total:
                return hits, total
            time.sleep(0.005)
        sys.exit(f"{self.name}: the process that has taken over does not answer for its metrics")

    def ratio_of_new(self, old_total, seconds=1.0):
        """As `ratio`, of the process that has taken over from one that had counted `old_total`."""
        first = self.counts_of_new(old_total)
        time.sleep(seconds)
        last = self.counts_of_new(old_total)
        total = last[1] - first[1]
        return (100 * (last[0] - first[0]) / total if total else None), total

    def replace(self, by_takeover):
        before, _ = self.ratio()
        old, old_total = self.process, self.counts()[1]
        if by_takeover:
            self.start("--takeover")
        else:
            old.send_signal(signal.SIGTERM)
            if old.wait(timeout=15) != 0:
                sys.exit(f"{self.name} did not end well")
            self.start()
        after, requests = self.ratio_of_new(old_total) if by_takeover else self.ratio()
        if by_takeover and old.wait(timeout=15) != 0:
            sys.exit(f"{self.name} did not end well")
        return {
            "instance": self.name,
            "how": "takeover" if by_takeover else "restart",
            "hit_percent_before": before,
            "hit_percent_first_second": after,
            "requests_first_second": requests,
        }


def table(result):
    """The result in Markdown, for a document."""
    rows = "\n".join(
        f"| {r['how']} of {r['instance']} | {r['hit_percent_before']:.1f} % | {r['hit_percent_first_second']:.1f} % "
        f"| {r['requests_first_second']:,} |"
        for r in result["restarts"] if r["requests_first_second"])
    return (
        f"{result['date']} on {result['machine']}: {result['connections']} connections, {result['requests']:,} requests, "
        f"{result['failed']} failed; the largest loss of the hit ratio was {result['largest_loss_of_hit_points']:.2f} points.\n\n"
        f"| what | hit ratio before | in the first second after | requests in it |\n|---|---:|---:|---:|\n{rows}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/larder")
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--document", type=pathlib.Path, help="whose block `rolling` is written")
    options = parser.parse_args()
    binary = str(pathlib.Path(options.binary).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "rules.toml").write_text(RULES)
        (folder / "keys.lua").write_text(SCRIPT)
        origin_port, front = free_port(), free_port()
        origin_pid = origin(origin_port)
        instances = [Instance(name, binary, folder, origin_port) for name in "ab"]
        haproxy = None
        try:
            for instance in instances:
                instance.start()
            a, b = instances
            text = HAPROXY.format(front=front, http_a=a.http, admin_a=a.admin, http_b=b.http, admin_b=b.admin)
            (folder / "haproxy.cfg").write_text(text)
            haproxy = subprocess.Popen(["haproxy", "-f", str(folder / "haproxy.cfg"), "-db"], stderr=subprocess.DEVNULL)
            time.sleep(1)
            seconds = options.restarts * 7 + 15
            url = f"http://127.0.0.1:{front}/"
            wrk = subprocess.Popen(
                ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(folder / "keys.lua"), url],
                stdout=subprocess.PIPE,
                text=True,
            )
            time.sleep(5)
            restarts = []
            for nth in range(options.restarts):
                restarts.append(instances[nth % 2].replace(by_takeover=nth == TAKEOVER_AT))
                print(restarts[-1], flush=True)
            wrk.send_signal(signal.SIGINT)
            told = wrk.communicate(timeout=seconds)[0]
        finally:
            for process in [haproxy, *(instance.process for instance in instances)]:
                if process:
                    process.terminate()
                    process.wait(timeout=15)
            os.kill(origin_pid, signal.SIGKILL)
    requests = int(re.search(r"(\d+) requests in", told).group(1))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    failed = sum(map(int, errors.groups())) if errors else 0
    failed += int(statuses.group(1)) if statuses else 0
    losses = [r["hit_percent_before"] - r["hit_percent_first_second"] for r in restarts if r["requests_first_second"]]
    result = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "connections": CONNECTIONS,
        "requests": requests,
        "failed": failed,
        "largest_loss_of_hit_points": round(max(losses), 2),
        "restarts": restarts,
    }
    print(json.dumps(result, indent=2))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(json.dumps(result, indent=2) + "\n")
    if options.document:
        replace_block(options.document, "rolling", table(result))
    if failed or max(losses) > 2 or any(not r["requests_first_second"] for r in restarts):
        sys.exit("requests failed, or a restart has cost more than two points of the hit ratio")


if __name__ == "__main__":
    main()
