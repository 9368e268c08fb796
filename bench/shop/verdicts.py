"""The goals, and what became of each: met, or missed and why. Every reason is computed from the run's own figures."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.shop.stack import WARMED


@dataclass(frozen=True)
class Goal:
    """A figure that a run has, and a bound for it."""
    name: str
    reported: str
    goal: str
    value: Callable[[dict], float]
    meets: Callable[[float], bool]
    shown: Callable[[float], str]
    why_missed: Callable[[dict], str]
    kinds: tuple[str, ...] = ()
    """The kinds of runs that it is for; none: all."""


@dataclass(frozen=True)
class Verdict:
    """What became of a goal in one run."""
    shown: str
    met: bool
    why: str


def judge(goal: Goal, run: dict) -> Verdict:
    """Holds a run against a goal."""
    value = goal.value(run)
    met = goal.meets(value)
    return Verdict(goal.shown(value), met, "" if met else goal.why_missed(run))


def percent(share: float) -> str:
    """0.9234 as 92.3 %."""
    return f"{share * 100:.1f} %"


def millis(value: float) -> str:
    """Milliseconds with as many digits as matter."""
    if value >= 100:
        return f"{value:.0f} ms"
    return f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def _endpoint(run: dict, name: str) -> dict:
    return run["load"]["hold"]["endpoints"].get(name, {"mean_ms": 0, "p95_ms": 0, "success": 1, "count": 0, "failures": {}})


def _answers(run: dict, name: str | None) -> dict:
    hold = run["load"]["hold"]
    return hold["classes"].get(name, {"hit_ratio": 0, "possible_hit_ratio": 0, "origins": {}}) if name else hold["cacheable"]


def _crowd(run: dict) -> str:
    """Who was on the processor's cores."""
    ours = ", ".join(f"{name} {figures['cores']:.2f}" for name, figures in sorted(run["servers"].items()))
    return f"{ours}, other work {run['other_cores']:.2f}"


def _hits_missed(name: str | None, bound: float) -> Callable[[dict], str]:
    def why(run: dict) -> str:
        answers = _answers(run, name)
        possible = answers["possible_hit_ratio"]
        if possible < bound:
            return (f"{percent(1 - possible)} of the requests were the first for what they asked for since the run began "
                    f"without it or since it was changed: no cache can answer more than {percent(possible)}")
        lost = max(possible - answers["hit_ratio"], 0)
        return (f"{percent(possible)} were possible; {percent(lost)} were lost to lifetimes that were over, to purges that "
                "took lists and searches with their products, and to requests that shared a fetch")
    return why


def _slow(endpoint: str, statements: tuple[str, ...], name: str | None) -> Callable[[dict], str]:
    def why(run: dict) -> str:
        missing = 1 - _answers(run, name)["hit_ratio"]
        p95s = [run["api"]["query_p95_ms_by_statement"].get(statement) or 0 for statement in statements]
        slowest = max(p95s) if p95s else run["api"]["query_p95_ms"] or 0
        return (f"{percent(missing)} of {endpoint} were no hits and waited for the database, where the statement's P95 was "
                f"{millis(slowest)}; cores in use: {_crowd(run)}")
    return why


def _why_hits_slow(run: dict) -> str:
    return (f"within Larder a hit's P99 was {millis(run['larder']['hit_p99_ms'] or 0)}; the rest is waiting for a core "
            f"that all share; cores in use: {_crowd(run)}")


def _why_errors(run: dict) -> str:
    failures: dict[str, int] = {}
    for name, endpoint in run["load"]["whole"]["endpoints"].items():
        for why, count in endpoint["failures"].items():
            failures[f"{name}: {why}"] = failures.get(f"{name}: {why}", 0) + count
    return "; ".join(f"{why} ({count})" for why, count in sorted(failures.items()))


def _ratio(title: str, reported: str, name: str | None, bound: float, kinds: tuple[str, ...] = ()) -> Goal:
    return Goal(title, reported, f"at least {bound:.0%}".replace("%", " %"), lambda run: _answers(run, name)["hit_ratio"],
                lambda value: value >= bound, percent, _hits_missed(name, bound), kinds)


def _time(title: str, reported: str, bound_ms: float, value: Callable[[dict], float], why: Callable[[dict], str]) -> Goal:
    return Goal(title, reported, f"{bound_ms:g} ms", value, lambda found: found <= bound_ms, millis, why)


def _failed_share(run: dict) -> float:
    return 1 - run["load"]["whole"]["overall"]["success"]


SEARCH = _slow("searches and suggestions", ("search",), "search")
ANALYTICS = _slow("aggregations", ("sales", "category_analytics"), "aggregation")

GOALS = (
    _ratio("hit ratio, overall", "85–91 %", None, 0.92),
    _ratio("hit ratio, overall, warmed", "91 %", None, 0.95, WARMED),
    _ratio("hit ratio, product", "92 %", "product", 0.95),
    _ratio("hit ratio, inventory", "87 %", "inventory", 0.90),
    _ratio("hit ratio, aggregation", "95 %", "aggregation", 0.97),
    _time("P95 over all requests", "150 ms (240 ms in another)", 15,
          lambda run: run["load"]["hold"]["overall"]["p95_ms"], _slow("cacheable requests", (), None)),
    _time("product search, mean", "150 ms, from 2.3 s", 20, lambda run: _endpoint(run, "search")["mean_ms"], SEARCH),
    _time("product search, P95", "200 ms", 60, lambda run: _endpoint(run, "search")["p95_ms"], SEARCH),
    _time("analytics, mean", "200 ms", 10, lambda run: _endpoint(run, "analytics")["mean_ms"], ANALYTICS),
    _time("analytics, P95", "300 ms", 30, lambda run: _endpoint(run, "analytics")["p95_ms"], ANALYTICS),
    _time("cache answer time, P99 of hits as users see them", "under 5 ms", 2,
          lambda run: run["load"]["hold"]["hits"]["p99_ms"], _why_hits_slow),
    Goal("errors, ramp included", "0.1 %", "0", _failed_share, lambda value: value == 0, lambda value: f"{value * 100:.3f} %",
         _why_errors),
    Goal("memory of Larder at its peak", "400 MB, 200 MB at rest", "100 MB", lambda run: run["larder"]["peak_mib"] * 1.048576,
         lambda value: value <= 100, lambda value: f"{value:.0f} MB",
         lambda run: f"{run['larder']['entries']:.0f} responses of {run['larder']['bytes'] / 1e6:.0f} MB were stored"),
    Goal("evictions for want of room, of what was stored", "under 5 %", "under 1 %", lambda run: run["larder"]["eviction_ratio"],
         lambda value: value < 0.01, percent, lambda run: f"the store is full: {run['larder']['bytes'] / 1e6:.0f} MB"),
    Goal("connection reuse towards the API", "94 %", "99 %", lambda run: run["larder"]["connection_reuse"],
         lambda value: value >= 0.99, lambda value: f"{value * 100:.2f} %",
         lambda run: f"{run['connections_opened']} connections were opened for {run['larder']['upstream_requests']:.0f} requests"),
    Goal("stale reads after an acknowledged purge", "–", "0", lambda run: run["load"]["freshness"]["stale_reads"],
         lambda value: value == 0, lambda value: f"{value:.0f}", lambda run: "; ".join(run["load"]["freshness"]["shown"][:3])),
)
