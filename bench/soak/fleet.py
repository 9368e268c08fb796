"""The servers of the soak: a Redis, two origins over TLS, two instances of Larder in front of them."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from bench.harness.process import BenchError, Server, free_port

from .objects import Versions

HERE = Path(__file__).resolve().parent

CONFIG = """\
rules = "rules.toml"
[listen]
http = "127.0.0.1:0"
https = {{ address = "127.0.0.1:0", certificate = "shop.pem", key = "shop.key" }}
[upstream]
servers = {servers}
tls = {{ ca_file = "ca.pem" }}
health = {{ path = "/healthz", interval = "500ms" }}
eject = {{ for = "2s" }}
[memory]
size = "32MiB"
[redis]
url = "redis://127.0.0.1:{redis}"
namespace = "soak"
instance = "{name}"
[admin]
listen = "127.0.0.1:0"
[log]
access = false
"""

RULES = """\
[[route]]
name = "objects"
path = "/o/{{n}}"
ttl = "{ttl}"
tags = ["o:{{n}}"]
cookies = []

[[route]]
name = "others"
path = "/**"
cookies = []
upgrade = ["websocket"]
"""


class Certificates:
    """An authority, and what it vouches for, made by openssl."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.ca = directory / "ca.pem"
        openssl(directory, "req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=soak")

    def make(self, name: str) -> None:
        """A new pair, NAME.pem and NAME.key, in the place of the one before: each file written beside it, then renamed."""
        openssl(self.directory, "req", *KEY, "-keyout", "new.key", "-out", "new.csr", "-subj", "/CN=127.0.0.1")
        (self.directory / "new.ext").write_text("subjectAltName = IP:127.0.0.1\n")
        openssl(self.directory, "x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "30", "-extfile", "new.ext", "-out", "new.pem")
        for kind in ("key", "pem"):
            (self.directory / f"new.{kind}").rename(self.directory / f"{name}.{kind}")


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(directory: Path, *arguments: str) -> None:
    """Runs it there. Raises BenchError where it fails."""
    done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"openssl {arguments[0]} failed\n{done.stderr}")


class Instance:
    """One Larder."""

    def __init__(self, name: str, binary: Path, directory: Path, servers: list[str], redis_port: int):
        (directory / f"{name}.toml").write_text(CONFIG.format(name=name, servers=json.dumps(servers), redis=redis_port))
        self.name = name
        self.server = Server(name, [str(binary), "serve", "--config", f"{name}.toml"], directory)
        self.server.announced(r"^listening on (\S+) \(admin\)")
        lines = self.server.announced(r"^listening on (.+)")
        found = {"admin" if "(admin)" in line else line.partition(":")[0]: line.split()[0] for line in lines}
        self.http, self.https, self.admin = found["http"], found["https"], found["admin"]

    def post(self, path: str, content: object) -> tuple[int, dict]:
        """Asks the admin API; the status and the answer."""
        request = urllib.request.Request(f"{self.admin}{path}", json.dumps(content).encode(),
                                         {"Content-Type": "application/json"}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, {}

    def metrics(self) -> dict[str, float]:
        """Every series by its name, labels and all."""
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{[^\n]*\})?) ([-+.\deE]+)$", text, re.M)}


class Fleet:
    """All of them. Ends with `Server.stop_all`."""

    def __init__(self, binary: Path, directory: Path):
        self.directory = directory
        self.versions = Versions(directory / "versions", create=True)
        self.certificates = Certificates(directory)
        for name in ("shop", "origin"):
            self.certificates.make(name)
        self.rules("1h")
        self.redis_port = free_port()
        self.redis = Server("redis", ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "",
                                      "--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"], directory)
        self.redis.accepts(self.redis_port)
        self.ports = [free_port(), free_port()]
        self.origins = [self.origin(number) for number in range(2)]
        servers = [f"https://127.0.0.1:{port}" for port in self.ports]
        self.instances = [Instance(name, binary, directory, servers, self.redis_port) for name in ("a", "b")]

    def origin(self, number: int) -> Server:
        """Starts one, on the port that it always has."""
        port = self.ports[number]
        command = [sys.executable, "-B", str(HERE / "origin.py"), str(port), "versions", "origin.pem", "origin.key"]
        server = Server(f"origin-{number}", command, self.directory)
        server.accepts(port)
        return server

    def rules(self, ttl: str) -> None:
        """Writes the rules; they are in force after a reload."""
        (self.directory / "rules.toml").write_text(RULES.format(ttl=ttl))

    def pause_redis(self) -> None:
        """It answers nothing from now on."""
        self.redis.process.send_signal(signal.SIGSTOP)

    def resume_redis(self) -> None:
        """It goes on."""
        self.redis.process.send_signal(signal.SIGCONT)

    def endpoints(self) -> list[tuple[str, list[str]]]:
        """Where and how clients may ask: a URL, and what curl is told of the protocol."""
        h1, h2 = ["--http1.1"], ["--http2"]
        return [where for instance in self.instances
                for where in ((instance.http, h1), (instance.https, h1), (instance.https, h2))]
