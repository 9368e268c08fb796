"""What a soak counts as wrong or stale, and what it takes for growth."""

import unittest

from bench.soak.objects import OBJECTS, Checks, body
from bench.soak.samples import Sample
from bench.soak.verdicts import LEVELS, judge, level

COUNTS = {"checked": 10_000, "purges": 5, "reloads": 3}


def checked(got: bytes, floor: int = 3) -> dict[str, int]:
    """What is counted of this body, where object 5 was asked for."""
    checks = Checks()
    checks.check(5, floor, got, "here")
    return checks.counts


def grown(name: str, seconds: int, more: float) -> list[Sample]:
    """Samples of an instance that holds `more` of something with every second."""
    samples = [Sample(float(second), "a", rss_mib=50, descriptors=100, threads=4, tasks=100, in_flight_mib=0,
                      upstream_connections=10, redis_clients=10) for second in range(seconds)]
    for one in samples:
        setattr(one, name, getattr(one, name) + more * one.second)
    return samples


def failing(counts: dict[str, int], is_back: bool = True) -> list[str]:
    """What fails in a run with these counts."""
    rest = {"in_flight_mib": 0.0, "descriptors": 10, "tasks": 10}
    verdicts = judge(counts, grown("threads", 600, 0), {"a": {"before": rest, "after": rest, "is_back": is_back}}, 600)
    return [one.asked for one in verdicts if one.holds is False]


class Bodies(unittest.TestCase):
    def test_each_object_is_whole_in_each_version(self):
        for number in (0, 7, OBJECTS - 1):
            checks = Checks()
            checks.check(number, 2, body(number, 2), "here")
            self.assertEqual(checks.counts, {"checked": 1})

    def test_what_was_promised_is_the_least_that_may_come(self):
        self.assertEqual(checked(body(5, 3)), {"checked": 1})
        self.assertEqual(checked(body(5, 4)), {"checked": 1})
        self.assertEqual(checked(body(5, 2)), {"stale": 1})

    def test_another_object_a_cut_or_a_changed_body_is_wrong(self):
        whole = body(5, 3)
        for got in (body(6, 3), whole[:-1], whole + b"x", b"", whole[:-1] + bytes([whole[-1] ^ 1])):
            self.assertEqual(checked(got), {"wrong": 1})


class Verdicts(unittest.TestCase):
    def test_each_promise_can_fail(self):
        self.assertEqual(failing(COUNTS), [])
        for more, part in (({"wrong": 1}, "wrong bodies"), ({"stale": 1}, "stale"), ({"failed": 100}, "failed reads"),
                           ({"wrong reloads": 1}, "rules"), ({"purges": 0}, "stale")):
            fails = failing({**COUNTS, **more})
            self.assertEqual(len(fails), 1, more)
            self.assertIn(part, fails[0])
        self.assertEqual(len(failing(COUNTS, is_back=False)), 1)

    def test_what_was_not_sampled_does_not_hold(self):
        samples = grown("threads", 600, 0)
        for one in samples:
            one.tasks = None
        tasks, = (kind for kind in LEVELS if kind.name == "tasks")
        self.assertIs(level(tasks, "a", samples, 600).holds, False)

    def test_growth_is_told_from_a_level_and_only_where_there_is_time(self):
        for kind in LEVELS:
            for more, seconds, holds in ((0, 600, True), (1, 600, False), (1, 60, None)):
                self.assertIs(level(kind, "a", grown(kind.name, seconds, more), seconds).holds, holds, (kind.name, more, seconds))


if __name__ == "__main__":
    unittest.main()
