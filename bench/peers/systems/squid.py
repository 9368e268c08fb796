"""Squid with its cache in memory and none on disk."""

import os
import shutil
import urllib.request
from pathlib import Path

from bench.harness.process import Server, free_port

from .base import PLAIN, SYSTEM_CORE, How, Running, System, installed_version, open_files, started

# workers 1, memory_cache_shared off    one process, so nothing need be shared
# maximum_object_size_in_memory         512 KiB is the default; 4 MiB as with the others
# store_avg_object_size 1 KB, store_objects_per_bucket 5
#                                       the index is made for small objects; made for the 13 KB of the default, a search in it is
#                                       a third of what a fetch costs once 100,000 are held
# collapsed_forwarding on               one fetch for one key
# no cache_dir, no logs, no ICMP, no pools of memory kept for later (its own figure of memory would be too high)
CONFIG = """\
http_port 127.0.0.1:{port} accel defaultsite=127.0.0.1:{port} no-vhost
cache_peer {host} parent {origin_port} 0 no-query no-digest no-netdb-exchange originserver name=origin
workers 1
cache_mem {megabytes} MB
memory_cache_shared off
maximum_object_size_in_memory 4 MB
maximum_object_size 4 MB
store_avg_object_size 1 KB
store_objects_per_bucket 5
collapsed_forwarding on
memory_pools off
client_persistent_connections on
server_persistent_connections on
client_idle_pconn_timeout 300 seconds
max_filedescriptors {open_files}
access_log none
cache_store_log none
cache_log {directory}/cache.log
pid_filename {directory}/squid.pid
coredump_dir {directory}
pinger_enable off
digest_generation off
shutdown_lifetime 0 seconds
visible_hostname bench
{user}
acl uncached urlpath_regex ^/pass/
cache deny uncached
acl purge method PURGE
http_access allow all
"""


class Squid(System):
    """As an accelerator."""

    name = "squid"
    title = "Squid"

    def version(self) -> str:
        return installed_version(["squid", "-v"], r"Version (\S+)")

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        how.must_be_plain(self)
        directory.mkdir(parents=True, exist_ok=True)
        host, _, origin_port = origin_address.rpartition(":")
        port = free_port()
        config = directory / "squid.conf"
        config.write_text(CONFIG.format(
            port=port, host=host, origin_port=origin_port, megabytes=cache_bytes // 1024 ** 2, directory=directory,
            open_files=open_files(), user="cache_effective_user proxy" if os.geteuid() == 0 else ""))
        if os.geteuid() == 0:  # It gives up its rights, and must still write here.
            shutil.chown(directory, "proxy")
        # Its shared memory is named by its service: another instance must not have the same.
        service = f"larderbench{port}"
        server = Server(self.name, ["/usr/sbin/squid", "--foreground", "-N", "-n", service, "-f", str(config)], directory,
                        cores=SYSTEM_CORE)
        return started(RunningSquid(self, f"127.0.0.1:{port}", server, service))


class RunningSquid(Running):
    """Knows no tags."""

    def __init__(self, system: System, address: str, server: Server, service: str):
        super().__init__(system, address, [server])
        self.service = service

    def stop(self) -> None:
        super().stop()
        for left in Path("/dev/shm").glob(f"{self.service}-*"):  # Where it had to be killed.
            left.unlink(missing_ok=True)

    def purge_url(self, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(self.url(path), method="PURGE"), timeout=30).close()
