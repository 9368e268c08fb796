"""The way of docs/tuning.md from a slow API to tuned rules, command by command, before the sample shop and before a Django shop.

Of the sample shop: the routes that were learned and tuned reach nine tenths of the hits that `larder/rules.toml` has on them, by replaying the
same log; after two minutes, what was learned alone reaches nine tenths of its hit ratio over all requests. Of the Django shop, whose pages differ by
who has signed in: no such page is shared, neither by what is proposed nor once that is in force.

    python3 -B -m bench.shop.newcomer [SECONDS]     learns from the sample shop's load for so long (default 180)
"""

import contextlib
import functools
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from bench.harness.database import Database
from bench.harness.ending import end_in_order
from bench.harness.process import BenchError, Server
from bench.shop import stack
from bench.shop.page import Desk, commands

PAGE = stack.ROOT / "docs" / "tuning.md"
LEARNING = stack.ROOT / "docs" / "learning.md"
SHARE_MIN = 0.9
LONG_S = 120
"""So long it takes to tell lists that change with time from what differs by who asks, at the load below."""
LOAD = {"users": 60, "addresses": 20, "ramp": 30, "seconds": 280, "products": 2000, "terms": 40, "think-min-ms": 50,
        "think-max-ms": 250, "writer-pause-ms": 4000}
SHOP_PATHS = ("/api/products/{id}", "/api/products/{id}/inventory", "/api/categories")
DJANGO_PAGES = ("/catalogue/shoes", "/catalogue/review", "/account/sign-in")

Check = tuple[str, bool]


def sample_shop(programs: stack.Programs, database_url: str, directory: Path, watched_s: int) -> list[Check]:
    """The way before the sample shop, under its load."""
    with stack.running("direct", programs, database_url, directory) as servers:
        desk = Desk(programs.larder, urlsplit(servers.api_url).netloc, directory / "desk")

        @contextlib.contextmanager
        def clients() -> Iterator[None]:
            command = [str(programs.load), "--target", f"http://{desk.data}", "--output", str(directory / "load.json")]
            command += [part for name, value in LOAD.items() for part in (f"--{name}", str(value))]
            with Server("clients", command, directory):
                yield

        def is_enough(learned: dict) -> bool:
            return has_seen(learned, watched_s, 1000)

        with contextlib.closing(desk):
            said = walk(desk, clients, is_enough, "/api/products/1")
            for command in commands(LEARNING):
                # The other one has just been run, for as long as is watched here.
                if "--for" not in command:
                    desk.run(command)
            compared = Compared(desk)
    print(f"learned in {watched_s} s: {compared}")
    ratio = compared.ratios["learned"] / compared.ratios["by hand"]
    overall = [(f"what was learned alone comes to nine tenths of the hit ratio of rules by hand: {ratio:.1%}", ratio >= SHARE_MIN)]
    missing = [path for path in SHOP_PATHS if path not in compared.paths]
    return [*said["checks"], (f"what is public is proposed, but {missing} in {compared.paths}", not missing),
            (f"nothing that tells how things are now is proposed: {compared.paths}", not {"/health", "/metrics"} & set(compared.paths)),
            (f"tuned, the routes come to nine tenths of the hits of rules by hand: {compared}", compared.shares["tuned"] >= SHARE_MIN),
            *(overall if watched_s >= LONG_S else [])]


class Compared:
    """What was learned and tuned beside the rules by hand, by replaying the same log: the hit ratio over all, and the share of the hits of
    rules by hand on the routes that both have. The log tells nothing of the purges that rules by hand count on, which flatters them."""

    def __init__(self, desk: Desk):
        # The log goes on; all are to be tried on the same requests.
        shutil.copy(desk.folder / "access.log", desk.folder / "recorded.log")
        rules = {"learned": desk.folder / "learned.toml", "tuned": desk.folder / "tuned.toml", "by hand": stack.SHOP / "larder" / "rules.toml"}
        self.ratios, hits = {}, {}
        for name, file in rules.items():
            report = json.loads(desk.run(f"larder replay --log recorded.log --json --rules {file}"))
            by_route = {route["route"]: route["proposed"] for route in report["routes"] if route["proposed"]}
            routes = [route for route in tomllib.loads(file.read_text()).get("route", []) if "ttl" in route]
            # Fresh ones, and those that were served stale.
            hits[name] = {route["path"]: sum(by_route[route["name"]][kind] for kind in ("hits", "stale"))
                          for route in routes if route["name"] in by_route}
            self.ratios[name] = report["all"]["proposed"]["hit_ratio"]
        self.paths = sorted(hits["learned"])
        both = hits["learned"].keys() & hits["by hand"].keys()
        self.shares = {name: sum(found.get(path, 0) for path in both) / max(sum(hits["by hand"][path] for path in both), 1)
                       for name, found in hits.items()}

    def __str__(self) -> str:
        return "; ".join(f"{name}: hit ratio {ratio:.1%}, {self.shares[name]:.1%} of the hits of rules by hand on the routes of both"
                         for name, ratio in self.ratios.items())


