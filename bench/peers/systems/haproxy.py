"""HAProxy with its cache in memory."""

from pathlib import Path

from bench.harness.certificate import make_certificate
from bench.harness.process import Server, free_port

from .base import PLAIN, How, Running, System, Unsupported, installed_version, started

# nbthread                   one core, so one thread
# no strict-limits           fewer open files than twice the connections are enough where most answers are hits
# http-reuse always          connections to the origin are shared ("most efficient" in the manual)
# max-object-size            4 MiB, as much as the largest of the others
# process-vary on            else nothing that varies is cached
# no log line                nothing is logged
# del-header of a 304        it may tell the length of what it stands for, but wrk would wait for that
CONFIG = """\
global
  nbthread {workers}
  no strict-limits
  maxconn 12000
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 60s
  timeout http-keep-alive 300s
cache main
  total-max-size {megabytes}
  max-object-size {object_bytes}
  max-age 86400
  process-vary on
frontend front
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{secure_port} ssl crt {both} alpn h2,http/1.1
  default_backend origin
  http-after-response del-header content-length if {{ status 304 }}
backend origin
  http-request cache-use main unless {{ path_beg /pass/ }}
  http-response cache-store main
  server origin {origin} pool-max-conn -1{verified}
"""


class HAProxy(System):
    """`http-request cache-use` and `http-response cache-store`."""

    name = "haproxy"
    title = "HAProxy"

    def version(self) -> str:
        return installed_version(["haproxy", "-v"], r"version (\d[\w.]*)")

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        if how.redis:
            raise Unsupported("HAProxy shares its cache with nobody")
        directory.mkdir(parents=True, exist_ok=True)
        port, secure_port, certificate = free_port(), free_port(), make_certificate(directory)
        megabytes = max(1, min(4095, cache_bytes // 1024 ** 2))  # 4095 is the most that it takes
        config = directory / "haproxy.cfg"
        config.write_text(CONFIG.format(port=port, origin=how.secure_origin or origin_address, workers=how.workers, secure_port=secure_port,
                                        both=certificate.both, verified=f" ssl verify required ca-file {how.ca}" if how.ca else "",
                                        megabytes=megabytes,
                                        object_bytes=min(4 * 1024 ** 2, megabytes * 1024 ** 2 // 2)))
        server = Server(self.name, ["/usr/sbin/haproxy", "-db", "-f", str(config)], directory, cores=how.cores)
        return started(Running(self, f"127.0.0.1:{port}", [server], f"127.0.0.1:{secure_port}"))
