"""What a shopper does: 36 operations, 25 of them the same for everybody, and in one session of eight an order at the end."""

import random
import time

from .client import Client
from .operations import SHOP_OPERATIONS
from .truth import Truth

CATEGORIES = ("computers", "camera-photo", "home-garden", "plants", "sports-outdoor", "footwear", "equipment", "furniture")
TERMS = ("laptop", "camera", "ball", "shoe", "chair", "plant", "hard drive", "lens", "tent", "lamp", "monitor", "cable")
PAUSE_S = (0.02, 0.1)
ORDERS_ONE_IN = 8


class Shopper:
    """One user, with an account of their own."""

    def __init__(self, address: str, number: int, is_app: bool, truth: Truth, products: list[dict]):
        """`products`: the most wanted first."""
        self.email = f"shopper-{number}@shop.example"
        self.number, self.products, self.sessions = number, products, 0
        self.client = Client(address, self.email, is_app, truth.heard)
        self.chance = random.Random(number)

    def register(self) -> None:
        """Makes the account."""
        name = {"firstName": f"Shopper{self.number}", "lastName": "Example"}
        self._own("Register", input={"emailAddress": self.email, "password": "password", **name})

    def shop(self) -> None:
        """A session."""
        self.sessions += 1
        self.client.cookies.clear()
        self.client.token = None
        self._arrive()
        for category in self.chance.sample(CATEGORIES, 2):
            self._browse(category)
        for term in self.chance.sample(TERMS, 2):
            self._search(term)
        if (self.number + self.sessions) % ORDERS_ONE_IN == 0:
            self._order()
        else:
            self._leave()

    def _arrive(self) -> None:
        for name in ("Channel", "Menu"):
            self._common(name)
        self._own("Customer")
        self._found({"take": 12, "groupByProduct": True})
        self._own("Login", username=self.email, password="password")

    def _browse(self, category: str) -> None:
        """Seven operations, and one on the cart."""
        listing = {"collectionSlug": category, "groupByProduct": True, "take": 12}
        self._common("Category", slug=category)
        self._common("Facets", input=listing)
        for skip in (0, 12):
            self._found({**listing, "skip": skip})
        variant = None
        for _ in range(2):
            variant = self._look_at() or variant
        self._found({"collectionSlug": category, "groupByProduct": True, "take": 4})
        self._own("Add", variant=variant, quantity=1)

    def _search(self, term: str) -> None:
        """Four operations."""
        wanted = {"term": term, "groupByProduct": True, "take": 12}
        self._found(wanted)
        self._common("Facets", input=wanted)
        self._look_at()
        self._common("Category", slug=self.chance.choice(CATEGORIES))

    def _order(self) -> None:
        self._own("Address", input={"fullName": f"Shopper{self.number} Example", "streetLine1": f"{self.number} Street",
                                    "city": "Vienna", "postalCode": "1010", "countryCode": "AT"})
        self._own("Cart")
        methods = self._own("ShippingMethods")["eligibleShippingMethods"]
        self._own("Shipping", ids=[methods[0]["id"]])
        self._own("Arrange")
        self._own("Pay", input={"method": "standard-payment", "metadata": {}})
        self._own("Customer")

    def _leave(self) -> None:
        lines = self._own("Cart")["activeOrder"]["lines"]
        self._own("Adjust", line=lines[0]["id"], quantity=2)
        self._own("Customer")
        self._own("ShippingMethods")
        for quantity in (1, 0):
            self._own("Adjust", line=lines[0]["id"], quantity=quantity)
        self._own("Logout")

    def _look_at(self) -> str | None:
        """Looks at a product, popular ones more often; one of its variants that can be bought."""
        place = min(int(self.chance.paretovariate(0.7)) - 1, len(self.products) - 1)
        product = self._common("Product", slug=self.products[place]["slug"])["product"]
        return next((variant["id"] for variant in product["variants"]), None)

    def _found(self, wanted: dict) -> None:
        self._common("Search", input=wanted)

    def _common(self, name: str, **variables: object) -> dict:
        return self._ask(name, False, variables)

    def _own(self, name: str, **variables: object) -> dict:
        return self._ask(name, True, variables)

    def _ask(self, name: str, is_own: bool, variables: dict) -> dict:
        data = self.client.ask(SHOP_OPERATIONS[name], is_own, **variables)
        time.sleep(self.chance.uniform(*PAUSE_S))
        return data
