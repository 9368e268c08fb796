"""The shop's staff: they change products through Larder, by the admin API, and look at once at what shoppers see then."""

import threading
import time

from bench.harness.process import BenchError

from .client import Client
from .operations import SHOP_OPERATIONS, STAFF_OPERATIONS
from .truth import Truth, revision_of

PAUSE_S = 8.0
INDEX_DEADLINE_S = 30
WANTED = 6
"""How many of the most wanted products they change."""


class Staff:
    """One of the staff, with a visitor who looks through Larder and one who asks Vendure itself."""

    def __init__(self, larder: str, vendure: str, truth: Truth):
        self.client = Client(larder, "staff", is_app=True, heard=truth.heard)
        self.visitor = Client(larder, "visitor-0@shop.example", heard=truth.heard)
        self.inside = Client(vendure, "inside")
        self.truth = truth
        self.changes = 0
        self.over = threading.Event()

    def log_in(self) -> None:
        """Begins a session."""
        self._ask("StaffLogin", username="staff", password="password of a trial")

    def products(self) -> list[dict]:
        """All that the shop has."""
        return self._ask("Products")["products"]["items"]

    def work(self, products: list[dict]) -> None:
        """Changes one product after another until `over`."""
        while not self.over.wait(PAUSE_S):
            self._change(products[self.changes % WANTED])

    def _change(self, product: dict) -> None:
        self.changes += 1
        text = f"As it was described last. [revision {self.changes}]"
        translations = [{"languageCode": "en", "description": text}]
        self._ask("UpdateProduct", input={"id": product["id"], "translations": translations})
        self.truth.acknowledged(product["slug"], self.changes)
        self.visitor.ask(SHOP_OPERATIONS["Product"], slug=product["slug"])
        price = {"id": product["variants"][0]["id"], "price": 10_000 + self.changes}
        self._ask("UpdatePrice", input=[price])
        shown = self.visitor.ask(SHOP_OPERATIONS["Product"], slug=product["slug"])["product"]["variants"]
        self.truth.expect(next(variant["price"] for variant in shown if variant["id"] == price["id"]), price["price"])
        self._await_index(product)

    def _await_index(self, product: dict) -> None:
        """Vendure's search learns of it by a job of its own."""
        wanted = {"term": product["name"], "groupByProduct": True, "take": 50}
        deadline = time.monotonic() + INDEX_DEADLINE_S
        while time.monotonic() < deadline:
            found = self.inside.ask(SHOP_OPERATIONS["Search"], input=wanted)["search"]["items"]
            if any(item["slug"] == product["slug"] and revision_of(item["description"]) == self.changes for item in found):
                return self.truth.indexed(product["slug"], self.changes)
            time.sleep(0.05)
        raise BenchError(f"Vendure's search does not show revision {self.changes} of {product['slug']}")

    def _ask(self, name: str, **variables: object) -> dict:
        return self.client.ask(STAFF_OPERATIONS[name], True, **variables)
