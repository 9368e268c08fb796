"""Results of the shop's runs: raw figures, tables, plots, and the part of docs/performance.md that shows them."""

import csv
import json
import re
import subprocess
from pathlib import Path

from bench.harness.document import replace_block
from bench.shop import plots, stack
from bench.shop.verdicts import GOALS, judge, millis, percent

BLOCK = "shop"
TITLES = {"direct": "directly", "memory": "Larder, memory alone", "redis": "Larder with Redis",
          "warmed": "warmed from a log", "refreshed": "warmed, and refreshed after purges"}
ENDPOINTS = {"health": "health", "search": "product search", "list": "product list", "categories": "categories",
             "popular": "popular products", "analytics": "analytics", "metrics": "metrics", "product": "product",
             "inventory": "inventory", "suggest": "suggest", "set_price": "write: price", "set_stock": "write: stock"}
CLASSES = ("product", "inventory", "aggregation", "search", "list")
FIGURES = ("count", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms", "success")


def versions(programs: stack.Programs) -> dict[str, str]:
    """What was measured, and with what."""
    def said(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip().splitlines()[0]
    lock = (stack.SHOP / "Cargo.lock").read_text()
    crates = {name: match[1] for name in ("goose", "axum", "sqlx")
              if (match := re.search(rf'^name = "{name}"\nversion = "(.+)"', lock, re.MULTILINE))}
    redis = re.search(r"v=(\S+)", said("redis-server", "--version"))
    return {"larder": said(str(programs.larder), "--version").split()[-1], **crates, "redis": redis[1] if redis else "unknown",
            "rustc": said("rustc", "--version").split()[1]}


def write(whole: dict, out: Path, document: Path | None) -> None:
    """Writes everything below `out`, and refreshes the document."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "runs.json").write_text(json.dumps(whole, indent=1) + "\n")
    _write_csv(whole["runs"], out / "endpoints.csv")
    drawn = plots.draw(whole["runs"], out)
    table = tables(whole)
    (out / "table.md").write_text(f"# The shop under load, {whole['at']}\n\n{table}\n")
    if document:
        _make_room(document)
        away = Path("..") / out.resolve().relative_to(stack.ROOT)
        images = "\n\n".join(f"![{title}]({away / name})" for title, name in drawn if name.startswith("p95"))
        replace_block(document, BLOCK, f"{digest(whole)}\n\n{images}\n\nTimes by endpoint and the rest: [{away}/table.md]({away}/table.md).")


def _make_room(document: Path) -> None:
    """Adds the place for what was measured where it is missing."""
    text = document.read_text()
    if f"<!-- begin {BLOCK} -->" not in text:
        document.write_text(f"{text.rstrip()}\n\n<!-- begin {BLOCK} -->\n<!-- end {BLOCK} -->\n")


def _write_csv(runs: list[dict], path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["users", "run", "part", "endpoint", *FIGURES])
        for run in runs:
            for part in ("hold", "whole"):
                measured = run["load"][part]
                for name, figures in {**measured["endpoints"], "overall": measured["overall"]}.items():
                    rows.writerow([run["load"]["users"], run["kind"], part, name, *(figures[key] for key in FIGURES)])


def tables(whole: dict) -> str:
    """All of it in Markdown."""
    runs = whole["runs"]
    parts = [_setting(whole)]
    for users in sorted({run["load"]["users"] for run in runs}):
        level = {run["kind"]: run for run in runs if run["load"]["users"] == users}
        parts += [f"### {users:,} users", _endpoints(level), _overall(level)]
        cached = {kind: run for kind, run in level.items() if kind != "direct"}
        if cached:
            parts += [f"What was reported for a hand-optimised application, and {users:,} users here:", _goals(cached)]
    return "\n\n".join([*parts, _caveats(runs)])


def digest(whole: dict) -> str:
    """The summary that the document shows; the rest stays with the run."""
    parts = [_setting(whole)]
    for users in sorted({run["load"]["users"] for run in whole["runs"]}):
        cached = {run["kind"]: run for run in whole["runs"] if run["load"]["users"] == users and run["kind"] != "direct"}
        if cached:
            parts += [f"### {users:,} users", _goals(cached)]
    return "\n\n".join(parts)


def _setting(whole: dict) -> str:
    load = whole["runs"][0]["load"]
    used = ", ".join(f"{name} {version}" for name, version in whole["versions"].items())
    low, high = load["think_ms"]
    return (f"Measured {whole['at']} on {whole['machine']}, which load, API, PostgreSQL and Larder share; {used}. "
            f"`make bench-shop` reruns it. {load['products']:,} products; users come at a steady rate within "
            f"{load['ramp_seconds']:.0f} s (at the first level), settle for {load['settle_seconds']} s, and are measured for "
            f"{load['hold_seconds']} s, pausing {low / 1000:g} to "
            f"{high / 1000:g} s between two requests; of a hundred, one watches and one changes a product every "
            f"{load['writer_pause_ms'] / 1000:g} s and announces it. Products are asked for by "
            f"Zipf's law with exponent {load['product_exponent']:g}, {load['terms']} search terms, 60 categories and 40 brands "
            f"with {load['word_exponent']:g}. Each run begins with an empty cache, but for those that are warmed: by `larder warm`, from the access log "
            "of another run of the same load, before the first user comes. Tables show the time in which all users were "
            "there; errors and stale reads count from the first user on.")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join([_row(head), _row(["---"] * len(head)), *map(_row, rows)])


def _endpoints(level: dict[str, dict]) -> str:
    def cells(name: str) -> list[str]:
        found = []
        for run in level.values():
            figures = run["load"]["hold"]["endpoints"].get(name)
            if not figures:
                found.append("–")
                continue
            times = " / ".join(millis(figures[key]).removesuffix(" ms") for key in ("mean_ms", "p50_ms", "p95_ms", "p99_ms"))
            found.append(f"{times}, {percent(figures['success'])}")
        return found
    head = ["mean / P50 / P95 / P99 in ms, success", *(TITLES[kind] for kind in level)]
    return _table(head, [[title, *cells(name)] for name, title in ENDPOINTS.items()])


def _overall(level: dict[str, dict]) -> str:
    def hold(run: dict) -> dict:
        return run["load"]["hold"]

    def larder(run: dict, show) -> str:
        return show(run["larder"]) if "larder" in run else "–"

    def ratio(run: dict, name: str | None) -> str:
        answers = hold(run)["classes"].get(name) if name else hold(run)["cacheable"]
        if "larder" not in run or not answers:
            return "–"
        return f"{percent(answers['hit_ratio'])} ({percent(answers['possible_hit_ratio'])})"

    rows = {
        "requests per second": lambda run: f"{hold(run)['requests_per_second']:.0f}",
        "mean / P95 / P99 over all requests": lambda run: " / ".join(
            millis(hold(run)["overall"][key]) for key in ("mean_ms", "p95_ms", "p99_ms")),
        "errors, ramp included": lambda run: f"{(1 - run['load']['whole']['overall']['success']) * 100:.3f} %",
        "hit ratio, all classes (what was possible at most, given what was warmed)": lambda run: ratio(run, None),
        "the same, ramp included": lambda run: larder(run, lambda _: percent(run["load"]["whole"]["cacheable"]["hit_ratio"])),
        **{f"hit ratio, {name}": lambda run, name=name: ratio(run, name) for name in CLASSES},
        "answers from the cache, P50 / P99 as users see them": lambda run: larder(run, lambda _: " / ".join(
            millis(hold(run)["hits"][key]) for key in ("p50_ms", "p99_ms"))),
        "the same P99 within Larder": lambda run: larder(run, lambda it: millis(it["hit_p99_ms"] or 0)),
        "database queries, ramp included": lambda run: f"{run['api']['queries']:,.0f}",
        "P95 of a query": lambda run: millis(run["api"]["query_p95_ms"] or 0),
        "responses stored at the end": lambda run: larder(run, lambda it: f"{it['entries']:,.0f}, {it['bytes'] / 1e6:.1f} MB"),
        "evictions for want of room": lambda run: larder(run, lambda it: f"{it['evictions'].get('capacity', 0):,.0f}"),
        "resident memory of Larder, before / peak": lambda run: larder(run, lambda it: (
            f"{run['servers']['larder']['rest_mib']:.0f} / {it['peak_mib']:.0f} MiB")),
        "fetched by warming before the first user / after purges": lambda run: larder(run, lambda it: (
            f"{(it.get('warmed') or {}).get('fetched', 0):,} / {it.get('refreshes', 0):,.0f}")),
        "connections opened to the API / requests to it": lambda run: larder(run, lambda it: (
            f"{run['connections_opened']:,} / {it['upstream_requests']:,.0f}")),
        "connection reuse": lambda run: larder(run, lambda it: f"{it['connection_reuse'] * 100:.2f} %"),
        "stale reads after an acknowledged purge, of reads of changed products": lambda run: (
            f"{run['load']['freshness']['stale_reads']} of {run['load']['freshness']['checked_reads']:,}"),
        "cores in use: load / PostgreSQL / API / Larder": lambda run: " / ".join(
            f"{run['servers'][name]['cores']:.2f}" if name in run["servers"] else "–"
            for name in ("load", "postgres", "api", "larder")),
        "cores that other work on the machine took": lambda run: f"{run['other_cores']:.2f}",
    }
    return _table(["", *(TITLES[kind] for kind in level)],
                  [[title, *(show(run) for run in level.values())] for title, show in rows.items()])


def _goals(cached: dict[str, dict]) -> str:
    rows, reasons = [], []
    for goal in GOALS:
        verdicts = {kind: judge(goal, run) for kind, run in cached.items() if not goal.kinds or kind in goal.kinds}
        shown = [f"{verdicts[kind].shown}, {'met' if verdicts[kind].met else '**missed**'}" if kind in verdicts else "–" for kind in cached]
        rows.append([goal.name, goal.reported, goal.goal, *shown])
        reasons += [f"- {goal.name}, {TITLES[kind]}: {verdict.why}" for kind, verdict in verdicts.items() if not verdict.met]
    table = _table(["figure", "reported", "goal", *(TITLES[kind] for kind in cached)], rows)
    return table + ("\n\nWhy goals were missed:\n\n" + "\n".join(reasons) if reasons else "")


def _caveats(runs: list[dict]) -> str:
    others = [run["other_cores"] for run in runs]
    shares = [run["servers"]["load"]["cores"] for run in runs]
    return f"""Caveats:

- Users, API, PostgreSQL and Larder share the machine's cores; the users alone took {min(shares):.2f} to {max(shares):.2f} of them. What a
  user sees includes waiting for a core, in the user's own program too. Other work took {min(others):.2f} to {max(others):.2f} cores.
- A request's time is measured in the client around the request, from before it is sent until its body's last byte, in
  microseconds with three digits kept (HDR histogram). goose starts and paces the users; its own figures, which are rounded to
  milliseconds and end at the head, are not used.
- Users wait for their answer before they think: where answers are slow, fewer are asked for. Directly, the requests per second
  are what the database could bear, not what the users would have asked for.
- The database is made once and the runs follow one another, so that later ones find its pages in memory and a longer search log.
- Connections to the API are counted from the kernel's table once a second, where those that have ended stay for a minute.
- The reported figures are someone else's, of another application on another machine, and set the goals' scale, no more."""
