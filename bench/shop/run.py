#!/usr/bin/env python3
"""The shop under load: directly, through Larder with memory alone, with a Redis, and warmed from the log of another run.

    python3 bench/shop/run.py [--users 1000 1500] [--seconds 90] [--runs direct memory redis] [--out DIRECTORY]
    python3 bench/shop/run.py --smoke

One database is made once; the API, Larder and Redis are new in each run, so that their counters begin at zero. Everything
listens on free ports of loopback and ends with the script, also when that fails.
"""

import argparse
import collections
import datetime
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.harness.database import Database  # noqa: E402
from bench.harness.ending import end_in_order  # noqa: E402
from bench.harness.machine import machine  # noqa: E402
from bench.harness.process import BenchError, Server, free_port  # noqa: E402
from bench.shop import report, smoke, stack  # noqa: E402
from bench.shop.figures import of_api, of_larder  # noqa: E402
from bench.shop.sampling import Sampling, peak_bytes  # noqa: E402

# Beyond ramp and stay: users finish what they have begun.
END_DEADLINE_S = 120
FILES_MAX = 65_536
# What fits into the cache of the runs, and how long it may take to fetch it.
WARMED_MAX = 20_000
WARM_DEADLINE_S = 600


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[1000, 1500], help="levels of load (1000 1500)")
    parser.add_argument("--seconds", type=int, default=90, help="how long the measured time is, 1 to 300 (90)")
    parser.add_argument("--settle", type=int, default=0, help="how long all users are there before the measured time (0)")
    parser.add_argument("--product-exponent", type=float, default=1.1, help="how unequal products are, by Zipf's law (1.1)")
    parser.add_argument("--ramp", type=int, default=10, help="users who come each second (10)")
    parser.add_argument("--runs", nargs="+", choices=stack.KINDS, default=list(stack.KINDS))
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--out", type=Path, help="where results go (bench/runs/DATE-shop)")
    parser.add_argument("--no-document", action="store_true", help="leave docs/performance.md as it is")
    parser.add_argument("--smoke", action="store_true", help="some seconds of light load, and a check of what came")
    asked = parser.parse_args()
    if not 1 <= asked.seconds <= 300:
        parser.error("--seconds is from 1 to 300")
    if min(asked.users) < 3:
        parser.error("--users is at least 3: one shops, one writes, one watches")
    return asked


def one_run(kind: str, programs: stack.Programs, database: Database, load: dict[str, float], directory: Path) -> dict:
    """Runs the load once; everything that was measured."""
    output = directory / "load.json"
    # The host is part of the cache's key: the log of the run before must name that of this one.
    port = free_port() if kind in stack.WARMED else 0
    log = yesterday(port, programs, database, load, directory / "yesterday") if port else None
    with stack.running(kind, programs, database.url, directory, port) as servers:
        warmed = warm(programs, servers, log) if log else None
        command = [str(programs.load), "--target", servers.target, "--output", str(output)]
        command += [part for name, value in load.items() for part in (f"--{name}", str(value))]
        if log:
            command += ["--known", str(known(log, directory / "known.txt"))]
        if kind == "refreshed":
            command += ["--refreshed"]
        if servers.admin:
            command += ["--admin", servers.admin]
        with Sampling([*servers.servers(), database], servers.api_url) as sampling:
            with Server("load", command, directory) as client:
                sampling.watch(client)
                await_end(client, load["users"] / load["ramp"] + load.get("settle", 0) + load["seconds"] + END_DEADLINE_S)
        measured = {"kind": kind, "load": json.loads(output.read_text()), "servers": sampling.figures(),
                    "other_cores": sampling.other_cores(), "api": of_api(servers.api_url), "connections_opened": sampling.opened()}
        if servers.larder:
            measured["larder"] = of_larder(servers.admin, sampling.opened())
            measured["larder"]["peak_mib"] = peak_bytes(servers.larder.process.pid) / 2 ** 20
            measured["larder"]["warmed"] = warmed
            measured["larder"]["complaints"] = servers.larder.err.read_text(errors="replace").splitlines()[:20]
        return measured


