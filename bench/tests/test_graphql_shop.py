"""The GraphQL shop: documents as clients send them, and answers that are judged."""

import unittest

from bench.graphql_shop.client import Answer, Client
from bench.graphql_shop.operations import with_type_names
from bench.graphql_shop.session import Shopper
from bench.graphql_shop.truth import Truth


def answer(operation: str, data: dict, text: str = "", is_hit: bool = True, began: float = 1e9, sets_cookie: bool = False) -> Answer:
    return Answer(operation, data, text, is_hit, "larder; hit", sets_cookie, began, 0.001)


class Documents(unittest.TestCase):
    def test_each_selection_but_the_first_asks_for_the_type(self):
        text = "query A($x: X) { a(options: { take: 1 }) { b ... on T { c } } }"
        self.assertEqual(with_type_names(text),
                         "query A($x: X) { a(options: { take: 1 }) { __typename b ... on T { __typename c } } }")


class Answers(unittest.TestCase):
    def setUp(self):
        self.truth = Truth()
        self.client = Client("nowhere", "shopper-1@shop.example")

    def found(self, what: str, heard: Answer) -> int:
        self.truth.heard(self.client, heard)
        return len(self.truth.wrong[what])

    def test_a_product_of_before_an_acknowledged_change_is_stale(self):
        def product(revision: int) -> dict:
            return {"product": {"slug": "tea", "description": f"tea [revision {revision}]"}}
        self.truth.acknowledged("tea", 2)
        self.assertEqual(self.found("stale products", answer("Product", product(1), began=0)), 0, "asked before")
        self.assertEqual(self.found("stale products", answer("Product", product(2))), 0)
        self.assertEqual(self.found("stale products", answer("Product", product(1))), 1)

    def test_a_search_is_stale_once_the_shops_own_shows_more(self):
        self.truth.indexed("tea", 2)
        items = {"search": {"items": [{"slug": "tea", "description": "[revision 1]"}, {"slug": "cup", "description": ""}]}}
        self.assertEqual(self.found("stale searches", answer("Search", items)), 1)

    def test_what_names_another_shopper_is_found(self):
        own, other = "shopper-1@shop.example", "shopper-2@shop.example"
        self.assertEqual(self.found("across users", answer("Customer", {}, own)), 0)
        self.assertEqual(self.found("across users", answer("Cart", {}, '"code":"ABCDEFGH12345678"')), 0)
        self.assertEqual(self.found("across users", answer("Customer", {}, other)), 1)
        self.assertEqual(self.found("across users", answer("Menu", {}, own)), 2, "what is shared names nobody")
        self.assertEqual(self.found("across users", answer("Menu", {}, sets_cookie=True)), 3)
        self.client.name = other
        self.assertEqual(self.found("across users", answer("Cart", {}, '"code":"ABCDEFGH12345678"')), 4)


class Sessions(unittest.TestCase):
    def test_of_36_operations_25_are_the_same_for_everybody(self):
        for number in (1, 7):
            asked = []
            shopper = Shopper("nowhere", number, False, Truth(), [{"slug": "tea"}])
            line = {"lines": [{"id": 1}]}
            data = {"product": {"variants": [{"id": 1}]}, "activeOrder": line, "eligibleShippingMethods": [{"id": 1}]}
            shopper._ask = lambda name, is_own, variables, asked=asked, data=data: asked.append(is_own) or data
            shopper.shop()
            self.assertEqual((len(asked), asked.count(False)), (36, 25))
