"""What is served: objects with versions. Each body names its object and its version, and carries a checksum of the rest."""

import hashlib
import mmap
import random
import struct
import threading
from pathlib import Path

OBJECTS = 400
KIB = 1024
LARGE_BYTES = 1024 * KIB
LARGE_EVERY = 40


def size(number: int) -> int:
    """Bytes of an object's payload: mostly a few KiB, some 64 KiB, a few 1 MiB."""
    if number % LARGE_EVERY == 0:
        return LARGE_BYTES
    return 64 * KIB if number % 7 == 0 else 200 + 37 * number


def large(chance: random.Random) -> int:
    """One of the large objects."""
    return chance.randrange(0, OBJECTS, LARGE_EVERY)


def body(number: int, version: int) -> bytes:
    """The object in this version."""
    payload = hashlib.shake_128(f"{number}.{version}".encode()).digest(size(number))
    return f"{number} {version} {hashlib.sha256(payload).hexdigest()}\n".encode() + payload


class Versions:
    """The version of each object, in a file that the origins read and the run writes."""

    def __init__(self, path: Path, create: bool = False):
        if create:
            path.write_bytes(bytes(8 * OBJECTS))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * OBJECTS)

    def of(self, number: int) -> int:
        """The version that the origin serves now."""
        return struct.unpack_from("=Q", self.map, 8 * number)[0]

    def next(self, number: int) -> int:
        """From now on the origin serves a new version, which is returned."""
        version = self.of(number) + 1
        struct.pack_into("=Q", self.map, 8 * number, version)
        return version


class Checks:
    """What clients saw. `floor` is what a purge's receipt has promised: nothing older is served from then on."""

    def __init__(self) -> None:
        self.floor = [0] * OBJECTS
        self.counts: dict[str, int] = {}
        self.examples: list[str] = []
        self.lock = threading.Lock()

    def count(self, what: str, by: int = 1, example: str = "") -> None:
        """Counts, and keeps the first examples."""
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + by
            if example and len(self.examples) < 50:
                self.examples.append(f"{what}: {example}")

    def promised(self, number: int, version: int) -> None:
        """A receipt is complete."""
        with self.lock:
            self.floor[number] = max(self.floor[number], version)

    def check(self, number: int, floor: int, got: bytes, where: str) -> None:
        """Judges a body that was asked for when no less than `floor` had been promised."""
        head, _, payload = got.partition(b"\n")
        words = head.split()
        whole = (len(words) == 3 and words[0] == str(number).encode() and len(payload) == size(number)
                 and hashlib.sha256(payload).hexdigest().encode() == words[2])
        if not whole:
            self.count("wrong", example=f"{where}: object {number}, {len(got)} bytes, head {head[:100]!r}")
        elif int(words[1]) < floor:
            self.count("stale", example=f"{where}: object {number} in version {int(words[1])}, promised {floor}")
        else:
            self.count("checked")