def has_seen(learned: dict, seconds: int, answers: int) -> bool:
    """Whether a session has watched for so long, and so much."""
    return (learned.get("watched_secs") or 0) >= seconds and (learned.get("answers") or 0) >= answers


class FromAddress(urllib.request.HTTPHandler):
    """Connections from an address of loopback."""

    def __init__(self, address: str):
        super().__init__()
        self.connection = functools.partial(http.client.HTTPConnection, source_address=(address, 0))

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Asks."""
        return self.do_open(self.connection, request)


class Visitor:
    """Someone with a browser: cookies, and an address of their own, `127.0.1.place`."""

    def __init__(self, base: str, place: int):
        self.base = base
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), FromAddress(f"127.0.1.{place}"),
                                                  urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """The text of a page."""
        with self.opener.open(self.base + path, timeout=30) as answer:
            return answer.read().decode()

    def cache_status(self, path: str) -> str:
        """What is said of where a page comes from."""
        with self.opener.open(self.base + path, timeout=30) as answer:
            return answer.headers.get("Cache-Status", "")

    def form_token(self, path: str) -> str:
        """The token of a page's form."""
        return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))[1]

    def sign_in(self, name: str) -> None:
        """Signs in."""
        form = {"csrfmiddlewaretoken": self.form_token("/account/sign-in"), "text": name}
        with self.opener.open(self.base + "/account/sign-in", urlencode(form).encode(), timeout=30) as answer:
            answer.read()


def django_shop(programs: stack.Programs, directory: Path) -> list[Check]:
    """The way before a shop on Django, one of whose visitors has signed in."""
    subprocess.run([stack.ROOT / "scripts" / "install-django.sh"], check=True)
    python = stack.target(stack.ROOT) / "tools" / "django" / "bin" / "python"
    shop = stack.ROOT / "tests" / "real_upstream" / "django_shop.py"
    with Server("django", [str(python), "-u", str(shop)], directory) as server:
        desk = Desk(programs.larder, server.announced(r"^(127\.0\.0\.1:\d+)$")[0], directory / "desk")

        @contextlib.contextmanager
        def clients() -> Iterator[None]:
            stop, failures = threading.Event(), []
            visiting = threading.Thread(target=visit, args=(f"http://{desk.data}", stop, failures))
            visiting.start()
            try:
                yield
            finally:
                stop.set()
                visiting.join()
            if failures:
                raise BenchError(f"a visitor failed: {failures[0]!r}")

        def is_enough(learned: dict) -> bool:
            return has_seen(learned, 3, 300)

        with contextlib.closing(desk):
            said = walk(desk, clients, is_enough, "/catalogue/shoes")
            shared = shared_pages(f"http://{desk.data}")
    paths = re.findall(r'^path = "(.*)"$', said["cat learned.toml"], re.MULTILINE)
    return [*said["checks"], (f"pages that differ by visitor are not proposed: {paths}", paths == ["/catalogue/shoes"]), *shared]


def visit(base: str, stop: threading.Event, failures: list[Exception]) -> None:
    """Visitors who look round until they are stopped: three have signed in, as many have the cookie of a form, most have none."""
    try:
        visitors = [Visitor(base, place) for place in range(1, 7)]
        for visitor, name in zip(visitors, ("ada", "ben", "cleo")):
            visitor.sign_in(name)
        while not stop.is_set():
            for visitor in visitors:
                for page in DJANGO_PAGES:
                    visitor.get(page)
            for place in range(7, 15):
                Visitor(base, place).get(DJANGO_PAGES[0])
    except Exception as failure:  # noqa: BLE001 (it is raised again where it is awaited)
        failures.append(failure)


