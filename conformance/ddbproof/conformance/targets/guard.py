"""Run a console entry of another virtual environment, and end when standard input closes.

Run by path with that environment's own Python, so it uses the standard library only:

    python guard.py MODULE:FUNCTION [ARGUMENTS...]

A foreign server knows nothing of us; the guard is what keeps it from outliving us.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading


def _end_with_standard_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> None:
    """See the module."""
    module, _, function = sys.argv[1].partition(":")
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    sys.argv = [module, *sys.argv[2:]]
    # The folder of this file holds modules of ours that the other environment must not import.
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]  # noqa: PTH100, PTH120
    getattr(importlib.import_module(module), function)(sys.argv[1:])


if __name__ == "__main__":
    main()
