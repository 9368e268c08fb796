"""Writes an SQLite file of 100,000 products, the same in every run: make_products.py FILE."""

import sqlite3
import sys

KINDS = ["shoe", "boot", "jacket", "shirt", "tent", "stove", "rope", "lamp"]
COLOURS = ["red", "blue", "green", "black", "white", "grün", "日本"]


def products(count):
    for number in range(1, count + 1):
        kind = KINDS[number % len(KINDS)]
        colour = COLOURS[number % len(COLOURS)]
        # A linear congruence spreads prices without a random source.
        price = 99 + (number * 7919) % 90000
        yield number, f"{colour} {kind} no. {number}", kind, price, number % 500, f"A {colour} {kind}. " * (number % 5)


def main(path):
    connection = sqlite3.connect(path)
    connection.execute(
        "create table products (id integer primary key, name text, kind text, price_cents integer, stock integer,"
        " description text)"
    )
    connection.executemany("insert into products values (?, ?, ?, ?, ?, ?)", products(100_000))
    connection.execute("create index products_kind on products (kind)")
    connection.commit()
    connection.close()


main(sys.argv[1])
