"""What servers use while a load is on them: memory, processor time, and how many connections one of them was opened.

Connections are counted from the kernel's table, once a second: one that has ended stays in it for a minute (TIME_WAIT), so
that none is missed.
"""

import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.harness.process import Server

PERIOD_S = 1.0


def clients_of(table: str, port: int) -> set[str]:
    """The clients' ends of the connections to a port of this machine, in the format of /proc/net/tcp.

    Each connection has a row for either end; one that has ended has one, at the end that closed it first.
    """
    server, unconnected = f":{port:04X}", ":0000"
    rows = [line.split()[1:3] for line in table.splitlines()[1:]]
    ends = [(local, remote) for local, remote in rows if not remote.endswith(unconnected)]
    accepted = {remote for local, remote in ends if local.endswith(server)}
    return accepted | {local for local, remote in ends if remote.endswith(server)}


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had resident so far."""
    match = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def busy_ns(stat: str) -> int:
    """Time that this machine's cores have not been idle so far, in the format of /proc/stat."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, stat.split()[1:8])
    return (user + nice + system + irq + softirq) * 10 ** 9 // os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    """One server's use."""
    rest_bytes: int
    begun_cpu_ns: int
    resident_bytes: list[int] = field(default_factory=list)
    cpu_ns: int = 0


class Sampling:
    """Samples servers in a thread of its own, from the beginning of a `with` block to its end."""

    def __init__(self, servers: list[Server], upstream: str):
        """Connections to `upstream`, a URL, are counted."""
        self.port = urlsplit(upstream).port
        self.servers = {server.name: server for server in servers}
        self.clients: set[str] = set()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Sampling":
        self.usages = {name: Usage(server.resident_bytes(), server.cpu_ns()) for name, server in self.servers.items()}
        self.known_before = self._connected()
        self.busy_before = self.busy = busy_ns(Path("/proc/stat").read_text())
        self.begun = self.ended = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join()

    def watch(self, server: Server) -> None:
        """Samples one that came later too."""
        self.usages[server.name] = Usage(server.resident_bytes(), 0)
        self.servers[server.name] = server

    def figures(self) -> dict[str, dict[str, float]]:
        """Of each server: cores in use on average, MiB resident before and at most."""
        seconds = max(self.ended - self.begun, PERIOD_S)
        return {name: {
            "cores": (usage.cpu_ns - usage.begun_cpu_ns) / 1e9 / seconds,
            "rest_mib": usage.rest_bytes / 2 ** 20,
            "peak_mib": max([usage.rest_bytes, *usage.resident_bytes]) / 2 ** 20,
        } for name, usage in self.usages.items()}

    def other_cores(self) -> float:
        """Cores that were busy with what is no part of the run, on average."""
        ours = sum(figures["cores"] for figures in self.figures().values())
        return max((self.busy - self.busy_before) / 1e9 / max(self.ended - self.begun, PERIOD_S) - ours, 0)

    def opened(self) -> int:
        """Connections that the upstream was opened meanwhile."""
        return len(self.clients - self.known_before)

    def _connected(self) -> set[str]:
        return clients_of(Path("/proc/net/tcp").read_text(), self.port)

    def _run(self) -> None:
        while not self.stopping.wait(PERIOD_S):
            self.clients |= self._connected()
            for name, server in list(self.servers.items()):
                cpu_ns = server.cpu_ns()
                if cpu_ns >= self.usages[name].cpu_ns:  # Not when it has just ended, and its threads are gone.
                    self.usages[name].cpu_ns = cpu_ns
                self.usages[name].resident_bytes.append(server.resident_bytes())
            self.busy = busy_ns(Path("/proc/stat").read_text())
            self.ended = time.monotonic()
