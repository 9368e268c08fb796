#!/usr/bin/env python3
"""Shoppers and staff at a Vendure over PostgreSQL, through Larder: how much comes from the cache, and whether all of it is right.

    python3 -B bench/graphql_shop/run.py [--users 8] [--sessions 8] [--document docs/graphql.md]

PostgreSQL, Vendure and Larder are its own, on free ports of loopback, and end with it, also when it fails. Exits with 1 where
an answer was wrong, or fewer operations than `--least` percent were hits once the cache was warm.
"""

import argparse
import contextlib
import datetime
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.graphql_shop import report  # noqa: E402
from bench.graphql_shop.session import Shopper  # noqa: E402
from bench.graphql_shop.staff import Staff  # noqa: E402
from bench.graphql_shop.truth import Truth  # noqa: E402
from bench.harness.database import Database  # noqa: E402
from bench.harness.document import replace_block  # noqa: E402
from bench.harness.ending import end_in_order  # noqa: E402
from bench.harness.process import BenchError, Server, free_port  # noqa: E402

HERE = ROOT / "bench" / "graphql_shop"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
POPULATE_SECONDS_MAX = 600
UNSETTLED = 'SELECT (SELECT count(*) FROM job_record WHERE NOT "isSettled") + (SELECT count(*) FROM job_record_buffer)'
APP_ONE_IN = 4
"""One shopper of so many is an app with a token."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=8, help="who shop at the same time (8)")
    parser.add_argument("--warm", type=int, default=5, help="sessions of each that warm the cache (5)")
    parser.add_argument("--sessions", type=int, default=8, help="of each after those (8)")
    parser.add_argument("--least", type=float, default=65, help="percent of operations that must be hits (65)")
    parser.add_argument("--binary", type=Path, default=TARGET / "release" / "larder")
    parser.add_argument("--document", type=Path, help="whose table of results is replaced")
    return parser.parse_args()


@contextlib.contextmanager
def running(binary: Path, home: Path):
    """Starts all servers; yields the addresses of Larder and of Vendure, and the URL of Larder's admin API."""
    with contextlib.ExitStack() as ending:
        print("making the shop", flush=True)
        database = ending.enter_context(Database(home, settings={"wal_level": "logical"}))
        port = free_port()
        environment = {"SHOP_DATABASE": database.url, "SHOP_PORT": str(port), "SHOP_HOME": str(home),
                       "NODE_PATH": str(TARGET / "tools" / "vendure" / "node_modules"), "NODE_ENV": "production",
                       "VENDURE_DISABLE_TELEMETRY": "true"}
        populate(environment, home)
        vendure = ending.enter_context(Server("vendure", ["node", str(HERE / "vendure" / "server.js")], home, environment=environment))
        vendure.announced()
        vendure.until(lambda: sql(database.url, UNSETTLED) == "0", "its search index to be made")
        settings = {"LARDER_EVENTS_POSTGRES_CHANGES_URL": database.url}
        config = ["--config", str(HERE / "larder" / "proxy.toml")]
        prepare_changes(binary, config, settings, database.url)
        larder = ending.enter_context(Server("larder", [
            str(binary), "serve", *config, "--upstream", f"http://127.0.0.1:{port}",
            "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], home, environment=settings))
        larder.announced(r"^listening on (\S+) \(admin\)")
        target, admin = larder.announced()
        yield target.removeprefix("http://"), f"127.0.0.1:{port}", admin


def populate(environment: dict[str, str], home: Path) -> None:
    """Makes Vendure's tables and its sample data."""
    done = subprocess.run(["node", str(HERE / "vendure" / "populate.js")], capture_output=True, text=True,
                          timeout=POPULATE_SECONDS_MAX, cwd=home, env={**os.environ, **environment, "SHOP_POPULATE": "yes"})
    if done.returncode:
        raise BenchError(f"the shop's data could not be made\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def prepare_changes(binary: Path, config: list[str], settings: dict[str, str], url: str) -> None:
    """Gives the database what Larder needs to hear of changed rows."""
    plan = subprocess.run([binary, "changes", "plan", *config], capture_output=True, text=True, env={**os.environ, **settings})
    if plan.returncode:
        raise BenchError(f"changes can't be read\n{plan.stderr}")
    sql(url, plan.stdout)


def sql(url: str, statements: str) -> str:
    """Has the database execute statements; what they came to."""
    done = subprocess.run(["psql", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", url], input=statements,
                          capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"the database refuses it\n{done.stderr}")
    return done.stdout.strip()


def shop(asked: argparse.Namespace, larder: str, vendure: str) -> tuple[Truth, int]:
    """All sessions; what came of them, and how many changes the staff made meanwhile."""
    truth = Truth()
    staff = Staff(larder, vendure, truth)
    staff.log_in()
    products = staff.products()
    shoppers = [Shopper(larder, number, number % APP_ONE_IN == 0, truth, products) for number in range(asked.users)]
    with ThreadPoolExecutor(asked.users + 1) as pool:
        def all_of(work) -> None:
            for done in [pool.submit(work, shopper) for shopper in shoppers]:
                done.result()

        all_of(Shopper.register)
        print("warming the cache", flush=True)
        for _ in range(asked.warm):
            all_of(Shopper.shop)
        truth.forget()
        print(f"{asked.users} users, {asked.sessions} sessions each", flush=True)
        working = pool.submit(staff.work, products)
        try:
            for _ in range(asked.sessions):
                all_of(Shopper.shop)
        finally:
            staff.over.set()
        working.result()
    return truth, staff.changes


def main() -> int:
    """Runs it."""
    asked = arguments()
    end_in_order()
    try:
        with tempfile.TemporaryDirectory(prefix="larder-graphql-shop-") as name:
            with running(asked.binary, Path(name)) as (larder, vendure, admin):
                truth, changes = shop(asked, larder, vendure)
        now = datetime.datetime.now(datetime.timezone.utc)
        result = report.Result(truth, changes, asked.users, asked.warm, asked.sessions, asked.binary, now)
        print(result.table())
        print(result.reasons())
        if asked.document:
            replace_block(asked.document, "graphql-shop", result.table())
        return 0 if result.is_right(asked.least) else 1
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended before its time", file=sys.stderr)
        return 130
    finally:
        Server.stop_all()


if __name__ == "__main__":
    sys.exit(main())
