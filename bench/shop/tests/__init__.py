"""Tests of what computes the shop's figures: `python3 -m unittest discover -t . -s bench/shop/tests`."""
