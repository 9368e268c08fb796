"""Load by wrk, on one thread of the load's core, and what it saw.

wrk counts latency from the moment it sends, and adds what it would have seen had it not waited for slow answers: its
correction for coordinated omission. It does so alike for every system.
"""

import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.harness.process import BenchError

from .systems.base import LOAD_CORE

TIMEOUT_S = 10
"""An answer that takes longer counts as an error. Figures of latency reach as far."""

# wrk keeps latencies in microseconds; `percentile` gives them as they are.
REPORT = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("@ requests %d\\n@ microseconds %d\\n@ bytes %d\\n", summary.requests, summary.duration, summary.bytes))
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


@dataclass
class Load:
    """One run of wrk."""

    requests: int
    seconds: float
    per_second: float
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


def run(url: str, connections: int, seconds: int, headers: dict[str, str] | None = None, script: str = "",
        enough: int | None = None) -> Load:
    """Loads `url` for so long, or only until there were `enough` answers. `script` is Lua for wrk (`random_keys`,
    `new_keys`, or an own `request` function); its paths are absolute, and the host is that of `url`. Any error of a
    socket, any answer over TIMEOUT_S and any status of 400 and above raises BenchError."""
    with tempfile.TemporaryDirectory(prefix="larder-wrk-") as folder:
        lua = Path(folder) / "load.lua"
        lua.write_text(script + REPORT + (ENOUGH.format(enough=enough) if enough else ""))
        command = ["taskset", "-c", LOAD_CORE, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s",
                   "--timeout", f"{TIMEOUT_S}s", "-s", str(lua)]
        for name, value in {"Host": urlsplit(url).netloc, **(headers or {})}.items():
            command += ["-H", f"{name}: {value}"]
        said, code = finished([*command, url], seconds, enough)
    figures = {name: int(value) for name, value in re.findall(r"^@ (\w+) (-?\d+)$", said, re.MULTILINE)}
    if code != 0 or "timeout" not in figures:
        raise BenchError(f"wrk ended with {code} for {url}\n{said}")
    errors = {name: figures[name] for name in ("connect", "read", "write", "status", "timeout") if figures[name]}
    if errors:
        raise BenchError(f"wrk saw errors for {url} over {connections} connections: {errors}, {figures['requests']} requests")
    if figures["requests"] < (enough or 1):
        raise BenchError(f"wrk had {figures['requests']} answers for {url}")
    took_s = figures["microseconds"] / 1e6
    return Load(figures["requests"], took_s, figures["requests"] / took_s, figures["p50"] / 1e3, figures["p99"] / 1e3,
                figures["p999"] / 1e3, figures["bytes"])


def finished(command: list[str], seconds: int, enough: int | None) -> tuple[str, int]:
    """What wrk said, and its exit code. Where there can be enough, it ends by SIGINT, with its report, once it says so."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1) as wrk:
        try:
            said = ""
            while enough and "enough" not in said and (line := wrk.stdout.readline()):
                said += line
            if enough:
                wrk.send_signal(signal.SIGINT)
            rest, _ = wrk.communicate(timeout=seconds + 60)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"wrk went on for 60 s after its {seconds}") from error
        finally:
            wrk.kill()
    return said + rest, wrk.returncode
