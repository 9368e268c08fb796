"""Prometheus' text format, histograms, and the kernel's table of connections."""

import os
import unittest

from bench.shop import sampling, scrape

TEXT = """# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{query="list",le="0.1"} 10
took_seconds_bucket{query="list",le="0.2"} 20
took_seconds_bucket{query="list",le="+Inf"} 20
took_seconds_bucket{query="search",le="0.1"} 0
took_seconds_bucket{query="search",le="0.2"} 10
took_seconds_bucket{query="search",le="+Inf"} 20
evictions_total{tier="memory",reason="capacity"} 3
evictions_total{tier="memory",reason="removed"} 4
evictions_total{tier="redis",reason="capacity"} 5
plain 1.5e3
"""

# The API listens on 0x1F90. One client is connected, one has ended first, one end is of another server.
TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:A001 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:A001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0100007F:A002 0100007F:1F90 06 00000000:00000000 03:00001770 00000000     0        0 0 3
   4: 0100007F:A003 0100007F:1F91 01 00000000:00000000 00:00000000 00000000     0        0 4 1
"""


class Scrape(unittest.TestCase):
    def setUp(self):
        self.found = scrape.samples(TEXT)

    def test_samples_are_summed_by_labels(self):
        self.assertEqual(scrape.total(self.found, "plain"), 1500)
        self.assertEqual(scrape.total(self.found, "evictions_total", tier="memory"), 7)
        self.assertEqual(scrape.total(self.found, "nothing"), 0)
        self.assertEqual(scrape.by_label(self.found, "evictions_total", "reason"), {"capacity": 8, "removed": 4})
        self.assertEqual(scrape.by_label(self.found, "evictions_total", "reason", tier="redis"), {"capacity": 5})

    def test_quantiles_lie_on_straight_lines_between_bounds(self):
        self.assertAlmostEqual(scrape.quantile_s(self.found, "took_seconds", 0.75, query="list"), 0.15)
        self.assertAlmostEqual(scrape.quantile_s(self.found, "took_seconds", 0.5), 0.15)
        self.assertEqual(scrape.quantile_s(self.found, "took_seconds", 0.95, query="search"), float("inf"))
        self.assertIsNone(scrape.quantile_s(self.found, "took_seconds", 0.5, query="none"))


class Connections(unittest.TestCase):
    def test_each_connection_counts_once_whichever_end_is_left(self):
        self.assertEqual(sampling.clients_of(TABLE, 0x1F90), {"0100007F:A001", "0100007F:A002"})

    def test_idle_time_is_not_busy(self):
        stat = "cpu  100 20 30 9999 888 7 3 50 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n"
        self.assertEqual(sampling.busy_ns(stat), 160 * 10 ** 9 // os.sysconf("SC_CLK_TCK"))
