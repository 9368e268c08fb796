"""Results: one record for each case, system and round, kept as they come: a run that breaks off leaves what it saw."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass
class Record:
    """One measurement. A metric that a case does not take stays empty; `note` says why a case was not done."""

    case: str
    system: str
    round: int
    requests: int | None = None
    seconds: float | None = None
    requests_per_s: float | None = None
    cpu_us_per_request: float | None = None
    user_us_per_request: float | None = None
    """Outside the kernel. The kernel counts ticks of 10 ms, so it is coarse: good to about 1 % of a run of seconds."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    resident_bytes: int | None = None
    upstream_requests: int | None = None
    all_answered_ms: float | None = None
    """From the first request of a crowd to the last answer."""
    value: float | None = None
    """What a case of its own kind measured; `unit` names it."""
    unit: str | None = None
    note: str | None = None


COLUMNS = [field.name for field in fields(Record)]


class Results:
    """All records of a run, appended to `results.csv` as they come."""

    def __init__(self, directory: Path):
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / "results.csv"
        self.records: list[Record] = []
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerow(COLUMNS)

    def add(self, record: Record) -> Record:
        """Keeps it, in memory and in the file."""
        self.records.append(record)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow({k: "" if v is None else v for k, v in asdict(record).items()})
        return record


def read(directory: Path) -> list[Record]:
    """The records of a run's directory."""
    kinds = {field.name: str(field.type) for field in fields(Record)}

    def value(column: str, text: str):
        if text == "":
            return None
        kind = kinds[column]
        return int(text) if kind.startswith("int") else float(text) if kind.startswith("float") else text
    with (directory / "results.csv").open(newline="") as file:
        return [Record(**{k: value(k, v) for k, v in row.items()}) for row in csv.DictReader(file)]
