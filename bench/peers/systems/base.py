"""What a system under test is to every case: something that starts in front of an origin, is accounted for, and ends."""

import os
import re
import resource
import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from bench.harness.process import BenchError, Server

SYSTEM_CORE = "0"
LOAD_CORE = "1"


class Unsupported(Exception):
    """This system can't do what a case asks for. The message is the reason, and is shown in the results."""


@dataclass(frozen=True)
class How:
    """How an instance differs from those that cases share."""

    workers: int = 1
    cores: str = SYSTEM_CORE
    secure_origin: str | None = None
    """HOST:PORT of the origin over TLS, in place of the plain one; `ca` is whom it must be vouched for by."""
    ca: Path | None = None
    redis: str | None = None
    """The URL of a Redis behind it."""

    def must_be_plain(self, system: "System") -> None:
        """Raises Unsupported for what is not configured here of this system."""
        if self != PLAIN:
            raise Unsupported(f"{system.title} is measured in one way only")


PLAIN = How()


class Running:
    """One running system. Ends on `stop` or at the end of a `with` block."""

    def __init__(self, system: "System", address: str, servers: list[Server], secure_address: str | None = None):
        """`address` is HOST:PORT, without a scheme; `secure_address` that where it speaks TLS."""
        self.secure_address = secure_address
        self.system = system
        self.name = system.name
        self.address = address
        self.servers = servers

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, path: str) -> str:
        """The absolute URL of a path of the origin, as a client of this system asks for it."""
        return f"http://{self.address}{path}"

    def secure_url(self, path: str) -> str:
        """The same over TLS. Raises Unsupported where that is not configured."""
        if self.secure_address is None:
            raise Unsupported(f"{self.system.title} is not measured over TLS")
        return f"https://{self.secure_address}{path}"

    def cpu_ns(self) -> int:
        """Nanoseconds on a processor so far, of all processes."""
        return sum(server.cpu_ns() for server in self.servers)

    def user_share(self) -> tuple[int, int]:
        """Clock ticks outside and inside the kernel so far. Coarse: ask over seconds."""
        shares = [server.user_share() for server in self.servers]
        return sum(user for user, _ in shares), sum(system for _, system in shares)

    def resident_bytes(self) -> int:
        """Memory that its processes hold, and what it keeps in a memory file system."""
        return sum(server.resident_bytes() for server in self.servers)

    def has_ended(self) -> bool:
        """Whether one of its processes has ended of itself."""
        return any(server.process.poll() is not None for server in self.servers)

    def purge_tag(self, tag: str) -> None:
        """Purges all that carries this tag, and returns when the system has acknowledged it. Raises Unsupported."""
        raise Unsupported(f"{self.system.title} has no purge by tag")

    def purge_url(self, path: str) -> None:
        """Purges one path (and query), and returns when the system has acknowledged it. Raises Unsupported."""
        raise Unsupported(f"{self.system.title} has no purge by URL")

    def ask_to_end(self) -> None:
        """Has every process begin to end, and does not wait for it."""
        for server in self.servers:
            server.process.terminate()

    def stop(self) -> None:
        """Ends every process. May be called twice."""
        for server in self.servers:
            server.stop()


class System(ABC):
    """A kind of server that can be measured, with the configuration that it is measured with."""

    name: str
    """In commands, files and columns."""
    title: str
    """In documents."""
    caches = True
    """False: it neither fetches nor stores, and takes part only as the floor of hits."""

    @abstractmethod
    def version(self) -> str:
        """What is installed, `1.22.1`. Raises BenchError where nothing is."""

    @abstractmethod
    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        """Starts, on core 0 unless `how` says otherwise, in front of `origin_address` (HOST:PORT), with a cache of so many bytes, and its files in
        `directory`; returns once it accepts connections. Raises BenchError,
        and Unsupported for what it can't be."""


def started(running: Running) -> Running:
    """Waits until it accepts connections; ends it where it does not."""
    try:
        running.servers[0].accepts(int(running.address.rpartition(":")[2]))
    except BaseException:
        running.stop()
        raise
    return running


def installed_version(command: list[str], pattern: str) -> str:
    """What a command says of its version. Raises BenchError where it is not there or says nothing of the kind."""
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise BenchError(f"{command[0]} is not installed\nhint: scripts/install-prerequisites.sh peers")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    if match is None:
        raise BenchError(f"{' '.join(command)} does not tell its version\n{done.stdout}{done.stderr}")
    return match[1]


def open_files() -> int:
    """How many files and sockets one process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
