"""The origin of the benchmark (bench/tools/src/bin/origin.rs) and the client that controls it."""

import http.client
import json
import time
from pathlib import Path

from bench.harness.process import BenchError, Server

from .systems.base import LOAD_CORE

SETTLE_DEADLINE_S = 30


class Origin:
    """A running origin. Ends at the end of a `with` block."""

    def __init__(self, program: Path, directory: Path):
        """Starts it on the core of the load."""
        self.server = Server("origin", [str(program)], directory, cores=LOAD_CORE)
        self.address = self.server.announced()[0].removeprefix("http://")

    def __enter__(self) -> "Origin":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def _control(self, path: str) -> dict:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def requests(self, kind: str) -> int:
        """Requests so far for paths that begin with /KIND/: `o`, `gzip`, `slow`, `pass`."""
        return self._control("/control/requests")[kind]

    def settle(self, kind: str) -> None:
        """Waits until no more requests of a kind arrive: a cache may still work off what an ended load left to it."""
        seen, quiet = self.requests(kind), 0
        deadline = time.monotonic() + SETTLE_DEADLINE_S
        while quiet < 3:
            time.sleep(0.05)
            now = self.requests(kind)
            quiet = quiet + 1 if now == seen else 0
            seen = now
            if time.monotonic() > deadline:
                raise BenchError(f"requests for /{kind}/ still arrive {SETTLE_DEADLINE_S} s after the load ended")

    def bump(self) -> int:
        """Begins a new generation and returns its number: from now on every answer carries it, in the field
        `X-Generation` and in the body."""
        return self._control("/control/bump")["generation"]
