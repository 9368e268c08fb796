"""Resident memory while a small cache is full and everything is asked for once: what is evicted must be given back."""

import time

from . import load
from .case import Bench, Case
from .cases import must_cache
from .results import Record
from .systems.base import Running, System, Unsupported

CACHE_BYTES = 64 << 20
BODY_BYTES = 4 << 10
BESIDE_BYTES = 30 << 20
CONNECTIONS = 32
PERIODS = 3


class Churn(Case):
    """Resident memory beyond 30 MiB, in multiples of the configured size."""

    name = "churn-64m"
    rounds = 1
    own_instance = True
    group = "churn"

    def expected_s(self, bench: Bench, system: System) -> float:
        return 1 + PERIODS * super().expected_s(bench, system) if system.caches else 0

    def measure(self, bench: Bench, system: System, running: Running | None, round_number: int) -> list[Record]:
        must_cache(system)
        if system.name in ("nginx", "trafficserver"):
            raise Unsupported(f"{system.title} keeps what it holds in files, and not so few bytes")
        with system.start(bench.origin.address, CACHE_BYTES, bench.directory / f"{self.name}-{system.name}") as own:
            most = requests = 0
            for period in range(PERIODS):
                prefix = f"/o/{BODY_BYTES}/churn-{period}-{time.monotonic_ns()}-"
                url = own.url(prefix + "0")
                requests += load.run(url, CONNECTIONS, bench.seconds, script=load.new_keys(prefix), enough=bench.enough).requests
                most = max(most, own.resident_bytes())
        return [Record(self.name, system.name, round_number, requests=requests, resident_bytes=most,
                       value=round(max(0, most - BESIDE_BYTES) / CACHE_BYTES, 3), unit="of the configured size")]
