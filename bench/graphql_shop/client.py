"""A client of Vendure's APIs: one connection, the session that it was given, and what became of each request."""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.harness.process import BenchError

from .operations import Operation

TIMEOUT_S = 60
IDLE_S = 2.0
"""After that a connection is not used again: Node.js closes those that were idle for five seconds."""


@dataclass(frozen=True)
class Answer:
    """What a client got."""
    operation: str
    data: dict
    text: str
    is_hit: bool
    said: str
    """Cache-Status; empty where Larder was not asked."""
    sets_cookie: bool
    began: float
    took_s: float


@dataclass
class Client:
    """As a browser it keeps cookies and sends them always; as an app it sends its token with what is its own alone."""
    address: str
    name: str
    is_app: bool = False
    heard: Callable[["Client", Answer], None] = lambda client, answer: None
    cookies: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    _connection: http.client.HTTPConnection | None = None
    _used: float = 0.0

    def ask(self, operation: Operation, is_own: bool = False, **variables: object) -> dict:
        """Sends an operation; its data. `is_own`: it is about this client alone."""
        body = json.dumps({"operationName": operation.name, "query": operation.text, "variables": variables})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.is_app and self.token and is_own:
            headers["Authorization"] = f"Bearer {self.token}"
        if not self.is_app and self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        began = time.monotonic()
        response, text = self._exchange(operation.path, body, headers)
        took_s = time.monotonic() - began
        self._remember(response)
        answered = json.loads(text)
        if response.status != 200 or answered.get("errors") or not isinstance(answered.get("data"), dict):
            raise BenchError(f"{self.name}: {operation.name} came to {response.status} {text[:2000]}")
        said = response.getheader("Cache-Status", "")
        self.heard(self, Answer(operation.name, answered["data"], text, said.startswith("larder; hit"), said,
                                "Set-Cookie" in response.headers, began, took_s))
        return answered["data"]

    def _exchange(self, path: str, body: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, str]:
        if self._connection and time.monotonic() - self._used > IDLE_S:
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_S)
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        self._used = time.monotonic()
        return response, text

    def _remember(self, response: http.client.HTTPResponse) -> None:
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name.strip()] = value
        self.token = response.getheader("vendure-auth-token") or self.token

    def close(self) -> None:
        """Ends its connection."""
        if self._connection:
            self._connection.close()
            self._connection = None
