"""A sample shop API: products, and a search that takes two seconds. For compose.yaml and the tests of packages."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PRODUCTS = {"1": "red shoes", "2": "blue shoes", "3": "green hat"}


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        *_, last = url.path.split("/")
        if url.path == "/api/search":
            time.sleep(2)
            term = parse_qs(url.query).get("q", [""])[0]
            self.answer(200, [name for name in PRODUCTS.values() if term in name])
        elif url.path.startswith("/api/products/") and last in PRODUCTS:
            self.answer(200, {"id": last, "name": PRODUCTS[last]})
        elif url.path == "/healthz":
            self.answer(200, "well")
        else:
            self.answer(404, {"error": "no such product"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Shop).serve_forever()
