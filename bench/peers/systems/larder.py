"""Larder, with rules that leave every decision to the origin, as a user with an API of its own would begin."""

import json
import subprocess
import urllib.request
from pathlib import Path

from bench.harness.certificate import make_certificate
from bench.harness.process import BenchError, Server

from .base import PLAIN, How, Running, System
from .build import ROOT, program

CONFIG = """\
rules = "rules.toml"
[listen]
http = "127.0.0.1:0"
https = {{ address = "127.0.0.1:0", certificate = "tls.pem", key = "tls.key" }}
[upstream]
servers = ["{origin}"]
{trust}[memory]
size = "{cache_bytes}B"
[admin]
listen = "127.0.0.1:0"
[log]
access = false
{redis}"""

# The lifetime counts only where the origin says nothing. No compression at rest: the peers do none either.
RULES = """\
[[route]]
name = "pass"
path = "/pass/**"
cache = false

[[route]]
name = "all"
path = "/**"
ttl = "1h"
cookies = []
compress = false
"""


class Larder(System):
    """Everything but the log of requests and the size of memory is as it comes."""

    name = "larder"
    title = "Larder"

    def version(self) -> str:
        said = subprocess.run([str(program("larder")), "--version"], capture_output=True, text=True, check=True).stdout
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
        return f"{said.split()[-1]} ({commit.stdout.strip() or 'no commit'})"

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        make_certificate(directory)
        origin = f"https://{how.secure_origin}" if how.secure_origin else f"http://{origin_address}"
        (directory / "proxy.toml").write_text(CONFIG.format(
            origin=origin, cache_bytes=cache_bytes, trust=f'tls = {{ ca_file = "{how.ca}" }}\n' if how.ca else "",
            redis=f'[redis]\nurl = "{how.redis}"\n' if how.redis else ""))
        (directory / "rules.toml").write_text(RULES)
        server = Server(self.name, [str(program("larder")), "serve", "--config", "proxy.toml"], directory, cores=how.cores)
        try:
            server.until(lambda: len(server.announced()) >= 3, "all listeners")
            addresses = server.announced()
        except BaseException:
            server.stop()
            raise
        return RunningLarder(self, addresses, server)


class RunningLarder(Running):
    """Purges by its admin API, which answers once the purge holds."""

    def __init__(self, system: System, addresses: list[str], server: Server):
        super().__init__(system, addresses[0].removeprefix("http://"), [server], addresses[1].removeprefix("https://"))
        self.admin = addresses[2]

    def purge_tag(self, tag: str) -> None:
        self._purge({"tags": [tag]})

    def purge_url(self, path: str) -> None:
        self._purge({"urls": [path]})

    def _purge(self, what: dict) -> None:
        request = urllib.request.Request(
            f"{self.admin}/purge", json.dumps(what).encode(), {"Content-Type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            if answer.status != 200:
                raise BenchError(f"a purge of {what} was answered {answer.status}: {answer.read()!r}")
