"""A certificate of a benchmark's own, for 127.0.0.1, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import BenchError


@dataclass(frozen=True)
class Certificate:
    """Files in PEM. Who trusts the certificate itself trusts its server."""

    certificate: Path
    key: Path
    both: Path


def make_certificate(directory: Path) -> Certificate:
    """Makes one in this folder, `tls.pem`, `tls.key` and `tls.both`. Raises BenchError."""
    directory.mkdir(parents=True, exist_ok=True)
    made = Certificate(*(directory / f"tls.{kind}" for kind in ("pem", "key", "both")))
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", str(made.key), "-out", str(made.certificate)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"openssl made no certificate\n{done.stderr}\nhint: scripts/install-prerequisites.sh peers")
    made.both.write_text(made.certificate.read_text() + made.key.read_text())
    return made