def yesterday(port: int, programs: stack.Programs, database: Database, load: dict[str, float], directory: Path) -> Path:
    """Runs the load once to have its log: the same users and wishes, other choices."""
    print("    yesterday:", flush=True)
    with stack.running("memory", programs, database.url, directory, port, log=True) as servers:
        command = [str(programs.load), "--target", servers.target, "--output", str(directory / "load.json"), "--admin", servers.admin]
        command += [part for name, value in load.items() for part in (f"--{name}", str(value))]
        with Server("load", command, directory) as client:
            await_end(client, load["users"] / load["ramp"] + load.get("settle", 0) + load["seconds"] + END_DEADLINE_S)
    return directory / "larder.out"


def known(log: Path, out: Path) -> Path:
    """Writes down what of a log is warmed, as the load asks for it: the paths that it names most."""
    paths: collections.Counter[str] = collections.Counter()
    with log.open(errors="replace") as lines:
        for line in lines:
            if line.startswith("{") and (said := json.loads(line)).get("method") == "GET" and "target" in said:
                paths[said["target"]] += 1
    out.write_text("".join(f"{path}\n" for path, _ in paths.most_common(WARMED_MAX)))
    return out


def warm(programs: stack.Programs, servers: stack.Stack, log: Path) -> dict:
    """Has Larder fetch what the log names most, before the first user comes; what came of it."""
    command = [str(programs.larder), "warm", str(log), "--top", str(WARMED_MAX), "--concurrent", "4", "--json",
               "--admin-url", servers.admin]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WARM_DEADLINE_S)
    if not done.stdout:
        raise BenchError(f"nothing was warmed\n{done.stderr}")
    results = json.loads(done.stdout)["results"]
    print(f"    warmed: {results}", flush=True)
    return results


def await_end(client: Server, deadline_s: float) -> None:
    """Waits until the load has ended by itself."""
    try:
        status = client.process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        raise BenchError(f"the load has not ended after {deadline_s:.0f} s\n{client.tail()}") from None
    if status:
        raise BenchError(f"the load ended with {status}\n{client.tail()}")
    print(f"    {client.out.read_text().strip()}", flush=True)


def measure(asked: argparse.Namespace) -> None:
    """All levels and kinds, and the report."""
    programs = stack.build("release")
    now = datetime.datetime.now(datetime.timezone.utc)
    out = asked.out or stack.ROOT / "bench" / "runs" / f"{now:%Y-%m-%d}-shop"
    runs = []
    with tempfile.TemporaryDirectory(prefix="larder-shop-") as name:
        directory = Path(name)
        with Database(directory) as database:
            print(f"making {asked.products} products", flush=True)
            stack.prepare(programs, database.url, asked.products)
            for users in asked.users:
                for kind in asked.runs:
                    print(f"{users} users, {kind}", flush=True)
                    load = {"users": users, "ramp": asked.ramp, "settle": asked.settle, "seconds": asked.seconds,
                            "products": asked.products, "product-exponent": asked.product_exponent}
                    runs.append(one_run(kind, programs, database, load, directory / f"{users}-{kind}"))
    whole = {"at": f"{now:%Y-%m-%d %H:%M} UTC", "machine": machine(), "versions": report.versions(programs), "runs": runs}
    report.write(whole, out, None if asked.no_document else stack.ROOT / "docs" / "performance.md")
    print(f"results are in {out}")


def allow_connections() -> None:
    """Lets each server and the load have as many open files as they may: a user is a connection at either end."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, FILES_MAX) if most != resource.RLIM_INFINITY else FILES_MAX, most))


def main() -> int:
    """Runs what was asked for."""
    allow_connections()
    asked = arguments()
    end_in_order()
    try:
        if asked.smoke:
            return smoke.run(one_run)
        measure(asked)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended before its time", file=sys.stderr)
        return 130
    finally:
        Server.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
