"""Some seconds of light load through Larder, and whether what came is what has to come; then the way of a newcomer."""

import tempfile
import time
from pathlib import Path

from bench.harness.database import Database
from bench.shop import newcomer, stack

LOAD = {"users": 20, "ramp": 10, "seconds": 6, "products": 2000, "terms": 40, "think-min-ms": 50, "think-max-ms": 250,
        "writer-pause-ms": 150}
WATCHED_S = 15
ENDPOINTS = ("health", "metrics", "search", "list", "categories", "popular", "analytics", "product", "inventory",
             "suggest", "set_price", "set_stock", "event")
CLASSES = ("product", "inventory", "aggregation", "search", "list")


def run(one_run) -> int:
    """Runs it; 0 where all checks have passed."""
    programs = stack.build("debug")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="larder-shop-") as name:
        directory = Path(name)
        with Database(directory) as database:
            stack.prepare(programs, database.url, LOAD["products"])
            measured = one_run("redis", programs, database, LOAD, directory / "smoke")
            found = checks(measured) + newcomer.sample_shop(programs, database.url, directory / "newcomer", WATCHED_S)
        found += newcomer.django_shop(programs, directory / "django")
    passed = failed = 0
    for what, holds in found:
        passed, failed = passed + bool(holds), failed + (not holds)
        if not holds:
            print(f"failed: {what}")
    print(f"{passed + failed} checks after {time.monotonic() - began:.0f} s")
    print(f"bench-shop smoke: {passed} passed, {failed} failed")
    return 1 if failed else 0


def checks(measured: dict) -> list[tuple[str, bool]]:
    """What has to hold, and whether it does."""
    load, larder = measured["load"], measured["larder"]
    whole, freshness = load["whole"], load["freshness"]
    endpoints = whole["endpoints"]
    never = {"count": 0, "success": 0, "failures": {}}
    found = [(f"{name} is answered, always: {endpoints.get(name)}", endpoints.get(name, never)["success"] == 1)
             for name in ENDPOINTS]
    found += [(f"the cache answers some requests of {name}: {whole['classes'].get(name)}",
               whole["classes"].get(name, {"hit_ratio": 0})["hit_ratio"] > 0) for name in CLASSES]
    opened, upstream = measured["connections_opened"], larder["upstream_requests"]
    return [
        *found,
        (f"no read is stale: {freshness}", freshness["stale_reads"] == 0),
        (f"some reads are of what was changed: {freshness}", freshness["checked_reads"] > 0),
        (f"every event has purged: {larder['events']}", set(larder["events"]) == {"purged"}),
        ("fewer queries than requests", 0 < measured["api"]["queries"] < whole["overall"]["count"]),
        (f"no query fails: {measured['api']}", measured["api"]["query_errors"] == 0),
        (f"connections to the shop are used again: {opened} for {upstream}", 0 < opened < upstream / 2),
        (f"something is stored: {larder['entries']}", larder["entries"] > 0),
    ]
