"""The ideal cache against every choice that a cache could make."""

import unittest
from functools import lru_cache
from itertools import product

from bench.peers.ideal import NEVER, ideal_hits, uses_to_come


def best_hits(trace: tuple[int, ...], capacity: int) -> int:
    """The most hits that any sequence of choices (what to give up, whether to take in) reaches."""
    @lru_cache(maxsize=None)
    def best(position: int, held: frozenset[int]) -> int:
        if position == len(trace):
            return 0
        wanted = trace[position]
        if wanted in held:
            return 1 + best(position + 1, held)
        choices = [held]
        if capacity:
            choices += [held | {wanted}] if len(held) < capacity else [held - {gone} | {wanted} for gone in held]
        return max(best(position + 1, choice) for choice in choices)
    return best(0, frozenset())


class Ideal(unittest.TestCase):
    def test_reaches_what_the_best_choices_reach(self):
        for trace in product(range(4), repeat=6):
            for capacity in (0, 1, 2, 3):
                self.assertEqual(ideal_hits(trace, capacity), best_hits(trace, capacity), (trace, capacity))

    def test_a_cache_for_everything_misses_only_the_first_requests(self):
        trace = [5, 1, 5, 2, 1, 5]
        self.assertEqual(ideal_hits(trace, 3), len(trace) - len(set(trace)))

    def test_a_loop_over_more_than_fits_still_hits(self):
        # Two of the three are held from their first request on. LRU would hit nothing.
        self.assertEqual(ideal_hits([1, 2, 3] * 10, 2), 18)

    def test_next_uses(self):
        self.assertEqual(uses_to_come([7, 8, 7, 7]), [2, NEVER, 3, NEVER])


if __name__ == "__main__":
    unittest.main()
