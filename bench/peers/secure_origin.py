"""The origin over TLS: an nginx on the load's core that does nothing but end TLS in front of it."""

import os
from pathlib import Path

from bench.harness.certificate import make_certificate
from bench.harness.process import Server, free_port

from .systems.base import LOAD_CORE

CONFIG = """\
{user}
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/temp;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  upstream origin {{ server {origin}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


class SecureOrigin:
    """Ends at the end of a `with` block."""

    def __init__(self, origin_address: str, directory: Path):
        """In front of the origin at HOST:PORT."""
        made, port = make_certificate(directory), free_port()
        config = directory / "nginx.conf"
        config.write_text(CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "", directory=directory, origin=origin_address, port=port,
            certificate=made.certificate, key=made.key))
        self.address, self.ca = f"127.0.0.1:{port}", made.certificate
        self.server = Server("secure-origin", ["/usr/sbin/nginx", "-e", str(directory / "error.log"), "-c", str(config)],
                             directory, cores=LOAD_CORE)
        self.server.accepts(port)

    def __enter__(self) -> "SecureOrigin":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
