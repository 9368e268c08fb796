"""Medians, comparisons, verdicts and tables, from records made up here."""

import unittest

from bench.peers import plots, report, tables
from bench.peers.goals import GOALS, Goal, Verdict, judge, to_best_peer
from bench.peers.results import Record
from bench.peers.summary import Summary, label

CPU = "cpu_us_per_request"
TITLES = {"responder": "bare responder", "larder": "Larder", "haproxy": "HAProxy", "nginx": "nginx"}


def records(case: str, metric: str, **figures: list[float | None]) -> list[Record]:
    """A record for each round of each system."""
    return [Record(case, system, number, **{metric: figure})
            for system, rounds in figures.items() for number, figure in enumerate(rounds, 1)]


def summary(*groups: list[Record]) -> Summary:
    return Summary([record for group in groups for record in group], TITLES)


def verdict(text: str, *groups: list[Record]) -> Verdict:
    """The verdict on the one goal whose text begins so."""
    goal, = (goal for goal in GOALS if goal.text.startswith(text))
    outcome, = judge(summary(*groups), [goal])
    return outcome.verdict


class Medians(unittest.TestCase):
    def test_a_median_is_over_rounds_and_leaves_out_what_was_not_measured(self):
        whole = summary(records("hit-1k-c64", CPU, larder=[9, 5, 7], nginx=[4, None, 2]))
        self.assertEqual(whole.median("hit-1k-c64", "larder", CPU), 7)
        self.assertEqual(whole.median("hit-1k-c64", "nginx", CPU), 3)
        self.assertIsNone(whole.median("hit-1k-c64", "haproxy", CPU))

    def test_the_best_peer_is_neither_larder_nor_the_floor(self):
        whole = summary(records("hit-1k-c64", CPU, responder=[1], larder=[2], nginx=[8], haproxy=[4], ideal=[0.1]))
        self.assertEqual(whole.best_peer("hit-1k-c64", CPU), ("haproxy", 4))
        self.assertEqual(whole.ratio_to_best_peer("hit-1k-c64", CPU), 0.5)
        self.assertEqual(whole.ratio_to_bare("hit-1k-c64", CPU), 2)

    def test_labels(self):
        self.assertEqual(label("hit-16k-c10000"), "hit, 16 KiB, 10,000 connections")
        self.assertEqual(label("304-c64"), "answer 304, 64 connections")
        self.assertEqual(label("cold-key-c1000"), "cold key, 1,000 connections")
        self.assertEqual(label("purge.cpu"), "purge.cpu")


class Verdicts(unittest.TestCase):
    def test_at_most_includes_the_limit(self):
        for figure, expected in ((7, Verdict.MET), (7.1, Verdict.MISSED)):
            hit = records("hit-16k-c64", CPU, larder=[figure], haproxy=[10])
            self.assertEqual(verdict("CPU, hit of 16 and 128 KiB", hit), expected)

    def test_under_excludes_the_limit(self):
        for figure, expected in ((19_999, Verdict.MET), (20_000, Verdict.MISSED)):
            held = records("connection-memory-tls", "value", larder=[figure])
            self.assertEqual(verdict("memory of a TLS connection", held), expected)

    def test_one_case_missed_is_a_goal_missed(self):
        outcome, = judge(summary(
            records("hit-1k-c64", CPU, larder=[6], haproxy=[10]), records("hit-16k-c64", CPU, larder=[8], haproxy=[10])),
            [Goal("CPU", r"hit-", to_best_peer(CPU), 0.7)])
        self.assertEqual(outcome.verdict, Verdict.MISSED)
        self.assertEqual(outcome.summary(), ("0.60 to 0.80 (hit, 16 KiB, 64 connections)", "**missed** in 1 of 2 cases"))

    def test_what_was_not_measured_is_not_met(self):
        self.assertEqual(verdict("CPU, miss of 1 KiB"), Verdict.NOT_MEASURED)
        self.assertEqual(verdict("CPU, miss of 1 KiB", records("miss-1k-c64", CPU, larder=[6])), Verdict.NOT_MEASURED)

    def test_a_hit_ratio_is_no_hit(self):
        self.assertEqual(verdict("CPU, hit of 1 KiB, 64", records("hit-ratio.zipf-0.8.4MiB", CPU, larder=[9], nginx=[1])),
                         Verdict.NOT_MEASURED)

    def test_one_old_answer_or_a_second_request_is_a_miss(self):
        for text, case, metric, good, bad in (
                ("purge of 100,000", "purge.old-answers", "value", 0, 1),
                ("1,000 clients", "cold-key-c1000", "upstream_requests", 1, 2)):
            self.assertEqual(verdict(text, records(case, metric, larder=[good])), Verdict.MET)
            self.assertEqual(verdict(text, records(case, metric, larder=[bad])), Verdict.MISSED)


class Tables(unittest.TestCase):
    def test_a_row_has_every_system_and_both_ratios(self):
        shown = tables.metric_table(summary(records("hit-1k-c64", CPU, responder=[5], larder=[6, 7, 8], haproxy=[10])), CPU)
        self.assertEqual(shown.splitlines(), [
            "| case | bare responder | Larder | HAProxy | Larder / best peer | Larder / bare |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            "| hit, 1 KiB, 64 connections | 5.0 | 7.0 | 10.0 | 0.70 | 1.40 |",
        ])

    def test_hit_ratios_stand_beside_the_ideal(self):
        ratios = records("hit-ratio.zipf-0.8.16MiB", "value", ideal=[0.5], larder=[0.4], nginx=[None])
        more = records("hit-ratio.zipf-0.8.64MiB", "value", ideal=[0.7], larder=[None], haproxy=[0.6])
        self.assertEqual(tables.hit_ratio_table(summary(ratios, more)).splitlines(), [
            "| workload | size | ideal | Larder | HAProxy |",
            "| --- | ---: | ---: | ---: | ---: |",
            "| zipf-0.8 | 16 MiB | 50.0% | 40.0% | – |",
            "| zipf-0.8 | 64 MiB | 70.0% | – | 60.0% |",
        ])

    def test_what_was_not_done_says_why_once(self):
        notes = [Record(case, "nginx", 1, note="not done: no purge") for case in ("purge", "hit-1k-c64")]
        self.assertEqual(tables.not_done(summary(notes)), "- nginx: purge; hit, 1 KiB, 64 connections: no purge")


class Header(unittest.TestCase):
    def test_it_tells_what_a_run_took_where_the_run_does(self):
        self.assertEqual(report.took({"took_s": {"load": 1200, "hit ratio": 330}}), " It took 26 min (load 20, hit ratio 6).")
        self.assertEqual(report.took({}), "")


class Plots(unittest.TestCase):
    def test_every_case_is_a_group_and_a_missing_figure_a_gap(self):
        drawn = plots.bars(summary(records("hit-1k-c64", CPU, responder=[5], larder=[6], haproxy=[1000]),
                                   records("hit-16k-c64", CPU, larder=[7])), plots.BARS[0])
        self.assertIn('"1 KiB\\n64 conn." 5 6 1000\n"16 KiB\\n64 conn." - 7 -\nEOD', drawn.commands)
        self.assertIn("set logscale y", drawn.commands)

    def test_nothing_measured_is_nothing_drawn(self):
        self.assertIsNone(plots.bars(summary(), plots.BARS[0]))
        self.assertIsNone(plots.memory(summary()))
        self.assertIsNone(plots.hit_ratios(summary(records("hit-ratio.scans.4MiB", "value", nginx=[None]))))


if __name__ == "__main__":
    unittest.main()
