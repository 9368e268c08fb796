"""What each instance holds, once a second: memory, descriptors, threads, tasks, connections, bytes of bodies under way."""

import csv
import os
import re
import socket
import threading
import time
from dataclasses import dataclass, fields
from pathlib import Path

from .fleet import Fleet, Instance
from .objects import Checks

PERIOD_S = 1.0


@dataclass
class Sample:
    """One instance at one moment. What could not be asked is None."""

    second: float
    instance: str
    rss_mib: float
    descriptors: int
    threads: int
    tasks: float | None = None
    in_flight_mib: float | None = None
    upstream_connections: float | None = None
    cache_mib: float | None = None
    restarts: float | None = None
    redis_clients: float | None = None
    answered: float | None = None
    failed: int = 0


COLUMNS = [field.name for field in fields(Sample)]


def of_kernel(instance: Instance) -> tuple[float, int, int]:
    """Resident memory in MiB, descriptors, threads."""
    pid = instance.server.process.pid
    status = Path(f"/proc/{pid}/status").read_text()

    def figure(name: str) -> int:
        return int(re.search(rf"^{name}:\s+(\d+)", status, re.M)[1])
    return figure("VmRSS") / 1024, len(os.listdir(f"/proc/{pid}/fd")), figure("Threads")


def redis_clients(port: int) -> float | None:
    """How many connections Redis has; None while it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), 0.3) as stream:
            stream.settimeout(0.3)
            stream.sendall(b"INFO clients\r\n")
            found = re.search(rb"connected_clients:(\d+)", stream.recv(4096))
            return float(found[1]) - 1 if found else None
    except OSError:
        return None


def sample(fleet: Fleet, instance: Instance, checks: Checks, began: float) -> Sample:
    """Takes one."""
    taken = Sample(round(time.monotonic() - began, 1), instance.name, *of_kernel(instance), failed=checks.counts.get("failed", 0))
    try:
        metrics = instance.metrics()
    except OSError:
        return taken

    def total(name: str) -> float:
        return sum(value for series, value in metrics.items() if series.partition("{")[0] == name)
    taken.tasks = metrics.get("larder_tasks")
    taken.in_flight_mib = round(total("larder_in_flight_bytes") / 2 ** 20, 3)
    taken.upstream_connections = total("larder_upstream_connections")
    taken.cache_mib = round(metrics.get('larder_cache_bytes{tier="memory"}', 0) / 2 ** 20, 2)
    taken.restarts = total("larder_task_restarts_total")
    taken.answered = total("larder_requests_total")
    taken.redis_clients = redis_clients(fleet.redis_port)
    return taken


class Sampling:
    """Samples in a thread of its own from `start` to `stop`, into a file as they come."""

    def __init__(self, fleet: Fleet, checks: Checks, path: Path, began: float):
        self.fleet, self.checks, self.path, self.began = fleet, checks, path, began
        self.samples: list[Sample] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins."""
        self.thread.start()

    def stop(self) -> None:
        """Ends."""
        self.stopping.set()
        self.thread.join()

    def _run(self) -> None:
        with self.path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            while not self.stopping.wait(PERIOD_S):
                for instance in self.fleet.instances:
                    taken = sample(self.fleet, instance, self.checks, self.began)
                    self.samples.append(taken)
                    writer.writerow(["" if (value := getattr(taken, name)) is None else value for name in COLUMNS])
                file.flush()
