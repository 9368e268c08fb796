"""Workloads: the same every time, of the length asked for, and of the shape that their names claim."""

import unittest
from collections import Counter

from bench.peers.workloads import ONE_HIT_SHARE_OF_REQUESTS, SCAN_EVERY, WORKLOADS

OBJECTS, REQUESTS = 1_000, 30_000
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def trace(name: str, seed: int = 1, requests: int = REQUESTS) -> list[int]:
    return BY_NAME[name].trace(seed, OBJECTS, requests)


class Workloads(unittest.TestCase):
    def test_a_seed_gives_one_trace_of_the_length_asked_for(self):
        for name in BY_NAME:
            with self.subTest(name):
                self.assertEqual(trace(name), trace(name))
                self.assertNotEqual(trace(name), trace(name, seed=2))
                self.assertEqual(len(trace(name)), REQUESTS)

    def test_the_first_object_of_a_zipf_has_its_share(self):
        for exponent in (0.8, 0.9, 1.0, 1.1):
            expected = 1 / sum(1 / rank ** exponent for rank in range(1, OBJECTS + 1))
            (_, most), = Counter(trace(f"zipf-{exponent}")).most_common(1)
            with self.subTest(exponent):
                self.assertAlmostEqual(most / REQUESTS, expected, delta=0.1 * expected)

    def test_popular_objects_are_no_neighbours(self):
        popular = [wanted for wanted, _ in Counter(trace("zipf-1.0")).most_common(10)]
        self.assertNotEqual(popular, sorted(popular))
        self.assertGreater(max(popular), OBJECTS // 2)

    def test_a_scan_reads_objects_of_its_own_once_and_in_order(self):
        whole = trace("scans")
        scan = whole[SCAN_EVERY:SCAN_EVERY + 200]
        self.assertEqual(scan, list(range(OBJECTS, OBJECTS + 200)))
        self.assertLess(max(whole[:SCAN_EVERY]), OBJECTS)
        self.assertEqual(whole[2 * SCAN_EVERY + 200:2 * SCAN_EVERY + 400], scan)

    def test_one_hit_wonders_come_once_and_in_their_share(self):
        wonders = Counter(wanted for wanted in trace("one-hit") if wanted >= OBJECTS)
        self.assertEqual(set(wonders.values()), {1})
        self.assertAlmostEqual(len(wonders) / REQUESTS, ONE_HIT_SHARE_OF_REQUESTS, delta=0.02)


if __name__ == "__main__":
    unittest.main()
