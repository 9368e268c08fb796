"""The order of turns, what the rest of a run is expected to take, and that one system's trouble does not end it."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from bench.harness.process import BenchError
from bench.peers.case import Case
from bench.peers.plan import Progress, plan
from bench.peers.results import Record, Results, read
from bench.peers.systems.base import Unsupported
from bench.peers.turns import STARTS_MAX, Run


class Made(Case):
    """A case that does what it is told, for the system that it is told for."""

    def __init__(self, name: str, rounds: int | None = None, own_instance: bool = False, group: str = "load",
                 raises: dict[str, Exception] | None = None):
        self.name, self.rounds, self.own_instance, self.group = name, rounds, own_instance, group
        self.raises = raises or {}

    def expected_s(self, bench, system):
        return 10

    def measure(self, bench, system, running, round_number):
        if system.name in self.raises:
            raise self.raises[system.name]
        return [Record(self.name, system.name, round_number, value=1)]


class MadeSystem:
    """A system whose instances are counted; it may refuse to start."""

    def __init__(self, name: str, starts: bool = True):
        self.name = self.title = name
        self.starts = starts
        self.attempts = 0
        self.ended = False

    def start(self, origin_address, cache_bytes, directory):
        self.attempts += 1
        if not self.starts:
            raise BenchError("port taken")
        self.ended = False
        return SimpleNamespace(has_ended=lambda: self.ended, ask_to_end=lambda: None, stop=lambda: None)


def run(systems: list[MadeSystem], cases: list[Case], rounds: int = 1) -> tuple[Run, list[Record]]:
    """Takes all turns; the run, and the records as they are in the file."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        bench = SimpleNamespace(directory=Path(name), origin=SimpleNamespace(address="127.0.0.1:1"))
        taken = Run(stack, bench, Results(Path(name)), 1)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            taken.take(plan(cases, systems, rounds))
        return taken, read(Path(name))


class Order(unittest.TestCase):
    def test_who_begins_changes_and_cases_of_own_instances_come_last(self):
        systems = [MadeSystem("a"), MadeSystem("b")]
        turns = plan([Made("own", rounds=1, own_instance=True), Made("hit")], systems, 2)
        self.assertEqual([(turn.round, turn.case.name, turn.system.name) for turn in turns], [
            (1, "hit", "a"), (1, "hit", "b"), (2, "hit", "b"), (2, "hit", "a"), (1, "own", "a"), (1, "own", "b")])

    def test_who_takes_no_part_has_no_turn(self):
        turns = plan([Made("hit"), Made("miss")], [MadeSystem("a"), MadeSystem("b")], 1,
                     lambda case, system: case.name == "hit" or system.name == "b")
        self.assertEqual([(turn.case.name, turn.system.name) for turn in turns], [("hit", "a"), ("hit", "b"), ("miss", "b")])


class Remaining(unittest.TestCase):
    def progress(self, *took_s: float) -> Progress:
        turns = plan([Made("hit"), Made("fill", rounds=1, own_instance=True, group="memory")], [MadeSystem("a"), MadeSystem("b")], 2)
        progress = Progress(turns, lambda turn: turn.case.expected_s(None, turn.system))
        for one_s in took_s:
            progress.done(one_s)
        return progress

    def test_before_the_first_turn_it_is_what_is_expected(self):
        self.assertEqual(self.progress().remaining_s(), 60)

    def test_another_round_takes_what_the_first_took_and_other_groups_what_is_expected(self):
        self.assertEqual(self.progress(12, 30).remaining_s(), 12 + 30 + 2 * 10)

    def test_a_group_that_is_slower_than_expected_stays_so(self):
        self.assertEqual(self.progress(12, 30, 30, 12, 40).remaining_s(), 40)
        self.assertEqual(self.progress(12, 30, 30, 12, 40).took_by_group_s(), {"load": 84, "memory": 40})

    def test_at_the_end_nothing_is_left(self):
        self.assertEqual(self.progress(1, 1, 1, 1, 1, 1).remaining_s(), 0)
        self.assertEqual(str(self.progress(1, 1, 1, 1, 1, 1)), "6 of 6")


class Trouble(unittest.TestCase):
    def test_what_fails_is_recorded_and_the_rest_is_measured(self):
        raises = {"a": BenchError("no answer\nmore"), "b": Unsupported("can't"), "c": ValueError("odd")}
        taken, records = run([MadeSystem(name) for name in "abcd"], [Made("hit", raises=raises), Made("miss")])
        self.assertEqual([record.note for record in records if record.case == "hit"],
                         ["failed: no answer", "not done: can't", "failed: ValueError: odd", None])
        self.assertEqual([record.value for record in records if record.case == "miss"], [1, 1, 1, 1])
        self.assertEqual(len(taken.failures), 2)

    def test_who_does_not_start_is_not_tried_for_ever(self):
        broken = MadeSystem("a", starts=False)
        _, records = run([broken, MadeSystem("b")], [Made("hit"), Made("miss")], rounds=2)
        self.assertEqual(broken.attempts, STARTS_MAX)
        self.assertEqual({record.note for record in records if record.system == "a"},
                         {"failed: port taken", "failed: a did not start 2 times; last: port taken"})
        self.assertEqual([record.value for record in records if record.system == "b"], [1] * 4)

    def test_who_has_ended_is_started_again(self):
        system = MadeSystem("a")

        class Ends(Made):
            def measure(self, bench, system, running, round_number):
                system.ended = True
                raise BenchError("it is gone")
        _, records = run([system], [Made("hit"), Made("keys"), Ends("miss"), Made("pass")])
        self.assertEqual(system.attempts, 2)
        self.assertEqual([record.note for record in records], [None, None, "failed: it is gone", None])


if __name__ == "__main__":
    unittest.main()
