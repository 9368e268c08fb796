"""What a smoke test covers, and what it complains of."""

import tempfile
import unittest
from pathlib import Path

from bench.peers.plan import plan
from bench.peers.registry import all_cases, in_smoke, smoke_cases
from bench.peers.results import Record, Results
from bench.peers.shape import complaints
from bench.peers.systems import all_systems


class Covered(unittest.TestCase):
    def test_larder_goes_through_every_kind_of_case_and_every_system_starts(self):
        turns = plan(smoke_cases(), all_systems().values(), 1, in_smoke)
        of_larder = {type(turn.case) for turn in turns if turn.system.name == "larder"}
        self.assertEqual(of_larder, {type(case) for case in all_cases(None)})
        self.assertEqual({turn.system.name for turn in turns}, set(all_systems()))


class Complaints(unittest.TestCase):
    def of(self, *records: Record) -> list[str]:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            results = Results(directory)
            for record in records:
                results.add(record)
            for file in ("run.json", "table.md"):
                (directory / file).write_text("")
            document = directory / "performance.md"
            document.write_text("<!-- begin peers -->\n<!-- end peers -->")
            return complaints(directory, document)

    def test_a_sound_record_is_none(self):
        self.assertEqual(self.of(Record("hit", "larder", 1, requests=5, p50_ms=1, p99_ms=2, p999_ms=2)), [])

    def test_what_could_not_be_done_or_can_not_be_is_one(self):
        self.assertEqual(
            self.of(Record("purge", "larder", 1, note="not done: it holds 78.0%"),
                    Record("hit", "nginx", 1, requests=5, p50_ms=3, p99_ms=2, p999_ms=2)),
            ["purge, larder: not done: it holds 78.0%", "hit, nginx: percentiles fall: 3.0, 2.0, 2.0"])


if __name__ == "__main__":
    unittest.main()
