"""Apache Traffic Server with a memory cache as large as its storage."""

import shutil
import urllib.request
from pathlib import Path

from bench.harness.process import Server, free_port

from .base import PLAIN, SYSTEM_CORE, How, Running, System, installed_version, started
from .nginx import allocated_bytes

# exec_thread, task and accept threads, threads_per_disk    one core, so one of each
# ram_cache.size, ram_cache_cutoff                          all that is stored, objects up to 4 MiB
# min_average_object_size                                   room in the directory for objects of 1 KiB
# read_while_writer, open_read_retry, open_write_fail       one fetch for one key, as under "Reducing Origin Server Requests"
# wait_for_cache                                            who gets an answer has a cache
# connection_attempts and the rest                          no logs, no name service, no crash logs, connections kept
RECORDS = """\
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.cache.threads_per_disk INT 1
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.http.wait_for_cache INT 1
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.crash_log_helper STRING NULL
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.cache.ram_cache.size INT {cache_bytes}
CONFIG proxy.config.cache.ram_cache_cutoff INT 4194304
CONFIG proxy.config.cache.min_average_object_size INT 1000
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.000000
CONFIG proxy.config.cache.max_doc_size INT 0
CONFIG proxy.config.http.cache.max_open_read_retries INT 100
CONFIG proxy.config.http.cache.open_read_retry_time INT 10
CONFIG proxy.config.http.cache.max_open_write_retries INT 1
CONFIG proxy.config.http.cache.open_write_fail_action INT 5
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 300
CONFIG proxy.config.http.keep_alive_no_activity_timeout_out INT 60
CONFIG proxy.config.http.transaction_no_activity_timeout_in INT 60
CONFIG proxy.config.http.server_session_sharing.pool STRING thread
CONFIG proxy.config.http.insert_response_via_str INT 0
CONFIG proxy.config.net.connections_throttle INT 30000
CONFIG proxy.config.net.listen_backlog INT 4096
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.url_remap.pristine_host_hdr INT 0
CONFIG proxy.config.diags.output.status STRING E
"""

PLACES = {
    "bindir": "/usr/bin", "sbindir": "/usr/sbin", "sysconfdir": "etc", "datadir": "cache", "includedir": "/usr/include",
    "libdir": "/usr/lib", "libexecdir": "modules", "localstatedir": "var", "runtimedir": "run", "logdir": "log",
    "cachedir": "cache",
}


class TrafficServer(System):
    """`traffic_server` by itself, with a run root of its own."""

    name = "trafficserver"
    title = "Traffic Server"

    def version(self) -> str:
        return installed_version(["traffic_server", "-V"], r"traffic_server - (\d\S*)")

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        how.must_be_plain(self)
        port = free_port()
        places = {name: str(directory / place) for name, place in PLACES.items()}
        for name, place in places.items():
            if not PLACES[name].startswith("/"):
                Path(place).mkdir(parents=True, exist_ok=True)
        etc = Path(places["sysconfdir"])
        shutil.copytree("/etc/trafficserver", etc, dirs_exist_ok=True)
        (etc / "records.config").write_text(RECORDS.format(port=port, cache_bytes=cache_bytes))
        # At least 128 MB, or there is no volume.
        (etc / "storage.config").write_text(f"{places['cachedir']} {max(cache_bytes, 192 * 1024 ** 2)}\n")
        (etc / "remap.config").write_text(f"map / http://{origin_address}/\n")
        (etc / "cache.config").write_text("url_regex=.*/pass/.* action=never-cache\n")
        (etc / "plugin.config").write_text("")
        runroot = directory / "runroot.yaml"
        runroot.write_text("".join(f"{name}: {place}\n" for name, place in
                                   {"prefix": str(directory), "exec_prefix": str(directory), **places}.items()))
        server = Server(self.name, ["/usr/bin/traffic_server", f"--run-root={runroot}"], directory, cores=SYSTEM_CORE,
                        environment={"TS_RUNROOT": str(runroot)})
        return started(RunningTrafficServer(self, f"127.0.0.1:{port}", server, Path(places["cachedir"])))


class RunningTrafficServer(Running):
    """Purges by the PURGE method; knows no tags. Its storage is a file, in memory where there is a memory file system, so
    that counts as memory that it holds."""

    def __init__(self, system: System, address: str, server: Server, storage: Path):
        super().__init__(system, address, [server])
        self.storage = storage

    def resident_bytes(self) -> int:
        return super().resident_bytes() + allocated_bytes(self.storage)

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.storage, ignore_errors=True)

    def purge_url(self, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(self.url(path), method="PURGE"), timeout=30).close()
