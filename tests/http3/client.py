"""A client of HTTP/3, by aioquic: does what a line of JSON on standard input says and answers with a line on standard output.

    client.py ADDRESS PORT CA HOST [WINDOW [CERTIFICATE KEY]]

Each line is a step on one connection, which is opened at the start. With a WINDOW but 0, the client takes so many bytes of a
stream and then no more. Where there is no connection, each step is answered with {"refused": why}.

    {"do": "send", "fields": [[name, value], …], "body": "…" | bytes, "trailers": […], "open": true}
        begins a request, whose stream stays open with "open"; answered with its number
    {"do": "data", "stream": number, "body": …, "end": true}     sends more of a body
    {"do": "raw", "stream": number or "uni", "hex": "…", "end": true}   sends bytes as they are
    {"do": "reset", "stream": number}        takes a request back
    {"do": "head", "stream": number}         waits for the head of the answer
    {"do": "answer", "stream": number}       waits for the end of the answer, or of the connection
    {"do": "goaway"}                         waits to be told of the end
    {"do": "closed"}                         waits for the end of the connection
    {"do": "end"}                            ends the connection
    {"do": "leave"}                          goes without a word
"""

import asyncio
import hashlib
import json
import os
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.buffer import Buffer, BufferReadError
from aioquic.h3.connection import FrameType, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StopSendingReceived, StreamDataReceived, StreamReset

SHORT_BYTES = 4096
# The first stream that a server opens.
CONTROL = 3


def goaways_in(control):
    """What GOAWAY names on a control stream, of which so much has come: aioquic itself passes it over."""
    buffer, found = Buffer(data=control), []
    try:
        buffer.pull_uint_var()
        while True:
            kind, size = buffer.pull_uint_var(), buffer.pull_uint_var()
            payload = buffer.pull_bytes(size)
            if kind == FrameType.GOAWAY:
                found.append(Buffer(data=payload).pull_uint_var())
    except BufferReadError:
        return found


class Connection(H3Connection):
    """Knows that an answer to HEAD may announce a body that it does not have."""

    def __init__(self, quic):
        super().__init__(quic)
        self.heads = set()

    def _check_content_length(self, stream):
        if stream.stream_id not in self.heads:
            super()._check_content_length(stream)


class Answer:
    def __init__(self):
        self.heads, self.trailers = [], None
        self.body, self.ended, self.reset, self.stopped = [], False, None, None


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None
        self.answers, self.closed, self.control = {}, None, b""
        self.happened = asyncio.Condition()
        self.tasks = set()

    def begin(self):
        self.http = Connection(self._quic)

    def quic_event_received(self, event):
        if self.http is None:
            self.begin()
        if isinstance(event, ConnectionTerminated):
            self.closed = event.error_code
        elif isinstance(event, StreamDataReceived) and event.stream_id == CONTROL:
            self.control += event.data
        elif isinstance(event, StreamReset):
            self.answer(event.stream_id).reset = event.error_code
        elif isinstance(event, StopSendingReceived):
            self.answer(event.stream_id).stopped = event.error_code
        for told in self.http.handle_event(event):
            answer = self.answer(told.stream_id)
            if isinstance(told, HeadersReceived):
                fields = [[name.decode(), value.decode("latin-1")] for name, value in told.headers]
                if fields and fields[0][0] == ":status":
                    answer.heads.append(fields)
                else:
                    answer.trailers = fields
                answer.ended |= told.stream_ended
            elif isinstance(told, DataReceived):
                answer.body.append(told.data)
                answer.ended |= told.stream_ended
        task = asyncio.ensure_future(self.tell())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def tell(self):
        async with self.happened:
            self.happened.notify_all()

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    async def until(self, holds):
        async with self.happened:
            await self.happened.wait_for(lambda: self.closed is not None or holds())

    def shown(self, stream):
        answer = self.answer(stream)
        body = b"".join(answer.body)
        head = next((head for head in answer.heads if not head[0][1].startswith("1")), [])
        return {
            "status": int(head[0][1]) if head else None,
            "fields": head[1:],
            "interims": [int(head[0][1]) for head in answer.heads if head[0][1].startswith("1")],
            "body": body.decode("latin-1") if len(body) <= SHORT_BYTES else None,
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "trailers": answer.trailers,
            "ended": answer.ended,
            "reset": answer.reset,
            "stopped": answer.stopped,
            "closed": self.closed,
        }

    async def step(self, step):
        quic, http = self._quic, self.http
        said = {}
        match step["do"]:
            case "send":
                stream = quic.get_next_available_stream_id()
                fields = [(name.encode(), value.encode("latin-1")) for name, value in step["fields"]]
                if [":method", "HEAD"] in step["fields"]:
                    http.heads.add(stream)
                body, trailers = body_of(step), step.get("trailers")
                stays_open = step.get("open", False)
                http.send_headers(stream, fields, end_stream=not (body or trailers or stays_open))
                if body:
                    http.send_data(stream, body, end_stream=not (trailers or stays_open))
                if trailers:
                    fields = [(name.encode(), value.encode()) for name, value in trailers]
                    http.send_headers(stream, fields, end_stream=not stays_open)
                said = {"stream": stream}
            case "data":
                http.send_data(step["stream"], body_of(step), end_stream=step.get("end", False))
            case "raw":
                stream = step.get("stream")
                if stream is None or stream == "uni":
                    stream = quic.get_next_available_stream_id(is_unidirectional=stream == "uni")
                quic.send_stream_data(stream, bytes.fromhex(step["hex"]) * step.get("times", 1), step.get("end", False))
                said = {"stream": stream}
            case "reset":
                quic.reset_stream(step["stream"], 0x10C)
                quic.stop_stream(step["stream"], 0x10C)
            case "head":
                answer = self.answer(step["stream"])
                await self.until(lambda: answer.heads or answer.reset is not None)
                said = self.shown(step["stream"])
            case "answer":
                answer = self.answer(step["stream"])
                await self.until(lambda: answer.ended or answer.reset is not None)
                said = self.shown(step["stream"])
            case "goaway":
                await self.until(lambda: goaways_in(self.control))
                said = {"goaways": goaways_in(self.control), "closed": self.closed}
            case "closed":
                await self.until(lambda: False)
                said = {"goaways": goaways_in(self.control), "closed": self.closed}
            case "end":
                quic.close()
                self.transmit()
                await self.wait_closed()
                said = {"closed": 0}
            case "leave":
                os._exit(0)
        self.transmit()
        return said


def body_of(step):
    body = step.get("body", "")
    return b"x" * body if isinstance(body, int) else body.encode()


async def main():
    address, port, ca, host = sys.argv[1:5]
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name=host, cafile=ca)
    configuration.verify_mode = ssl.CERT_REQUIRED
    window = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    if window:
        configuration.max_stream_data = window
    if len(sys.argv) > 6:
        configuration.load_cert_chain(*sys.argv[6:8])
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    try:
        await converse(address, port, configuration, window, lines)
    except ConnectionError as refused:
        while await lines.readline():
            print(json.dumps({"refused": str(refused)}), flush=True)


async def converse(address, port, configuration, window, lines):
    async with connect(address, int(port), configuration=configuration, create_protocol=Client) as client:
        if client.http is None:
            client.begin()
        if window:
            client._quic._write_stream_limits = lambda *args, **kwargs: None
        while line := await lines.readline():
            print(json.dumps(await client.step(json.loads(line))), flush=True)


asyncio.run(main())
