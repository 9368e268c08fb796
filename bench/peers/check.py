"""Single requests that show that a case measures what it says: a hit is one, a 304 is one, a body is whole."""

import http.client
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.harness.process import BenchError

from .origin import Origin

WARM_DEADLINE_S = 20


@dataclass
class Answer:
    """One answer; names of fields are in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


def fetch(url: str, headers: dict[str, str] | None = None) -> Answer:
    """Asks once, on a connection of its own. Nothing is decoded."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=30, context=trusting_all())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.putrequest("GET", parts.path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"no answer for {url}: {error!r}") from error
    finally:
        connection.close()


def trusting_all() -> ssl.SSLContext:
    """For certificates of the benchmark's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def warm(origin: Origin, url: str, kind: str, headers: dict[str, str] | None = None) -> Answer:
    """Asks until the origin does not notice, and returns that answer: a hit."""
    deadline = time.monotonic() + WARM_DEADLINE_S
    while True:
        before = origin.requests(kind)
        answer = fetch(url, headers)
        if origin.requests(kind) == before:
            return answer
        if time.monotonic() > deadline:
            raise BenchError(f"{url} {headers or ''} does not become a hit; last came {answer.status} {answer.fields}")
