#!/usr/bin/env python3
"""Writes what a run measured: tables and plots beside its records, and the block `peers` of a document.

    bench/peers/report.py RUN_DIRECTORY [DOCUMENT]

A run's directory holds `results.csv` and `run.json`; it gets `table.md` and the plots.
"""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.harness.document import replace_block  # noqa: E402 (the path comes first)
from bench.harness.process import BenchError  # noqa: E402
from bench.peers import hit_ratio, tables  # noqa: E402
from bench.peers.goals import judge  # noqa: E402
from bench.peers.plots import write_plots  # noqa: E402
from bench.peers.results import read  # noqa: E402
from bench.peers.summary import BARE, Summary  # noqa: E402
from bench.peers.workloads import WORKLOADS  # noqa: E402

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
BLOCK = "peers"

CAVEATS = """\
- One machine: the system under test has core 0; the load (wrk, one thread) and the origin share core 1. Only ratios within
  one run mean anything, and least of all do percentiles where other work shared the machine.
- Time outside the kernel is the CPU time of a request times the share that the kernel counted, in ticks of 10 ms: it is coarse.
- Over TLS all speak 1.3 with a P-256 certificate. The https origin is an nginx on the load's core that ends TLS in front of the
  origin. Handshakes are made one after another by one client (OpenSSL by Python), each with one hit: their CPU is compared, not
  their number. With two workers the load shares both cores. Only Larder has a Redis behind it.
- Each system keeps its cache in memory and logs no requests; settings and reasons are in `bench/peers/systems/`.
- nginx keeps its cache in files of a memory file system; their blocks count as its memory, the kernel's own records of them
  do not. It enforces its size every 10 s only, and takes in more than the sizes here between, so it has no part in hit ratios.
- Traffic Server's storage is a file of a memory file system, which counts as its memory; its memory cache proper holds only
  what was asked for again. Storage takes at least 128 MB, so it has no part in the smaller sizes.
- HAProxy takes all of its memory as it starts. Its memory per entry is what a full cache takes over what it holds.
- Memory per entry is that of 1,000,000 objects, or of 200,000 where each takes a block of 4 KiB and more (nginx, Traffic
  Server, Squid): a million of those fill gigabytes, over many minutes.
- Hit ratios: traces are replayed over 8 connections, but to Squid over one. Once its memory is full, Squid 5 does not keep
  what it fetches while it fetches something else; with two connections or more its hit ratio is far lower."""


def write(directory: Path, document: Path) -> None:
    """Writes `table.md` and the plots into `directory`, and the block of `document`. Raises BenchError."""
    about = json.loads((directory / "run.json").read_text())
    summary = Summary(read(directory), about["titles"])
    plots = write_plots(summary, directory)
    (directory / "table.md").write_text(whole(summary, about))
    links = {name: os.path.relpath(directory / name, document.parent) for name in [*plots, "table.md"]}
    replace_block(document, BLOCK, digest(summary, about, links))


def header(about: dict) -> str:
    """What was measured, on what."""
    versions = ", ".join(f"{about['titles'][name]} {version}" for name, version in about["versions"].items() if name != BARE)
    return (f"Measured {about['date']} on {about['machine']}. {versions}; wrk {about['wrk']}. "
            f"{about['rounds']} round(s) of {about['seconds']:g} s in which the systems take turns; medians. "
            f"The load average before the run was {about['load_average_before']:.1f}: "
            f"what else ran then, and while it ran, is in the figures.{took(about)}")


def took(about: dict) -> str:
    """How long each group of cases took, where the run says so."""
    by_group = about.get("took_s")
    if not by_group:
        return ""
    parts = ", ".join(f"{group} {took_s / 60:.0f}" for group, took_s in by_group.items())
    return f" It took {sum(by_group.values()) / 60:.0f} min ({parts})."


