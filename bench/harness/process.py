"""A server of a benchmark: started on given cores, awaited, accounted for with all of its children, and ended.

The kernel's own accounting is read: `schedstat` for time on a processor, `status` for resident memory. A server that
forks (nginx, Squid, Traffic Server) is the whole tree below the process that was started.
"""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import ClassVar

from .ending import held_back

START_DEADLINE_S = 60
STOP_DEADLINE_S = 20
PORTS_FROM = 10_000
PORTS_TRIED = 100


class BenchError(Exception):
    """A benchmark can't go on; the message says why and where to look."""


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at the moment, and that no connection is given meanwhile: one below those
    that the kernel gives to clients."""
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.choices(range(PORTS_FROM, max(first_of_clients, PORTS_FROM + 1)), k=PORTS_TRIED):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BenchError(f"no port from {PORTS_FROM} to {first_of_clients} is free")


class Server:
    """One running server. Ends, with its children, on `stop` or at the end of a `with` block."""

    running: ClassVar[list["Server"]] = []
    """All that were started and not ended, for `stop_all`."""

    def __init__(self, name: str, command: list[str], directory: Path, cores: str | None = None,
                 environment: dict[str, str] | None = None):
        """Starts `command` in `directory`, where its output is kept as NAME.out and NAME.err."""
        directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.ended = False
        self.out = directory / f"{name}.out"
        self.err = directory / f"{name}.err"
        pinned = ["taskset", "-c", cores, *command] if cores else command
        with self.out.open("wb") as out, self.err.open("wb") as err, held_back():
            self.process = subprocess.Popen(
                pinned, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, **(environment or {})}, start_new_session=True)
            Server.running.append(self)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def announced(self, pattern: str = r"^listening on (\S+)") -> list[str]:
        """Waits until its output shows `pattern`; returns every match, in order."""
        def found() -> list[str]:
            return re.findall(pattern, self.out.read_text(errors="replace"), re.MULTILINE)
        self.until(lambda: bool(found()), f"a line like {pattern}")
        return found()

    def accepts(self, port: int) -> None:
        """Waits until it accepts connections on this port of loopback."""
        def connects() -> bool:
            with socket.socket() as client:
                client.settimeout(1)
                return client.connect_ex(("127.0.0.1", port)) == 0
        self.until(connects, f"port {port} to accept")

    def until(self, condition, what: str) -> None:
        """Waits for a condition, as long as the server lives and the deadline is not over."""
        deadline = time.monotonic() + START_DEADLINE_S
        while not condition():
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended with {self.process.returncode} before {what}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name}: waited {START_DEADLINE_S} s for {what}\n{self.tail()}")
            time.sleep(0.02)

    def tail(self) -> str:
        """The end of what it said, for an error message."""
        said = self.out.read_text(errors="replace") + self.err.read_text(errors="replace")
        return "\n".join(said.splitlines()[-20:])

    def pids(self) -> list[int]:
        """The process that was started and everything below it."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, IndexError):
                    continue  # It has just ended.
                children.setdefault(parent, []).append(int(entry.name))
        found, open_ends = [], [self.process.pid]
        while open_ends:
            pid = open_ends.pop()
            found.append(pid)
            open_ends += children.get(pid, [])
        return found

    def cpu_ns(self) -> int:
        """Nanoseconds on a processor so far: of all threads that are alive, and of the children that have ended (which the
        kernel counts in ticks)."""
        alive = sum(int(text.split()[0]) for text in self._each("task/*/schedstat"))
        ended = sum(sum(map(int, text.rpartition(")")[2].split()[13:15])) for text in self._each("stat"))
        return alive + ended * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def user_share(self) -> tuple[int, int]:
        """Clock ticks spent outside and inside the kernel so far. Coarse: ask over seconds."""
        user = system = 0
        for text in self._each("stat"):
            fields = text.rpartition(")")[2].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        return user, system

    def resident_bytes(self) -> int:
        """Resident memory of the tree. What processes share is counted once, with the largest."""
        total, shared_most = 0, 0
        for text in self._each("status"):
            def kib(field: str, text: str = text) -> int:
                match = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
                return int(match[1]) * 1024 if match else 0
            shared = kib("RssShmem")
            total += kib("VmRSS") - shared
            shared_most = max(shared_most, shared)
        return total + shared_most

    def _each(self, pattern: str) -> list[str]:
        texts = []
        for pid in self.pids():
            for path in Path(f"/proc/{pid}").glob(pattern):
                try:
                    texts.append(path.read_text())
                except OSError:
                    continue  # It has just ended.
        return texts

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        """Asks it to end, and ends by force what does not. Its whole session goes. May be called twice."""
        if self.ended:
            return  # Its number may be another's by now.
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.ended = True
        Server.running.remove(self)

    @classmethod
    def stop_all(cls) -> None:
        """Ends what nobody else has ended: an interrupt may come between a start and whoever would see to its end."""
        for server in list(cls.running):
            server.stop()
