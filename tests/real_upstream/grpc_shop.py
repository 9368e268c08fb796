"""A gRPC service and its client, without generated code: messages are plain bytes.

    grpc_shop.py serve            prints its address and serves
    grpc_shop.py call ADDRESS     calls everything there, and fails where an answer is wrong
"""

import queue
import sys
import threading
from concurrent import futures

import grpc

SERVICE = "larder.test.Shop"
# How long anything may take before it counts as lost.
PATIENCE = 20

cancelled = threading.Semaphore(0)


def echo(request, context):
    seen = dict(context.invocation_metadata())
    context.send_initial_metadata([("x-first", seen.get("x-asked", "nothing"))])
    context.set_trailing_metadata([("x-last", str(len(request))), ("x-bits-bin", b"\x00\xff")])
    return request


def fail(_request, context):
    context.set_trailing_metadata([("x-why", "sold-out")])
    context.abort(grpc.StatusCode.NOT_FOUND, "no such product: grün")


def count(request, _context):
    for number in range(int(request)):
        yield str(number).encode()


def total(requests, _context):
    return str(sum(int(request) for request in requests)).encode()


def chat(requests, _context):
    for request in requests:
        yield b"> " + request


def wait(_request, context):
    ended = threading.Event()

    def end():
        ended.set()
        cancelled.release()

    # Noted by the library, since it does not come back to a generator whose call was cancelled while a message was sent.
    if not context.add_callback(end):
        end()
    yield b"waiting"
    # Longer than anyone waits to hear of it: at the end of this, `end` is called, too.
    ended.wait(2 * PATIENCE)


def was_cancelled(_request, _context):
    return b"yes" if cancelled.acquire(timeout=PATIENCE) else b"no"


def left(_request, context):
    return str(context.time_remaining()).encode()


def serve():
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Wait": grpc.unary_stream_rpc_method_handler(wait),
        "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
        "Left": grpc.unary_unary_rpc_method_handler(left),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def unary(channel):
    call = channel.unary_unary(f"/{SERVICE}/Echo")
    for message in [b"", b"lamp", b"x" * 3_000_000]:
        answer, state = call.with_call(message, metadata=[("x-asked", "lamp")], timeout=PATIENCE)
        assert answer == message
        assert dict(state.initial_metadata())["x-first"] == "lamp", state.initial_metadata()
        trailing = dict(state.trailing_metadata())
        assert (trailing["x-last"], trailing["x-bits-bin"]) == (str(len(message)), b"\x00\xff"), trailing


def failing(channel):
    try:
        channel.unary_unary(f"/{SERVICE}/Fail")(b"", timeout=PATIENCE)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details() == "no such product: grün", error
        assert dict(error.trailing_metadata())["x-why"] == "sold-out", error
    else:
        raise AssertionError("it fails")
    try:
        channel.unary_unary(f"/{SERVICE}/Unknown")(b"", timeout=PATIENCE)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    else:
        raise AssertionError("there is no such method")


def streams(channel):
    numbers = [int(number) for number in channel.unary_stream(f"/{SERVICE}/Count")(b"5000", timeout=PATIENCE)]
    assert numbers == list(range(5000))
    pieces = (str(number).encode() for number in range(800))
    assert channel.stream_unary(f"/{SERVICE}/Total")(pieces, timeout=PATIENCE) == str(sum(range(800))).encode()


def conversation(channel):
    """Each message is sent once the one before has been answered: nothing is held back in either direction."""
    said = queue.Queue()
    answers = channel.stream_stream(f"/{SERVICE}/Chat")(iter(said.get, None), timeout=PATIENCE)
    for number in range(50):
        said.put(str(number).encode())
        assert next(answers) == b"> " + str(number).encode()
    said.put(None)
    assert list(answers) == []


def cancelling(channel):
    answers = channel.unary_stream(f"/{SERVICE}/Wait")(b"", timeout=PATIENCE)
    assert next(answers) == b"waiting"
    answers.cancel()
    assert channel.unary_unary(f"/{SERVICE}/WasCancelled")(b"", timeout=PATIENCE) == b"yes"


def deadline(channel):
    remaining = float(channel.unary_unary(f"/{SERVICE}/Left")(b"", timeout=PATIENCE))
    # The header counts in whole units, rounded up.
    assert 0 < remaining <= PATIENCE + 1, remaining
    answers = channel.unary_stream(f"/{SERVICE}/Wait")(b"", timeout=0.5)
    try:
        list(answers)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    else:
        raise AssertionError("its time is over")
    assert channel.unary_unary(f"/{SERVICE}/WasCancelled")(b"", timeout=PATIENCE) == b"yes"


def call(address):
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        for check in [unary, failing, streams, conversation, cancelling, deadline]:
            check(channel)
            print(f"{check.__name__}: ok", flush=True)
        with futures.ThreadPoolExecutor(max_workers=8) as pool:
            for done in [pool.submit(check, channel) for check in [unary, streams, conversation] * 4]:
                done.result()
        print("all at once: ok", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        call(sys.argv[2])
