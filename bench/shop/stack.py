"""The servers of one run: the API, Larder in front of it, and a Redis for Larder."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.harness.process import BenchError, Server, free_port

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "bench" / "shop"
KINDS = ("direct", "memory", "redis", "warmed", "refreshed")
WARMED = ("warmed", "refreshed")
"""Begin with what a log of another run of the same load names most; `refreshed` also fetches again what purges take."""
SETTINGS = {"refreshed": {"LARDER_REFRESH_AFTER_PURGE": "0", "LARDER_REFRESH_HOT_KEYS": "4096"}}


@dataclass(frozen=True)
class Programs:
    """What was built."""
    larder: Path
    api: Path
    load: Path


@dataclass
class Stack:
    """Running servers, and where they are."""
    target: str
    api: Server
    api_url: str
    larder: Server | None = None
    admin: str | None = None
    redis: Server | None = None

    def servers(self) -> list[Server]:
        """All that there are."""
        return [server for server in (self.api, self.larder, self.redis) if server]


def build(profile: str) -> Programs:
    """Builds Larder, the API and the load; `profile` is release or debug."""
    flags = ["--release"] if profile == "release" else []
    command = ["cargo", "build", "--locked", "--quiet", *flags]
    for directory, what in ((ROOT, ["--bin", "larder"]), (SHOP, ["--workspace"])):
        if subprocess.run([*command, *what], cwd=directory).returncode:
            raise BenchError(f"cargo could not build what is in {directory}")
    ours = target(ROOT) / profile
    shops = target(SHOP) / profile
    return Programs(ours / "larder", shops / "shop-api", shops / "shop-load")


def target(directory: Path) -> Path:
    """Where cargo puts what it builds there."""
    return directory / os.environ.get("CARGO_TARGET_DIR", "target")


def prepare(programs: Programs, database_url: str, products: int) -> None:
    """Makes the shop's data."""
    done = subprocess.run([programs.api, "prepare", "--database", database_url, "--products", str(products)],
                          capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"the shop's data could not be made\n{done.stderr}")


@contextlib.contextmanager
def running(kind: str, programs: Programs, database_url: str, directory: Path, port: int = 0, log: bool = False) -> Iterator[Stack]:
    """Starts what a run of this kind needs; ends all of it. With `log`, Larder writes each request to its standard output."""
    with contextlib.ExitStack() as ending:
        api = ending.enter_context(Server("api", [str(programs.api), "--database", database_url], directory))
        api_url = api.announced()[0]
        stack = Stack(api_url, api, api_url)
        options = []
        if kind == "redis":
            redis_port = free_port()
            # No data on disk, and no more memory than a small cache would be given.
            stack.redis = ending.enter_context(Server("redis", [
                "redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"], directory))
            stack.redis.accepts(redis_port)
            options = ["--redis", f"redis://127.0.0.1:{redis_port}"]
        settings = SETTINGS.get(kind, {}) | ({"LARDER_LOG_ACCESS": "true", "LARDER_LOG_FORMAT": "json"} if log else {})
        if kind != "direct":
            stack.larder = ending.enter_context(Server("larder", [
                str(programs.larder), "serve", "--config", str(SHOP / "larder" / "proxy.toml"), "--upstream", api_url,
                "--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0", *options], directory, environment=settings))
            stack.larder.announced(r"^listening on (\S+) \(admin\)")
            stack.target, stack.admin = stack.larder.announced()
        yield stack
