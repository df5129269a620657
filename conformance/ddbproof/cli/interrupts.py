"""Ctrl-C, SIGTERM and a closed terminal end a run the same way: once, and after it has cleaned up.

The first signal raises KeyboardInterrupt where the run is; what it created is then removed, which a second
signal does not cut short. A third one does.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def gentle_interrupts() -> Iterator[None]:
    """Handle signals as the module says; the handlers that were there come back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def handle(_: int, __: FrameType | None) -> None:
        nonlocal received
        received += 1
        if received == 2:
            sys.stderr.write("\nstill removing what this run created; once more to leave it behind\n")
            return
        raise KeyboardInterrupt

    before = {}
    for number in _SIGNALS:
        # Somebody who ignores a signal (as nohup does with SIGHUP) wants it ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
