"""Figures from servers: Prometheus' text format read, and what histograms in it say."""

import json
import re
import urllib.request

TIMEOUT_S = 10
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')

Samples = dict[str, list[tuple[dict[str, str], float]]]


def text_of(url: str) -> str:
    """What a server answers to GET."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        return answer.read().decode()


def json_of(url: str) -> dict:
    """The JSON that a server answers to GET."""
    return json.loads(text_of(url))


def samples(text: str) -> Samples:
    """Each metric's samples: labels and value."""
    found: Samples = {}
    for line in text.splitlines():
        match = SAMPLE.match(line)
        if match:
            found.setdefault(match[1], []).append((dict(LABEL.findall(match[2] or "")), float(match[3])))
    return found


def total(found: Samples, name: str, **labels: str) -> float:
    """The sum over a metric's samples with these labels."""
    return sum(value for has, value in found.get(name, []) if labels.items() <= has.items())


def by_label(found: Samples, name: str, label: str, **labels: str) -> dict[str, float]:
    """A metric's sums by one label's values, over the samples with these labels."""
    values = {has[label] for has, _ in found.get(name, []) if label in has and labels.items() <= has.items()}
    return {value: total(found, name, **{label: value}, **labels) for value in sorted(values)}


def quantile_s(found: Samples, name: str, quantile: float, **labels: str) -> float | None:
    """A quantile in seconds, straight lines between the bounds of buckets; none without a sample, infinite past the last."""
    buckets: dict[float, float] = {}
    for has, value in found.get(f"{name}_bucket", []):
        if labels.items() <= has.items():
            bound = float(has["le"].replace("+Inf", "inf"))
            buckets[bound] = buckets.get(bound, 0) + value
    wanted = quantile * max(buckets.values(), default=0)
    below_bound, below = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if wanted and count >= wanted:
            if bound == float("inf"):
                return bound
            return below_bound + (bound - below_bound) * (wanted - below) / (count - below)
        below_bound, below = bound, count
    return None
