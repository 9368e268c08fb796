"""The bare responder (bench/tools/src/bin/responder.rs): what a read, a write and nothing else cost. The floor of every hit."""

from pathlib import Path

from bench.harness.process import Server

from .base import PLAIN, SYSTEM_CORE, How, Running, System, Unsupported
from .build import program


class Responder(System):
    """Answers one constant; no cache, no parsing, no choice."""

    name = "responder"
    title = "bare responder"
    caches = False

    def version(self) -> str:
        return "this tree"

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        how.must_be_plain(self)
        return RunningResponder(self, directory)


class RunningResponder(Running):
    """One process for each size of answer, started when it is first asked for."""

    def __init__(self, system: System, directory: Path):
        self.directory = directory
        self.by_size: dict[str, str] = {}
        super().__init__(system, "", [])
        self.address = self._address("1024")

    def url(self, path: str) -> str:
        _, kind, size, *_ = path.split("/")
        if kind != "o":
            raise Unsupported("a constant answer: no fetches, no validators, no codings")
        return f"http://{self._address(size)}{path}"

    def _address(self, size: str) -> str:
        if size not in self.by_size:
            server = Server(f"responder-{size}", [str(program("responder")), size], self.directory, cores=SYSTEM_CORE)
            self.servers.append(server)
            self.by_size[size] = server.announced()[0].removeprefix("http://")
        return self.by_size[size]
