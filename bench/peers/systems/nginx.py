"""nginx with its proxy cache in a memory file system."""

import os
import shutil
from pathlib import Path

from bench.harness.certificate import make_certificate
from bench.harness.process import Server, free_port

from .base import PLAIN, How, Running, System, Unsupported, installed_version, open_files, started

CONNECTIONS = 12_000

# worker_processes           one core, so one worker
# sendfile, tcp_nopush       a hit goes from the file to the socket within the kernel, head and body in one packet; that is
#                            best in the middle, and by location each size gets what was best for it here: at 1 KiB the body
#                            was read with the head of the file already, at 128 KiB full packets cost twice as much
# open_file_cache            keeps what is cached open, as many as the limit of open files leaves
# keepalive 128              connections to the origin are kept; that needs HTTP/1.1 and no Connection field
# proxy_cache_lock           one fetch for one key
# use_temp_path=off          what was fetched is renamed, not copied
# keys_zone                  8,000 keys a megabyte, by the manual
CONFIG = """\
{user}
worker_processes {workers};
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
worker_rlimit_nofile {open_files};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  client_max_body_size 0;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  open_file_cache max={cached_files} inactive=300s;
  open_file_cache_valid 300s;
  open_file_cache_min_uses 1;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/temp;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  proxy_cache_path {cache} levels=1:2 keys_zone=main:{zone_megabytes}m max_size={cache_bytes} inactive=24h use_temp_path=off;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  {verified}
  upstream origin {{ server {origin}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{secure_port} ssl http2 backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_session_cache shared:tls:10m;
    proxy_cache main;
    proxy_cache_key $request_uri;
    proxy_cache_lock on;
    location / {{ proxy_pass {scheme}://origin; }}
    location /o/1024/ {{ proxy_pass {scheme}://origin; sendfile off; tcp_nopush off; }}
    location /o/131072/ {{ proxy_pass {scheme}://origin; tcp_nopush off; }}
    location /pass/ {{ proxy_pass {scheme}://origin; proxy_cache off; }}
  }}
}}
"""


class Nginx(System):
    """`proxy_cache`, with one worker."""

    name = "nginx"
    title = "nginx"

    def version(self) -> str:
        return installed_version(["nginx", "-v"], r"nginx/(\S+)")

    def start(self, origin_address: str, cache_bytes: int, directory: Path, how: How = PLAIN) -> Running:
        if how.redis:
            raise Unsupported("nginx shares its cache with nobody")
        directory.mkdir(parents=True, exist_ok=True)
        cache = directory / "cache"
        cache.mkdir(exist_ok=True)
        port, secure_port, certificate = free_port(), free_port(), make_certificate(directory)
        verified = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {how.ca}; proxy_ssl_name 127.0.0.1;" if how.ca else ""
        config = directory / "nginx.conf"
        config.write_text(CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "", directory=directory, cache=cache, port=port,
            origin=how.secure_origin or origin_address, scheme="https" if how.secure_origin else "http", workers=how.workers,
            secure_port=secure_port, certificate=certificate.certificate, key=certificate.key, verified=verified,
            cache_bytes=cache_bytes, zone_megabytes=max(16, cache_bytes // 1024 ** 2 // 8), connections=CONNECTIONS,
            open_files=open_files(), cached_files=max(1000, min(20_000, open_files() - CONNECTIONS // 10 * 9))))
        server = Server(self.name, ["/usr/sbin/nginx", "-e", str(directory / "error.log"), "-c", str(config)], directory,
                        cores=how.cores)
        return started(RunningNginx(self, f"127.0.0.1:{port}", server, f"127.0.0.1:{secure_port}", cache))


class RunningNginx(Running):
    """Its cache is files in memory, so those count as memory that it holds."""

    def __init__(self, system: System, address: str, server: Server, secure_address: str, cache: Path):
        super().__init__(system, address, [server], secure_address)
        self.cache = cache

    def resident_bytes(self) -> int:
        return super().resident_bytes() + allocated_bytes(self.cache)

    def purge_tag(self, tag: str) -> None:
        raise Unsupported("nginx has no purge by tag; the free version has no purge at all")

    def purge_url(self, path: str) -> None:
        raise Unsupported("the free version of nginx has no purge")

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.cache, ignore_errors=True)


def allocated_bytes(folder: Path) -> int:
    """Blocks that are taken by all files and folders below."""
    total = 0
    for entry in os.scandir(folder):
        try:
            total += entry.stat(follow_symlinks=False).st_blocks * 512
            if entry.is_dir(follow_symlinks=False):
                total += allocated_bytes(Path(entry.path))
        except FileNotFoundError:
            continue  # It has just been evicted.
    return total