def digest(summary: Summary, about: dict, links: dict[str, str]) -> str:
    """The summary that the document shows; the rest stays with the run."""
    def picture(name: str, alt: str) -> str:
        return f"![{alt}]({links[name]})" if name in links else ""
    return joined([
        header(about),
        "### Goals", tables.goals_table(judge(summary)),
        *section("### CPU per request, µs", tables.cpu_table(summary),
                 picture("cpu-hit.svg", "CPU per hit by system and case")),
        f"Percentiles, requests per second, cold keys, purges, memory, hit ratios, and all caveats: [{links['table.md']}]({links['table.md']}).",
    ])


def whole(summary: Summary, about: dict) -> str:
    """Everything, for the run's directory."""
    outcomes = judge(summary)
    parts = ["# Larder beside other caches", header(about), CAVEATS,
             "## Goals", tables.goals_table(outcomes), "### By case", tables.goals_by_case_table(outcomes)]
    for title, metric, decimals, scale in (
            ("CPU per request, µs", "cpu_us_per_request", 2, 1), ("Of it outside the kernel, µs", "user_us_per_request", 2, 1),
            ("P50, ms", "p50_ms", 3, 1), ("P99, ms", "p99_ms", 3, 1), ("P99.9, ms", "p999_ms", 3, 1)):
        parts += section(f"## {title}", tables.metric_table(summary, metric, decimals, scale=scale))
    parts += section("## Requests per second", tables.metric_table(summary, "requests_per_s", 0, with_ratios=False))
    parts += section("## Resident memory after the case, MiB",
                     tables.metric_table(summary, "resident_bytes", 0, with_ratios=False, scale=1 / 2 ** 20))
    return joined([*parts, *special_cases(summary), reasons(summary)])


def special_cases(summary: Summary) -> list[str]:
    """The parts on cold keys, purges, memory and hit ratios, as far as they were measured."""
    described = "; ".join(f"{workload.name}: {workload.about}" for workload in WORKLOADS)
    fitting = ", ".join(f"{(mib << 20) // hit_ratio.OBJECT_BYTES:,}" for mib in hit_ratio.CACHE_MIB)
    return [
        *section("## 1,000 clients on one cold key", tables.cold_key_table(summary)),
        *section("## A purge of 100,000 objects that share a tag", tables.purge_table(summary),
                 "After the acknowledgement every key is asked for once."),
        *section("## Memory per entry, objects of 100 bytes", tables.memory_table(summary)),
        *section("## Memory of a connection at rest, bytes, and resident memory under churn",
                 tables.metric_table(summary, "value", 2, cases=r"connection-memory-|churn-"),
                 "A connection has had one answer: a hit, a pass-through, a hit over TLS. Under churn, 64 MiB are configured and "
                 "everything is asked for once; what is resident beyond 30 MiB, as a multiple of that."),
        *section(
            "## Hit ratio against size", tables.hit_ratio_table(summary),
            f"{replayed(summary)} requests over {hit_ratio.OBJECTS:,} objects of {hit_ratio.OBJECT_BYTES // 1024} KiB (and "
            "what scans and one-hit wonders add), from an empty cache. The ideal cache knows what comes and holds as many bodies "
            f"as fit into the configured bytes: {fitting} objects. A system holds fewer, since heads, keys and "
            f"bookkeeping come out of the same bytes. {described}."),
    ]


def replayed(summary: Summary) -> str:
    """How long the traces were that the run replayed."""
    lengths = {record.requests for record in summary.records if record.case.startswith("hit-ratio.") and record.requests}
    return " or ".join(f"{length:,}" for length in sorted(lengths))


def section(heading: str, table: str, *rest: str) -> list[str]:
    """A heading with what follows; nothing where the table is empty."""
    return [heading, table, *rest] if table else []


def reasons(summary: Summary) -> str:
    """What is missing, and why."""
    missing = tables.not_done(summary)
    return f"Not measured, and why:\n\n{missing}" if missing else ""


def joined(parts: list[str]) -> str:
    """Parts with a blank line between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    try:
        if not 2 <= len(sys.argv) <= 3:
            raise BenchError("usage: bench/peers/report.py RUN_DIRECTORY [DOCUMENT]")
        write(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else DOCUMENT)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
