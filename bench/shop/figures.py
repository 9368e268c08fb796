"""What the API and Larder have counted in a run."""

from bench.shop import scrape

QUERY_SECONDS = "shop_database_query_duration_seconds"


def of_api(url: str) -> dict:
    """Database queries of the API: how many, how many failed, and their P95 by statement and over all."""
    found = scrape.samples(scrape.text_of(f"{url}/metrics"))
    counts = scrape.by_label(found, "shop_database_queries_total", "query")
    p95_ms = {query: _ms(scrape.quantile_s(found, QUERY_SECONDS, 0.95, query=query)) for query in counts}
    return {
        "queries": sum(counts.values()),
        "queries_by_statement": counts,
        "query_errors": scrape.total(found, "shop_database_query_errors_total"),
        "query_p95_ms": _ms(scrape.quantile_s(found, QUERY_SECONDS, 0.95)),
        "query_p95_ms_by_statement": p95_ms,
        "pool_wait_p95_ms": _ms(scrape.quantile_s(found, "shop_database_pool_wait_seconds", 0.95)),
        "requests": scrape.total(found, "shop_requests_total"),
    }


def of_larder(admin: str, connections_opened: int) -> dict:
    """What Larder keeps, what it has put out, how it reached the API, and how long a hit took within it."""
    found = scrape.samples(scrape.text_of(f"{admin}/metrics"))
    evictions = scrape.by_label(found, "larder_cache_evictions_total", "reason")
    entries = scrape.total(found, "larder_cache_entries", tier="memory")
    upstream = scrape.total(found, "larder_upstream_requests_total")
    hit_p99_s = scrape.quantile_s(found, "larder_request_duration_seconds", 0.99, outcome="hit")
    return {
        "entries": entries,
        "bytes": scrape.total(found, "larder_cache_bytes", tier="memory"),
        "evictions": evictions,
        "eviction_ratio": share(evictions.get("capacity", 0), entries + sum(evictions.values())),
        "upstream_requests": upstream,
        "upstream_failures": upstream - scrape.total(found, "larder_upstream_requests_total", result="answered"),
        "connection_reuse": 1 - share(connections_opened, upstream),
        "hit_p99_ms": _ms(hit_p99_s),
        "coalesced": scrape.total(found, "larder_coalesced_total"),
        "events": scrape.by_label(found, "larder_events_total", "result"),
        "redis_lookups": scrape.by_label(found, "larder_cache_lookups_total", "result", tier="redis"),
        "redis_failures": scrape.total(found, "larder_redis_failures_total"),
        "refreshes": scrape.total(found, "larder_refreshes_total"),
        "stats": scrape.json_of(f"{admin}/stats"),
    }


def share(part: float, whole: float) -> float:
    """A part of a whole, 0 to 1; of nothing, 0."""
    return part / whole if whole else 0.0


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3
