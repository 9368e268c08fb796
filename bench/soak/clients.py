"""The clients of the soak, each in a thread: those that check every body, those that press, slow readers, tunnels.

curl asks and h2load presses, over HTTP/1.1 and HTTP/2, in clear text and over TLS; only what they don't do is done here.
"""

import hashlib
import random
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from .fleet import Fleet
from .objects import KIB, OBJECTS, Checks, large

BATCH = 40
PRESS_S = 10
UPLOAD_BYTES = 64 * KIB
SLOW_READ_BYTES = 8 * KIB
SLOW_PAUSE_S = 0.02
PATIENCE_S = 60


class Clients:
    """All of them, from `start` to `stop`."""

    def __init__(self, fleet: Fleet, checks: Checks, rate: int):
        """`rate` is how many requests a second those that press make together."""
        self.fleet, self.checks, self.rate = fleet, checks, rate
        self.stopping = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins to ask."""
        kinds: list[Callable[[random.Random], None]] = []
        for url, protocol in self.fleet.endpoints():
            kinds.append(lambda chance, url=url, protocol=protocol: self.check_batch(chance, url, protocol))
        kinds += [self.press_1, self.press_2, self.slow_reader, self.slow_reader, self.tunnel, self.upload]
        for number, once in enumerate(kinds):
            thread = threading.Thread(target=self._repeat, args=(once, random.Random(number)), daemon=True)
            self.threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Waits until each has ended what it is at."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)

    def _repeat(self, once: Callable[[random.Random], None], chance: random.Random) -> None:
        while not self.stopping.is_set():
            try:
                once(chance)
            except OSError as error:
                self.checks.count("failed", example=f"{getattr(once, '__name__', 'client')}: {error!r}")
                self.stopping.wait(0.2)

    def check_batch(self, chance: random.Random, url: str, protocol: list[str]) -> None:
        """Asks for some objects and judges each body; then thinks."""
        kinds = [chance.choice(("o", "o", "o", "live")) for _ in range(BATCH)]
        ask(self.fleet, self.checks, url, protocol, [(kind, chance.randrange(OBJECTS)) for kind in kinds])
        self.stopping.wait(0.5)

    def press_1(self, chance: random.Random) -> None:
        """HTTP/1.1 in clear text; half of the requests for what has never been asked for."""
        self._press(chance, self.fleet.instances[chance.randrange(2)].http, ["--h1", "-c", "16"], 16)

    def press_2(self, chance: random.Random) -> None:
        """HTTP/2 over TLS."""
        self._press(chance, self.fleet.instances[chance.randrange(2)].https, ["-c", "8", "-m", "4"], 8)

    def _press(self, chance: random.Random, url: str, options: list[str], connections: int) -> None:
        count = max(connections, self.rate * PRESS_S // 2)
        small = [number for number in range(OBJECTS) if number % 7 and number % 40]
        uris = [f"{url}/o/{number}" + (f"?{chance.getrandbits(40):x}" if chance.random() < 0.5 else "")
                for number in chance.choices(small, k=count)]
        rate = max(1, self.rate // 2 // connections)
        with tempfile.NamedTemporaryFile("w", suffix=".uris") as listed:
            listed.write("\n".join(uris))
            listed.flush()
            done = subprocess.run(["h2load", *options, "-n", str(count), "--rps", str(rate), "-i", listed.name,
                                   "--connection-inactivity-timeout", str(PATIENCE_S)],
                                  capture_output=True, text=True, check=False)
        found = re.search(r"(\d+) succeeded, (\d+) failed", done.stdout)
        if not found:
            self.checks.count("failed", count, f"h2load: {done.stdout[-200:]} {done.stderr[-200:]}")
            return
        self.checks.count("pressed", int(found[1]))
        if int(found[2]):
            self.checks.count("failed", int(found[2]), f"h2load {url}: {done.stdout[-600:]}")

    def upload(self, chance: random.Random) -> None:
        """A body that the origin tells the checksum of."""
        sent = chance.randbytes(UPLOAD_BYTES)
        url, protocol = chance.choice(self.fleet.endpoints())
        done = subprocess.run(["curl", "--silent", "--show-error", "--fail", "--max-time", str(PATIENCE_S), *protocol,
                               "--cacert", str(self.fleet.certificates.ca), "--data-binary", "@-", f"{url}/w"],
                              input=sent, capture_output=True, check=False)
        # A write that meets a server's death may not be sent twice, so it fails: counted apart.
        if done.returncode:
            self.checks.count("failed writes", example=done.stderr.decode(errors="replace").strip())
        elif done.stdout.decode(errors="replace") != hashlib.sha256(sent).hexdigest():
            self.checks.count("wrong", example=f"upload to {url}: {done.stdout[:100]!r}")
        else:
            self.checks.count("written")
        self.stopping.wait(0.3)

    def slow_reader(self, chance: random.Random) -> None:
        """Reads a large object bit by bit; now and then leaves in the midst of it."""
        instance = chance.choice(self.fleet.instances)
        number = large(chance)
        floor, leaves = self.checks.floor[number], chance.random() < 0.3
        with connected(chance.choice((instance.http, instance.https)), self.fleet.certificates.ca) as stream:
            stream.sendall(f"GET /o/{number} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            got = b""
            while part := stream.recv(SLOW_READ_BYTES):
                got += part
                if leaves and len(got) > 200 * KIB:
                    self.checks.count("left")
                    return
                time.sleep(SLOW_PAUSE_S)
        head, _, content = got.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.I)
        if not head.startswith(b"HTTP/1.1 200") or not length or len(content) < int(length[1]):
            self.checks.count("failed", example=f"slow reader of {number}: {head[:60]!r}, {len(content)} bytes")
        else:
            self.checks.check(number, floor, content, f"slow reader at {instance.name}")

    def tunnel(self, chance: random.Random) -> None:
        """A connection that changes to another protocol, in which everything comes back."""
        instance = chance.choice(self.fleet.instances)
        with connected(chance.choice((instance.http, instance.https)), self.fleet.certificates.ca) as stream:
            stream.sendall(b"GET /live/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                part = stream.recv(4096)
                if not part:
                    raise OSError(f"tunnel: no answer, {head[:60]!r}")
                head += part
            if not head.startswith(b"HTTP/1.1 101"):
                raise OSError(f"tunnel: {head[:60]!r}")
            try:
                echoed = all(echoes(stream, chance) for _ in range(20))
            except OSError as error:
                # Its origin died, and a tunnel can't move to another.
                self.checks.count("tunnels cut", example=repr(error))
                return
        if not echoed:
            self.checks.count("wrong", example="a tunnel brought back something else")
            return
        self.checks.count("tunnels")


def echoes(stream: socket.socket, chance: random.Random) -> bool:
    """Whether something that is said comes back. Raises OSError where the connection ends."""
    said = chance.randbytes(chance.randrange(1, 20_000))
    stream.sendall(said)
    heard = b""
    while len(heard) < len(said):
        part = stream.recv(65536)
        if not part:
            raise OSError("the tunnel ended")
        heard += part
    time.sleep(0.1)
    return heard == said


def ask(fleet: Fleet, checks: Checks, url: str, protocol: list[str], wanted: list[tuple[str, int]]) -> None:
    """Has curl ask for objects, one after another or, over HTTP/2, at once, and judges each body."""
    floors = [checks.floor[number] for _, number in wanted]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        lines = "".join(f'url = "{url}/{kind}/{number}"\noutput = "{folder}/{nth}"\n' for nth, (kind, number) in enumerate(wanted))
        at_once = ["--parallel", "--parallel-max", "8"] if "--http2" in protocol else []
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", str(PATIENCE_S), *protocol, *at_once,
             "--cacert", str(fleet.certificates.ca), "--write-out", "%{http_code} %{exitcode} %{filename_effective}\n", "-K", "-"],
            input=lines, capture_output=True, text=True, check=False)
        told = {int(nth): said for said, nth in re.findall(r"^(\d+ \d+) .*/(\d+)$", done.stdout, re.M)}
        for nth, (kind, number) in enumerate(wanted):
            where = f"{' '.join(protocol)} {url}/{kind}/{number}"
            if told.get(nth) != "200 0":
                checks.count("failed", example=f"{where}: {told.get(nth)} {done.stderr.strip()[:200]}")
            else:
                checks.check(number, floors[nth], (Path(folder) / str(nth)).read_bytes(), where)


def connected(url: str, ca: Path) -> socket.socket:
    """A connection with little room for what comes in, over TLS where the URL says so."""
    parts = urlsplit(url)
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KIB)
    stream.settimeout(PATIENCE_S)
    stream.connect((parts.hostname, parts.port))
    if parts.scheme == "https":
        return ssl.create_default_context(cafile=str(ca)).wrap_socket(stream, server_hostname=parts.hostname)
    return stream
