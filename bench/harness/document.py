"""Keeps measured parts of a document fresh: each stands between two comments that name it."""

from pathlib import Path

from .process import BenchError


def replace_block(document: Path, name: str, text: str) -> None:
    """Puts `text` between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything else stays as it is."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    whole = document.read_text()
    before, found_begin, rest = whole.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise BenchError(f"{document} has no place for what was measured\nhint: it needs the lines {begin} and {end}")
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")
