"""What the results of a run look like when all went well: read back from its files, as a reader finds them."""

from pathlib import Path

from .results import Record, read

FILES = ["results.csv", "run.json", "table.md"]


def complaints(directory: Path, document: Path) -> list[str]:
    """What is missing or can't be, one line each; none where all is well."""
    found = [f"{name} was not written" for name in FILES if not (directory / name).is_file()]
    records = read(directory)
    if not records:
        found.append("results.csv holds no records")
    for record in records:
        where = f"{record.case}, {record.system}"
        if record.note and record.note.startswith("not done: "):
            found.append(f"{where}: {record.note}")  # A smoke test asks of nobody what it can't do.
            continue
        found += [f"{where}: {what}" for what in of_record(record)]
    if "larder" not in {record.system for record in records}:
        found.append("nothing was measured of Larder")
    if "begin peers" not in document.read_text():
        found.append("the document lost its place for the figures")
    return found


def of_record(record: Record) -> list[str]:
    """What can't be in a record that was measured."""
    found = []
    if record.requests is None and record.value is None:
        found.append("neither requests nor a value")
    if record.requests is not None and record.requests <= 0:
        found.append("no requests")
    for name in ("requests_per_s", "cpu_us_per_request", "p50_ms", "p99_ms", "p999_ms", "resident_bytes", "all_answered_ms"):
        figure = getattr(record, name)
        if figure is not None and figure <= 0:
            found.append(f"{name} is {figure}")
    if record.p999_ms is not None and not record.p50_ms <= record.p99_ms <= record.p999_ms:
        found.append(f"percentiles fall: {record.p50_ms}, {record.p99_ms}, {record.p999_ms}")
    if record.user_us_per_request is not None and not 0 <= record.user_us_per_request <= record.cpu_us_per_request:
        found.append(f"{record.user_us_per_request} of {record.cpu_us_per_request} µs outside the kernel")
    return found
