"""Run a foreign server, and end it when standard input closes.

Run by path, so it uses the standard library only:

    python guard.py COMMAND [ARGUMENTS...]

A foreign server knows nothing of us; the guard is what keeps it from outliving us. Whoever starts the guard
holds its standard input open: when that process is gone, however it ended, the input closes and the guard ends
the server and whatever that started. The guard leads a session of its own, so killing that group ends both at
once; and should somebody kill the guard alone, the kernel (on Linux) ends the server with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

_GRACE_SECONDS = 4.0
_PR_SET_PDEATHSIG = 1


def _end_with_standard_input(end: Callable[[], None]) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    end()


def _die_with_the_guard() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """See the module; the server's exit code, negative for a signal as 128 plus its number."""
    server = subprocess.Popen(  # noqa: S603 (what the launcher gives, no shell)
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_the_guard,  # noqa: PLW1509 (there is no other thread yet)
    )

    def end(*_: object) -> None:
        server.terminate()
        try:
            server.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()

    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_standard_input, args=(end,), daemon=True).start()
    code = server.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Children of the server are in our group; so are we, and this ends us too, unless we lead none.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGTERM)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os._exit(main())
