"""A run's tables in Markdown."""

import re
from collections.abc import Callable, Iterable

from .goals import Outcome
from .summary import BARE, IDEAL, LARDER, Summary, label

REQUESTS = r"(hit-\d+k|keys|gzip|identity|304|miss|pass|upload|tls|h2|secure|redis|two-workers)-?"
NOTHING = "–"
REASON_CHARACTERS_MAX = 160


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Columns after the first are figures, so they stand to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals_table(outcomes: list[Outcome]) -> str:
    """A row for each goal."""
    return table(["goal", "figure", "verdict"], [[outcome.goal.text, *outcome.summary()] for outcome in outcomes])


def goals_by_case_table(outcomes: list[Outcome]) -> str:
    """A row for each goal and case."""
    return table(["goal", "case", "figure", "verdict"], [
        [outcome.goal.text, label(case), outcome.goal.show(figure), "**missed**" if case in outcome.missed else "met"]
        for outcome in outcomes for case, figure in outcome.figures.items()])


def metric_table(summary: Summary, metric: str, decimals: int = 1, cases: str = REQUESTS,
                 with_ratios: bool = True, scale: float = 1) -> str:
    """One metric: a row for each case, a column for each system, and how Larder stands to the best peer and to the
    bare responder."""
    systems = summary.systems()
    rows = []
    for case in summary.cases(cases):
        figures = [shown(summary.median(case, system, metric), decimals, scale) for system in systems]
        ratios = [shown(summary.ratio_to_best_peer(case, metric), 2), shown(summary.ratio_to_bare(case, metric), 2)]
        rows.append([label(case), *figures, *(ratios if with_ratios else [])])
    ratio_heads = ["Larder / best peer", "Larder / bare"] if with_ratios else []
    return table(["case", *(summary.title(system) for system in systems), *ratio_heads], rows) if rows else ""


def cpu_table(summary: Summary) -> str:
    """CPU for each request, and how Larder's time outside the kernel stands to the bare responder's."""
    lines = metric_table(summary, "cpu_us_per_request").splitlines()
    if not lines:
        return ""
    outside = [shown(summary.ratio_to_bare(case, "user_us_per_request"), 1) for case in summary.cases(REQUESTS)]
    return "\n".join(f"{line} {last} |" for line, last in zip(lines, ["outside the kernel, Larder / bare", "---:", *outside]))


def purge_table(summary: Summary) -> str:
    """A row for each system and way to purge."""
    columns: list[tuple[str, Callable[[str], str]]] = [
        ("way", lambda system: (summary.note("purge.acknowledged", system) or NOTHING).partition(";")[0]),
        ("acknowledged, ms", lambda system: shown(summary.median("purge.acknowledged", system, "value"), 1)),
        ("nothing old after, ms", lambda system: shown(summary.median("purge.none-old", system, "value"), 1)),
        ("old answers after the acknowledgement", lambda system: shown(summary.median("purge.old-answers", system, "value"), 0)),
        ("CPU of the purge, ms", lambda system: shown(summary.median("purge.cpu", system, "value"), 1)),
        ("CPU of a fetch after it, µs", lambda system: shown(summary.median("purge.sweep", system, "cpu_us_per_request"), 1)),
        ("CPU of a first fetch, µs", lambda system: shown(summary.median("purge.fill", system, "cpu_us_per_request"), 1)),
    ]
    systems = [record.system for record in summary.records if record.case == "purge.acknowledged"]
    rows = [[summary.title(system), *(column(system) for _, column in columns)] for system in dict.fromkeys(systems)]
    return table(["system", *(head for head, _ in columns)], rows) if rows else ""


def memory_table(summary: Summary) -> str:
    """Memory per entry, the least first."""
    case = "memory-per-entry"
    figures = sorted((figure, system) for system in dict.fromkeys(record.system for record in summary.records)
                     if (figure := summary.median(case, system, "value")) is not None)
    rows = [[summary.title(system), shown(figure, 0), summary.note(case, system) or NOTHING] for figure, system in figures]
    return table(["system", "bytes per entry", "held"], rows) if rows else ""


def cold_key_table(summary: Summary) -> str:
    """What a crowd on one cold key cost."""
    rows = []
    for case in summary.cases("cold-key-"):
        for system in summary.systems():
            upstream = summary.median(case, system, "upstream_requests")
            if upstream is not None:
                rows.append([summary.title(system), shown(upstream, 0), shown(summary.median(case, system, "all_answered_ms"), 0),
                             shown(summary.median(case, system, "cpu_us_per_request"), 1)])
    return table(["system", "upstream requests", "all answered after, ms", "CPU per client, µs"], rows) if rows else ""


def hit_ratio_table(summary: Summary) -> str:
    """A row for each workload and size."""
    cases = summary.cases(r"hit-ratio\.")
    systems = [LARDER, *(system for system in summary.systems() if system not in (BARE, LARDER)
                         and any(summary.median(case, system, "value") is not None for case in cases))]
    rows = []
    for case in cases:
        # The exponent of a workload has a point of its own.
        workload, _, size = case.removeprefix("hit-ratio.").rpartition(".")
        figures = [percent(summary.median(case, system, "value")) for system in [IDEAL, *systems]]
        rows.append([workload, size.replace("MiB", " MiB"), *figures])
    return table(["workload", "size", "ideal", *(summary.title(system) for system in systems)], rows) if rows else ""


def not_done(summary: Summary) -> str:
    """What could not be measured, and why, and what failed."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in summary.records:
        if record.note and record.note.startswith(("not done: ", "failed: ")):
            note = record.note if len(record.note) <= REASON_CHARACTERS_MAX else f"{record.note[:REASON_CHARACTERS_MAX]}…"
            case = re.sub(r"^hit-ratio\..+\.", "hit ratio, ", record.case)
            reasons.setdefault((summary.title(record.system), note), []).append(label(case))
    return "\n".join(f"- {system}: {'; '.join(dict.fromkeys(cases))}: {note.removeprefix('not done: ')}"
                     for (system, note), cases in reasons.items())


def shown(figure: float | None, decimals: int, scale: float = 1) -> str:
    """A figure, or a dash."""
    return NOTHING if figure is None else f"{figure * scale:,.{decimals}f}"


def percent(figure: float | None) -> str:
    """A share in per cent."""
    return NOTHING if figure is None else f"{figure:.1%}"
