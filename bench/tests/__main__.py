"""Runs every test here: `python3 -m bench.tests` in the root of the tree. The last line counts them."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Exit code 1 where a test failed or none ran."""
    suite = unittest.defaultTestLoader.discover(str(HERE), top_level_dir=str(HERE.parents[1]))
    result = unittest.TextTestRunner().run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed - len(result.skipped)
    print(f"test result: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
