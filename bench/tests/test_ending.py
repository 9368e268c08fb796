"""A signal ends a benchmark in order: once, not in the midst of a start, and no server is left."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from bench.harness.ending import SIGNALS, end_in_order, held_back
from bench.harness.process import Server

ROOT = Path(__file__).resolve().parents[2]
# The child tells its server's number, gets its signal as the server starts, and a second one on the way out.
INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from bench.harness.ending import end_in_order
from bench.harness.process import Server
end_in_order()
try:
    os.kill(os.getpid(), signal.SIGTERM) if sys.argv[2] == "before" else None
    server = Server("sleeper", ["sh", "-c", "sleep 600 & echo $$; wait"], Path(sys.argv[1]))
    server.until(lambda: server.out.read_text().strip(), "its number")
    os.kill(os.getpid(), signal.SIGHUP)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGINT)
    Server.stop_all()
    print("in order", len(Server.running))
"""


def alive(group: int) -> list[str]:
    """The processes of a group that have not ended; those that nobody has waited for have."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            found += [path.parent.name] if int(its_group) == group and state not in "ZX" else []
    return found


class Ending(unittest.TestCase):
    def setUp(self):
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self.addCleanup(lambda: [signal.signal(number, handler) for number, handler in before.items()])
        end_in_order()

    def test_every_signal_that_asks_for_an_end_raises(self):
        for number in SIGNALS:
            end_in_order()
            with self.subTest(number), self.assertRaises(KeyboardInterrupt):
                os.kill(os.getpid(), number)

    def test_a_second_one_does_nothing(self):
        with self.assertRaises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    def test_what_is_held_back_comes_right_after(self):
        reached = []
        with self.assertRaises(KeyboardInterrupt):
            with held_back():
                with held_back():
                    os.kill(os.getpid(), signal.SIGINT)
                    reached.append("inner")
                reached.append("outer")
            reached.append("after")
        self.assertEqual(reached, ["inner", "outer"])

    def test_no_server_is_left(self):
        for moment in ("before", "after"):
            with self.subTest(moment), tempfile.TemporaryDirectory() as directory:
                done = subprocess.run([sys.executable, "-c", INTERRUPTED, directory, moment], cwd=ROOT, capture_output=True,
                                      text=True, check=False, timeout=60)
                self.assertEqual(done.stdout.strip(), "in order 0", done.stderr)
                if moment == "after":
                    group = int((Path(directory) / "sleeper.out").read_text())
                    deadline = time.monotonic() + 30
                    while time.monotonic() < deadline and alive(group):
                        pass
                    self.assertEqual(alive(group), [])

    def test_stopping_twice_is_stopping_once(self):
        with tempfile.TemporaryDirectory() as directory:
            server = Server("sleeper", ["sleep", "600"], Path(directory))
            server.stop()
            server.stop()
            self.assertEqual(server.process.returncode, -signal.SIGTERM)
            self.assertNotIn(server, Server.running)


if __name__ == "__main__":
    unittest.main()
