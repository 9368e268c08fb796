"""A page of the book, its commands run as they stand there, in a folder as a newcomer has it.

Ports are put in place of those that the page names: Larder listens on free ones. What runs until it is stopped, `larder serve`, is
started; `larder learn --for 1h` is ended once it has seen enough, as its user may.
"""

import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

from bench.harness.process import BenchError, Server

COMMAND_DEADLINE_S = 120
WATCHED_DEADLINE_S = 180


def commands(page: Path) -> list[str]:
    """The commands of a page, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


class Desk:
    """A newcomer's folder, and what runs there."""

    def __init__(self, larder: Path, upstream: str, folder: Path):
        """`upstream` is where the API listens, as `host:port`."""
        folder.mkdir()
        self.folder = folder
        self.upstream = upstream
        self.larder = larder
        self.served: Server | None = None
        self.data = self.admin = ""

    def close(self) -> None:
        """Ends what was started."""
        if self.served:
            self.served.stop()

    def serve(self, command: str) -> None:
        """Starts `larder serve`, on free ports."""
        proxy = self.folder / "proxy.toml"
        text = proxy.read_text().replace("0.0.0.0:8080", "127.0.0.1:0").replace("127.0.0.1:9180", "127.0.0.1:0")
        proxy.write_text(text)
        out = self.folder / command.partition(" > ")[2]
        # The shell may take a moment until it has made it.
        out.touch()
        self.served = Server("serve", ["sh", "-c", f"exec {command}"], self.folder, environment=self._environment())
        # It says so where the command has it say it.
        self.served.out = out
        self.served.announced(r"^listening on (\S+) \(admin\)")
        self.data, self.admin = (url.removeprefix("http://") for url in self.served.announced()[:2])

    def run(self, command: str) -> str:
        """Runs a command to its end; what it printed."""
        with self._started(command) as process:
            return self._ended(command, process)

    def until(self, condition, what: str) -> None:
        """Waits for a condition, as long as Larder lives and the deadline is not over."""
        self.served.until(condition, what)

    def learn(self, command: str, is_enough) -> str:
        """Runs `larder learn` until enough was watched, and ends it then."""
        with self._started(command) as process:
            deadline = time.monotonic() + WATCHED_DEADLINE_S
            while not is_enough(self.ask("/learned")):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise BenchError(f"{command}: not enough was seen: {self.ask('/learned')}")
                time.sleep(0.2)
            job = next(job for job in self.ask("/jobs")["jobs"] if job["kind"] == "learn")
            self.ask(f"/jobs/{job['id']}", "DELETE")
            return self._ended(command, process)

    def ask(self, path: str, method: str = "GET"):
        """What the admin API says, as JSON or text."""
        request = urllib.request.Request(f"http://{self.admin}{path}", method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
            return json.loads(text) if answer.headers.get_content_type() == "application/json" else text

    def snapshot(self) -> dict:
        """What the dashboard shows now."""
        with urllib.request.urlopen(f"http://{self.admin}/live", timeout=30) as stream:
            name = ""
            for line in stream:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: ") and name == "snapshot":
                    return json.loads(line[6:])
        raise BenchError("the dashboard's events ended without a snapshot")

    def _started(self, command: str) -> subprocess.Popen:
        ours = command.replace("127.0.0.1:8000", self.upstream)
        if self.served:
            ours = ours.replace("127.0.0.1:8080", self.data).replace("127.0.0.1:9180", self.admin)
        return subprocess.Popen(["bash", "-o", "pipefail", "-c", ours], cwd=self.folder, env=self._environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _ended(self, command: str, process: subprocess.Popen) -> str:
        try:
            said, complained = process.communicate(timeout=COMMAND_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise BenchError(f"`{command}` has not ended after {COMMAND_DEADLINE_S} s") from None
        if process.returncode:
            raise BenchError(f"`{command}` ended with {process.returncode}\n{said}{complained}")
        return said

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "PATH": f"{self.larder.parent}:{os.environ['PATH']}"}
        if self.admin:
            environment["LARDER_ADMIN_LISTEN"] = self.admin
        environment.pop("LARDER_ADMIN_TOKEN", None)
        return environment
