"""What is true of the shop, as far as it was acknowledged, and every answer that contradicts it."""

import re
import threading
import time
from collections import defaultdict

from .client import Answer, Client
from .operations import CATALOGUE, STAFF

REVISION = re.compile(r"\[revision (\d+)\]")
EMAIL = re.compile(r"[a-z]+-\d+@shop\.example")
CODE = re.compile(r'"code":"([A-Z0-9]{16})"')
INDEX_SPREADS_S = 1.0
"""How long after the search index has changed an answer of before may still come: the change is read from the database's log."""


def revision_of(text: str) -> int:
    """The revision that a description tells; 0 where nobody has changed it yet."""
    found = REVISION.search(text)
    return int(found[1]) if found else 0


class Truth:
    """Judges each answer. Shared by all clients' threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._acknowledged: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._indexed: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._owners: dict[str, str] = {}
        self.answers: list[Answer] = []
        self.wrong: dict[str, list[str]] = {"across users": [], "stale products": [], "stale searches": []}
        self.looked_at: dict[str, int] = dict.fromkeys(self.wrong, 0)

    def acknowledged(self, slug: str, revision: int) -> None:
        """Larder has answered the change of a product."""
        with self._lock:
            self._acknowledged[slug].append((time.monotonic(), revision))

    def indexed(self, slug: str, revision: int) -> None:
        """Vendure itself finds a product with its change."""
        with self._lock:
            self._indexed[slug].append((time.monotonic(), revision))

    def expect(self, shown: int, changed: int) -> None:
        """A price that was just changed is shown."""
        with self._lock:
            self.looked_at["stale products"] += 1
            if shown != changed:
                self.wrong["stale products"].append(f"a price of {shown} was shown after it was changed to {changed}")

    def forget(self) -> None:
        """What was answered until now does not count: the cache was cold."""
        with self._lock:
            self.answers.clear()

    def heard(self, client: Client, answer: Answer) -> None:
        """Looks at an answer."""
        with self._lock:
            self.answers.append(answer)
            if answer.operation not in STAFF:
                self._judge_owner(client, answer)
            if answer.operation == "Product" and answer.data["product"]:
                product = answer.data["product"]
                self._judge("stale products", self._acknowledged, product, answer, 0)
            if answer.operation == "Search":
                for item in answer.data["search"]["items"]:
                    self._judge("stale searches", self._indexed, item, answer, INDEX_SPREADS_S)

    def _judge(self, what: str, known: dict, shown: dict, answer: Answer, spreads_s: float) -> None:
        changes = known[shown["slug"]]
        least = max((revision for at, revision in changes if at + spreads_s < answer.began), default=0)
        self.looked_at[what] += bool(least)
        if revision_of(shown["description"]) < least:
            self.wrong[what].append(f"{answer.operation} showed {shown['slug']} of {revision_of(shown['description'])} "
                                    f"where {least} was known ({answer.said})")

    def _judge_owner(self, client: Client, answer: Answer) -> None:
        self.looked_at["across users"] += 1
        named = set(EMAIL.findall(answer.text))
        for code in CODE.findall(answer.text):
            named.add(self._owners.setdefault(code, client.name))
        is_shared = answer.operation in CATALOGUE
        if named - {client.name} or (is_shared and named) or (answer.is_hit and answer.sets_cookie):
            self.wrong["across users"].append(f"{client.name} was told {answer.operation} of {sorted(named)} ({answer.said})")
