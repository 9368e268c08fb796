"""Load by wrk, on one thread of the load's core, and what it saw.

wrk counts latency from the moment it sends, and adds what it would have seen had it not waited for slow answers: its
correction for coordinated omission. It does so alike for every system.
"""

import contextlib
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.harness.process import BenchError

from .systems.base import LOAD_CORE

CONNECT_DEADLINE_S = 60
TIMEOUT_S = 10
"""An answer that takes longer counts as an error. Figures of latency reach as far."""

# wrk keeps latencies in microseconds; `percentile` gives them as they are.
REPORT = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("@ requests %d\\n@ microseconds %d\\n@ bytes %d\\n",
    summary.requests, summary.duration, summary.bytes))
  io.write(string.format("@ p50 %d\\n@ p99 %d\\n@ p999 %d\\n",
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
  io.write(string.format("@ connect %d\\n@ read %d\\n@ write %d\\n@ status %d\\n@ timeout %d\\n",
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
"""

ENOUGH = """
local answered = 0
response = function()
  answered = answered + 1
  if answered == {enough} then
    io.write("enough\\n")
    io.flush()
  end
end
"""

CONNECTED = """
local asked, constant = 0, nil
init = function(args) constant = wrk.format() end
request = function()
  asked = asked + 1
  if asked == {asked} then
    io.write("connected\\n")
    io.flush()
  end
  return constant
end
"""

KEYS = """
local requests = {{}}
init = function(args)
  math.randomseed({seed})
  for number = 1, {keys} do requests[number] = wrk.format("GET", "{prefix}" .. number - 1) end
end
request = function() return requests[math.random({keys})] end
"""

NEW_KEYS = """
local before, after, number
init = function(args)
  local whole = wrk.format("GET", "{prefix}@")
  local at = whole:find("@", 1, true)
  before, after, number = whole:sub(1, at - 1), whole:sub(at + 1), 0
end
request = function()
  number = number + 1
  return before .. number .. after
end
"""


UPLOADS = """
wrk.method = "POST"
wrk.body = string.rep("x", {bytes})
"""


@dataclass
class Load:
    """One run of wrk, or of h2load."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    received_bytes: int
    """Heads and bodies."""


def random_keys(prefix: str, keys: int, seed: int) -> str:
    """A script that asks for PREFIX0 to PREFIXn-1 at random."""
    return KEYS.format(prefix=prefix, keys=keys, seed=seed)


def new_keys(prefix: str) -> str:
    """A script that asks for PREFIX1, PREFIX2, PREFIX3 and never twice for one."""
    return NEW_KEYS.format(prefix=prefix)


def uploads(size: int) -> str:
    """A script that sends a body of so many bytes with each request."""
    return UPLOADS.format(bytes=size)


def run(url: str, connections: int, seconds: int, headers: dict[str, str] | None = None, script: str = "",
        enough: int | None = None) -> Load:
    """Loads `url` for so long, or only until there were `enough` answers. `script` is Lua for wrk (`random_keys`,
    `new_keys`, or an own `request` function); its paths are absolute, and the host is that of `url`. Any error of a
    socket, any answer over TIMEOUT_S and any status of 400 and above raises BenchError."""
    script += ENOUGH.format(enough=enough) if enough else ""
    with wrk(url, connections, seconds, headers or {}, script) as process:
        if enough:
            heard = hear(process, "enough")
            process.send_signal(signal.SIGINT)  # It ends with its report.
        else:
            heard = ""
        return report(url, connections, heard, process)


def run_connected(url: str, connections: int, seconds: int, on_connected: Callable[[], None]) -> Load:
    """Loads `url` for so long after all connections are made, when it calls `on_connected`. Only what came from then on
    is in the requests and seconds of the result; percentiles and bytes are of the whole. Raises BenchError as `run`
    does, and where not every connection has had its answer within CONNECT_DEADLINE_S."""
    # Each connection sends its first request, and its second only once it had an answer.
    script = CONNECTED.format(asked=2 * connections)
    with wrk(url, connections, seconds + CONNECT_DEADLINE_S, {}, script) as process:
        heard = hear(process, "connected")
        on_connected()
        began = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        took_s = time.monotonic() - began
        process.send_signal(signal.SIGINT)
        whole = report(url, connections, heard, process)
    return replace(whole, requests=whole.requests - connections, seconds=took_s)


@contextlib.contextmanager
def wrk(url: str, connections: int, seconds: int, headers: dict[str, str], script: str) -> Iterator[subprocess.Popen]:
    """A wrk that runs; it is ended in any case."""
    with tempfile.TemporaryDirectory(prefix="larder-wrk-") as folder:
        lua = Path(folder) / "load.lua"
        lua.write_text(script + REPORT)
        command = ["taskset", "-c", LOAD_CORE, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s",
                   "--timeout", f"{TIMEOUT_S}s", "-s", str(lua)]
        for name, value in {"Host": urlsplit(url).netloc, **headers}.items():
            command += ["-H", f"{name}: {value}"]
        with subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def hear(process: subprocess.Popen, word: str) -> str:
    """What it says up to the line that is `word`, or up to its end."""
    heard = ""
    while line := process.stdout.readline():
        heard += line
        if line.strip() == word:
            break
    return heard


def report(url: str, connections: int, heard: str, process: subprocess.Popen) -> Load:
    """Waits for its end and reads what it counted. Raises BenchError for errors that it saw."""
    said = heard + process.communicate()[0]
    figures = {name: int(value) for name, value in re.findall(r"^@ (\w+) (-?\d+)$", said, re.MULTILINE)}
    if process.returncode != 0 or "timeout" not in figures:
        raise BenchError(f"wrk ended with {process.returncode} for {url}\n{said}")
    where = f"for {url} over {connections} connections"
    errors = {name: figures[name] for name in ("connect", "read", "write", "status", "timeout") if figures[name]}
    if errors:
        raise BenchError(f"wrk saw errors {where}: {errors}, {figures['requests']} requests")
    if figures["requests"] == 0:
        raise BenchError(f"wrk had no answer {where}")
    return Load(figures["requests"], figures["microseconds"] / 1e6, figures["p50"] / 1e3, figures["p99"] / 1e3,
                figures["p999"] / 1e3, figures["bytes"])
