"""Runs as they come out of run.py, with made-up figures."""


def durations(p95_ms: float, success: float = 1.0) -> dict:
    """Figures of an endpoint."""
    return {"count": 100, "mean_ms": p95_ms / 4, "p50_ms": p95_ms / 8, "p95_ms": p95_ms, "p99_ms": 2 * p95_ms,
            "max_ms": 9 * p95_ms, "success": success, "failures": {} if success == 1 else {"timeout": 5}}


def run(kind: str, hit_ratio: float = 0.97, possible: float = 0.98, p95_ms: float = 8.0, success: float = 1.0) -> dict:
    """One run with a thousand users."""
    answers = {"requests": 100, "origins": {"hit": 97}, "hit_ratio": hit_ratio, "possible_hit_ratio": possible}
    part = {
        "seconds": 90, "requests_per_second": 500.0, "overall": durations(p95_ms, success), "hits": durations(0.5),
        "endpoints": {name: durations(p95_ms, success) for name in ("search", "list", "analytics", "product")},
        "classes": {name: answers for name in ("product", "inventory", "aggregation", "search", "list")}, "cacheable": answers,
    }
    load = {"users": 1000, "ramp_seconds": 100.0, "settle_seconds": 0, "hold_seconds": 90, "think_ms": [1000, 3000],
            "writer_pause_ms": 20_000,
            "products": 100_000, "terms": 400, "product_exponent": 1.1, "word_exponent": 1.0, "hold": part, "whole": part,
            "freshness": {"checked_reads": 50, "stale_reads": 0, "shown": []}}
    usage = {"cores": 0.25, "rest_mib": 10.0, "peak_mib": 30.0}
    made = {"kind": kind, "load": load, "servers": {name: usage for name in ("load", "postgres", "api")}, "other_cores": 0.0,
            "api": {"queries": 1000.0, "query_errors": 0, "query_p95_ms": 40.0, "query_p95_ms_by_statement": {"search": 90.0}},
            "connections_opened": 10}
    if kind != "direct":
        made["servers"]["larder"] = usage
        made["larder"] = {"entries": 5000.0, "bytes": 2e7, "evictions": {"capacity": 0.0}, "eviction_ratio": 0.0,
                          "upstream_requests": 5000.0, "connection_reuse": 0.998, "hit_p99_ms": 0.1, "peak_mib": 50.0}
    return made