def shared_pages(base: str) -> list[Check]:
    """By the rules in force: whether the catalogue is shared, and nothing of one visitor is."""
    alice, bob, carol, dave = (Visitor(base, place) for place in range(21, 25))
    alice.sign_in("alice")
    pages = [(alice.get("/catalogue/shoes"), bob.get("/catalogue/shoes")) for _ in range(3)]
    tokens = {visitor.form_token("/catalogue/review") for visitor in (bob, carol, dave)}
    return [
        (f"who has signed in has pages of their own, and nobody else gets them: {pages}",
         all(pair == ("Shoes for alice", "Shoes for everyone") for pair in pages)),
        (f"each visitor's form has a token of its own: {tokens}", len(tokens) == 3),
        ("others get the page from the cache", "; hit" in Visitor(base, 25).cache_status("/catalogue/shoes")),
    ]


def walk(desk: Desk, clients: Callable[[], contextlib.AbstractContextManager], is_enough: Callable[[dict], bool], url: str) -> dict:
    """Runs the page's commands in their order; what they printed, and checks. `url` is put in place of the page's own."""
    said: dict = {"checks": []}
    with contextlib.ExitStack() as stack_of_clients:
        for command in commands(PAGE):
            asked = command.replace("/api/products/1", url)
            if command.startswith("larder serve"):
                desk.serve(asked)
                stack_of_clients.enter_context(clients())
                desk.until(lambda: desk.ask("/stats")["overall"]["requests"] >= 200, "some requests")
            elif command.startswith("larder learn"):
                said[command] = desk.learn(asked, is_enough)
            elif command.startswith("cp "):
                digest = desk.ask("/rules")["digest"]
                said[command] = desk.run(asked)
                desk.until(lambda before=digest: desk.ask("/rules")["digest"] != before, "rules that were copied to be in force")
            else:
                said[command] = desk.run(asked)
            said["checks"] += checks_after(desk, command, said[command] if command in said else "", url)
    return said


def checks_after(desk: Desk, command: str, said: str, url: str) -> list[Check]:
    """What has to hold after a command besides that it succeeds."""
    if command.startswith("larder top"):
        routes = json.loads(said)["top"]["routes"]
        return [(f"top tells what routes cost: {routes}", any(route["upstream_ms"] > 0 for route in routes))]
    if command == "larder replay --log access.log --rules learned.toml":
        return [(f"what is proposed is shown beside what is in force: {said}", "present" in said and "proposed" in said)]
    if command == "curl -fsS http://127.0.0.1:9180/rules/shadow":
        desk.until(lambda: desk.ask("/rules/shadow")["all"]["proposed"]["hits"] > 0, "hits by the proposed rules")
        report = desk.ask("/rules/shadow")["all"]
        return [(f"by the proposed rules more would be hits: {report}", report["proposed"]["hits"] > report["present"]["hits"])]
    if command.startswith("larder explain"):
        return [(f"the route that was learned decides: {said}", re.search(r"^ +route +\S", said, re.MULTILINE) is not None)]
    if command.startswith("curl -fsSG"):
        route = json.loads(said)["route"]
        desk.until(lambda: (desk.ask("/stats")["routes"].get(route, {}).get("hit_ratio") or 0) > 0, "hits")
        shown = desk.snapshot()
        return [(f"the dashboard is a page: {url}", "<html" in desk.ask("/")),
                (f"it shows the route {route}", route in shown["stats"]["routes"] and route in shown["rules"]["routes"])]
    if command.startswith("larder purge --url"):
        return [(f"the receipt is complete: {said}", "purged 1 scope" in said or "purged 2 scopes" in said)]
    return []


def main() -> int:
    """Both ways by themselves."""
    watched_s = int(sys.argv[1]) if len(sys.argv) > 1 else 180
    programs = stack.build("debug")
    end_in_order()
    try:
        with tempfile.TemporaryDirectory(prefix="larder-newcomer-") as name:
            directory = Path(name)
            with Database(directory) as database:
                stack.prepare(programs, database.url, LOAD["products"])
                found = sample_shop(programs, database.url, directory / "shop", watched_s)
            found += django_shop(programs, directory / "django")
    finally:
        Server.stop_all()
    for what, holds in found:
        print(("ok: " if holds else "failed: ") + what)
    return 0 if all(holds for _, holds in found) else 1


if __name__ == "__main__":
    sys.exit(main())
