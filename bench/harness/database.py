"""A PostgreSQL of a benchmark's own: made with initdb, started on a free port of loopback, ended with the run.

It refuses to run as root, so root starts it as the user that Debian's package has made. `fsync` is off: what a benchmark
writes need not outlive the machine, and writers wait for no disk. That flatters every write of the shop, on each side of a
comparison alike.
"""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from .process import BenchError, Server, free_port

USER = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    # A whole shop fits; a machine of two cores has at least 2 GiB.
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    # Two cores and twenty connections: a query that takes both cores takes them from the others.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}


class Database(Server):
    """A running PostgreSQL that answers, with the database `shop`, empty."""

    def __init__(self, directory: Path, cores: str | None = None, settings: dict[str, str] | None = None):
        """Makes and starts it in `directory`/postgres; `cores` as for `taskset`; with these settings beside its own."""
        home = directory / "postgres"
        _give_away(directory, home)
        data, port = home / "data", free_port()
        _run("initdb", "--username", USER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C",
             "--pgdata", str(data))
        options = [part for name, value in {**SETTINGS, **(settings or {})}.items() for part in ("-c", f"{name}={value}")]
        super().__init__("postgres", [*_as_user(), _program("postgres"), "-D", str(data), "-p", str(port), *options],
                         home, cores)
        try:
            self.until(lambda: _answers(port), "it answers")
            _run("createdb", "--host=127.0.0.1", f"--port={port}", f"--username={USER}", "shop")
        except BaseException:
            self.stop()
            raise
        self.url = f"postgres://{USER}@127.0.0.1:{port}/shop"

    def stop(self, with_signal: int = signal.SIGINT) -> None:
        """Ends it fast: connections are closed, nothing is left running. Its sessions are not its group's, so it must
        end them itself."""
        super().stop(with_signal)


def _program(name: str) -> str:
    """A program of the newest PostgreSQL there is. Debian keeps them out of the PATH."""
    def major(path: Path) -> int:
        return int(path.parts[-3]) if path.parts[-3].isdigit() else 0
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=major)
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        raise BenchError(f"PostgreSQL's {name} is missing\nhint: scripts/install-prerequisites.sh shop")
    return path


def _as_user() -> list[str]:
    """What goes before a command, so that PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(USER)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _give_away(directory: Path, home: Path) -> None:
    """Makes `home`, for the user that PostgreSQL runs as, who must also get there."""
    home.mkdir(parents=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(home, user.pw_uid, user.pw_gid)
        directory.chmod(directory.stat().st_mode | 0o011)


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run([*_as_user(), _program(name), *arguments], capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        raise BenchError(f"{name} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def _answers(port: int) -> bool:
    command = [_program("pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={port}"]
    return subprocess.run(command, cwd="/").returncode == 0
