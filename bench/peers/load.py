"""Load by wrk, on one thread of the load's core, and what it saw."""

from dataclasses import dataclass


@dataclass
class Load:
    """One run of wrk."""

    requests: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    body_bytes: int
    """Bytes received, heads included."""


def run(url: str, connections: int, seconds: float, headers: dict[str, str] | None = None,
        script: str | None = None) -> Load:
    """Loads `url` for so long. `script` is Lua for wrk (a `request` function, say). Any error, and any status of 400 and
    above, raises BenchError."""
    raise NotImplementedError
