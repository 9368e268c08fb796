"""Verdicts, tables and plots of made-up runs."""

import copy
import tempfile
import unittest
from pathlib import Path

from bench.shop import plots, report, smoke
from bench.shop.tests import sample
from bench.shop.verdicts import GOALS, judge, millis

WHOLE = {"at": "2026-01-01 10:00 UTC", "machine": "a machine", "versions": {"larder": "0.1.0"}}


def verdicts(run: dict) -> dict:
    return {goal.name: judge(goal, run) for goal in GOALS}


class Verdicts(unittest.TestCase):
    def test_a_good_run_meets_every_goal(self):
        self.assertEqual([name for name, verdict in verdicts(sample.run("memory")).items() if not verdict.met], [])

    def test_what_no_cache_could_have_answered_is_the_reason(self):
        verdict = verdicts(sample.run("memory", hit_ratio=0.84, possible=0.85))["hit ratio, product"]
        self.assertFalse(verdict.met)
        self.assertIn("15.0 % of the requests were the first", verdict.why)

    def test_what_was_lost_is_the_reason_where_more_was_possible(self):
        verdict = verdicts(sample.run("memory", hit_ratio=0.90, possible=0.98))["hit ratio, product"]
        self.assertFalse(verdict.met)
        self.assertIn("8.0 % were lost", verdict.why)

    def test_a_slow_or_failing_run_misses_and_says_why(self):
        found = verdicts(sample.run("memory", p95_ms=400, success=0.95))
        for name in ("P95 over all requests", "product search, mean", "product search, P95", "analytics, P95"):
            self.assertFalse(found[name].met, name)
        self.assertIn("90.0 ms", found["product search, P95"].why)
        self.assertEqual(found["errors, ramp included"].shown, "5.000 %")
        self.assertIn("search: timeout (5)", found["errors, ramp included"].why)

    def test_a_stale_read_is_a_miss(self):
        run = sample.run("memory")
        run["load"]["freshness"] = {"checked_reads": 5, "stale_reads": 1, "shown": ["product 7"]}
        verdict = verdicts(run)["stale reads after an acknowledged purge"]
        self.assertEqual((verdict.met, verdict.why), (False, "product 7"))

    def test_times_have_the_digits_that_matter(self):
        self.assertEqual([millis(value) for value in (0.1234, 12.34, 1234.5)], ["0.12 ms", "12.3 ms", "1234 ms"])


class Tables(unittest.TestCase):
    def test_a_level_has_its_endpoints_and_what_was_missed(self):
        runs = [sample.run("direct", p95_ms=900), sample.run("memory"), sample.run("redis", p95_ms=30)]
        text = report.tables({**WHOLE, "runs": runs})
        self.assertIn("### 1,000 users", text)
        self.assertIn("| product search | 225 / 112 / 900 / 1800, 100.0 % |", text)
        self.assertIn("P95 over all requests, Larder with Redis:", text)
        self.assertNotIn("P95 over all requests, Larder, memory alone:", text)

    def test_a_document_without_a_place_gets_one(self):
        with tempfile.TemporaryDirectory() as name:
            document = Path(name) / "performance.md"
            document.write_text("# Performance\n")
            for _ in range(2):
                report._make_room(document)
            self.assertEqual(document.read_text(), "# Performance\n\n<!-- begin shop -->\n<!-- end shop -->\n")

    def test_gnuplot_is_told_every_bar(self):
        script = plots.script(Path("x.svg"), "P95", ("search", "list"), {"direct": {"search": 2}, "redis": {"list": 1}}, "")
        self.assertIn("search 2.000 -\nlist - 1.000\nEND", script)
        self.assertIn("using 3:xtic(1) title 'through Larder with Redis'", script)


class Smoke(unittest.TestCase):
    def test_an_endpoint_that_is_never_answered_fails(self):
        run = copy.deepcopy(sample.run("memory"))
        run["larder"]["events"] = {"purged": 3.0}
        failed = [what for what, holds in smoke.checks(run) if not holds]
        self.assertTrue(failed[0].startswith("health is answered"), failed)
        self.assertTrue(all("is answered" in what or "queries" in what for what in failed), failed)
