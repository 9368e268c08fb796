"""Varnish with its cache in memory (`malloc`)."""

import shutil
import urllib.request
from pathlib import Path

from bench.harness.process import BenchError, Server, free_port

from .base import PLAIN, SYSTEM_CORE, How, Running, System, installed_version, started

# Purges by a ban on the tags that an object carries (`xkey`), or by the xkey module, which keeps an index of them.
VCL = """\
vcl 4.1;
import std;
{imports}
backend default {{
  .host = "{host}";
  .port = "{port}";
}}
acl local {{ "127.0.0.1"; }}
sub vcl_recv {{
  if (req.method == "PURGE" || req.method == "BAN") {{
    if (client.ip !~ local) {{ return (synth(405)); }}
    if (req.method == "PURGE") {{ return (purge); }}
    {purge_tag}
    return (synth(200));
  }}
  if (req.url ~ "^/pass/") {{ return (pass); }}
}}
"""
# A ban that Varnish can't read is ignored unless one asks.
BAN = r"""if (!std.ban("obj.http.xkey ~ (^|\s)" + req.http.tag + "(\s|$)")) { return (synth(400, std.ban_error())); }"""
XKEY = """set req.http.count = xkey.purge(req.http.tag);"""

# What it logs of each request, in shared memory, where others log nothing. The rest stays: it tells of trouble.
UNLOGGED = [
    "Begin", "End", "Link", "Hit", "SessOpen", "SessClose", "Timestamp", "ReqAcct", "ReqStart", "ReqMethod", "ReqURL",
    "ReqProtocol", "ReqHeader", "ReqUnset", "RespProtocol", "RespStatus", "RespReason", "RespHeader", "RespUnset",
    "BereqMethod", "BereqURL", "BereqProtocol", "BereqHeader", "BereqUnset", "BerespProtocol", "BerespStatus",
    "BerespReason", "BerespHeader", "BerespUnset", "BereqAcct", "BackendOpen", "BackendClose", "BackendReuse", "BackendStart",
    "Storage", "TTL", "Length", "Fetch_Body", "Filters", "VCL_call", "VCL_return", "VCL_use",
]

# One pool, since there is one core. A request under way holds a thread, and its memory, so there are as many as the
# manual's own upper bound, 5,000; what is beyond waits in the queue instead of being refused.
PARAMETERS = {
    "thread_pools": 1,
    "thread_pool_min": 100,
    "thread_pool_max": 5000,
    "thread_queue_limit": 20000,
    "timeout_idle": 300,
    "listen_depth": 4096,
    "vsl_mask": ",".join(f"-{tag}" for tag in UNLOGGED),
}


class Varnish(System):
    """As it comes it keeps one coding, gzip, and unpacks that for whoever does not accept it."""

    name = "varnish"
    title = "Varnish"

    def __init__(self, by_xkey: bool = False):
        """`by_xkey` loads the module that indexes objects by tag; without it a tag is purged by a ban."""
        self.by_xkey = by_xkey

    def version(self) -> str:
        return installed_version(["varnishd", "-V"], r"varnish-(\S+)")

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        how.must_be_plain(self)
        directory.mkdir(parents=True, exist_ok=True)
        host, _, origin_port = origin_address.rpartition(":")
        vcl = directory / "default.vcl"
        vcl.write_text(VCL.format(host=host, port=origin_port, imports="import xkey;" if self.by_xkey else "",
                                  purge_tag=XKEY if self.by_xkey else BAN))
        port = free_port()
        workdir = directory / "work"
        command = ["/usr/sbin/varnishd", "-F", "-j", "none", "-n", str(workdir), "-f", str(vcl), "-a", f"127.0.0.1:{port}",
                   "-s", f"malloc,{cache_bytes}B"]
        for name, value in PARAMETERS.items():
            command += ["-p", f"{name}={value}"]
        return started(RunningVarnish(self, f"127.0.0.1:{port}", Server(self.name, command, directory, cores=SYSTEM_CORE), workdir))


class RunningVarnish(Running):
    """Purges by requests of its own kind."""

    def __init__(self, system: System, address: str, server: Server, workdir: Path):
        super().__init__(system, address, [server])
        self.workdir = workdir

    def purge_tag(self, tag: str) -> None:
        self._ask("BAN", "/", {"tag": tag})

    def purge_url(self, path: str) -> None:
        self._ask("PURGE", path, {})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> None:
        request = urllib.request.Request(self.url(path), headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            if answer.status != 200:
                raise BenchError(f"{method} {path} {headers} was answered {answer.status}")

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.workdir, ignore_errors=True)
