"""What a figure was measured on."""

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """Processor, cores, memory and kernel, in one line."""
    def first(path: str, pattern: str) -> str:
        match = re.search(pattern, Path(path).read_text(), re.MULTILINE)
        return match[1].strip() if match else "unknown"
    processor = first("/proc/cpuinfo", r"^model name\s*:\s*(.+)$")
    memory_gib = int(first("/proc/meminfo", r"^MemTotal:\s*(\d+)")) / 1024 ** 2
    return f"{processor}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}"
