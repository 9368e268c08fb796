"""An origin of the soak, over TLS, in a process of its own: `origin.py PORT VERSIONS CERTIFICATE KEY`.

`/o/N` is an object, which may be stored; `/live/N` the same, which may not; a POST is answered with the checksum of its body;
an upgrade becomes an echo.
"""

import asyncio
import hashlib
import re
import ssl
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.soak.objects import Versions, body  # noqa: E402 (the path comes first)


class Origin:
    """Answers by what the versions are at the moment."""

    def __init__(self, versions: Versions):
        self.versions = versions

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests one after another."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if re.search(rb"^upgrade:", head, re.I | re.M):
                    await echo(reader, writer)
                    return
                length = re.search(rb"^content-length: *(\d+)", head, re.I | re.M)
                sent = await reader.readexactly(int(length[1])) if length else b""
                writer.write(self.answer(head, sent))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def answer(self, head: bytes, sent: bytes) -> bytes:
        """The whole answer to a request."""
        method, target = head.split(b" ", 2)[:2]
        if method == b"POST":
            return answered(200, hashlib.sha256(sent).hexdigest().encode())
        found = re.match(rb"/(o|live)/(\d+)", target)
        if not found:
            return answered(200, b"well\n")
        number = int(found[2])
        version = self.versions.of(number)
        tag = f'"{number}-{version}"'
        lifetime = "max-age=3600" if found[1] == b"o" else "no-store"
        fields = f"ETag: {tag}\r\nCache-Control: {lifetime}\r\n"
        if f"if-none-match: {tag}".encode() in head.lower():
            return answered(304, b"", fields)
        return answered(200, body(number, version), fields)


def answered(status: int, content: bytes, fields: str = "") -> bytes:
    """Head and body."""
    length = f"Content-Length: {len(content)}\r\n" if status != 304 else ""
    return f"HTTP/1.1 {status} x\r\n{length}{fields}\r\n".encode() + content


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Another protocol, in which everything comes back."""
    writer.write(b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def serve(port: int, versions: str, certificate: str, key: str) -> None:
    """Until it is killed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    origin = Origin(Versions(Path(versions)))
    server = await asyncio.start_server(origin.connection, "127.0.0.1", port, ssl=context, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:5]))
