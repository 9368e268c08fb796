"""Tests of what the benchmarks compute (workloads, the ideal cache, medians, verdicts, tables, time left) and of how they end."""
