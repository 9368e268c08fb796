"""An end that is asked for is an end in order: servers are stopped and their files removed on the way out.

The first signal raises KeyboardInterrupt, later ones do nothing: an impatient second one shall not leave half undone. While
something must not be torn apart, such as a server that is started but not yet noted down, the first signal waits.
"""

import contextlib
import signal
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    held_back = 0
    asked = False
    ending = False


def end_in_order() -> None:
    """From now on every signal that asks for an end raises KeyboardInterrupt, once. Called in the main thread."""
    _State.held_back, _State.asked, _State.ending = 0, False, False
    for number in SIGNALS:
        signal.signal(number, _on_signal)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """An end that is asked for in this block comes right after it."""
    _State.held_back += 1
    try:
        yield
    finally:
        _State.held_back -= 1
        if _State.asked and not _State.held_back:
            _end()


def _on_signal(*_: object) -> None:
    _State.asked = True
    if not _State.held_back:
        _end()


def _end() -> None:
    _State.asked = False
    if not _State.ending:
        _State.ending = True
        raise KeyboardInterrupt
