"""Where a running endpoint leaves its control token, so that other commands of the same user find it."""

from __future__ import annotations

import os
from pathlib import Path


def token_file(port: int) -> Path:
    """The file with the control token of the endpoint on `port` of this machine."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(runtime) if runtime else Path(cache) if cache else Path.home() / ".cache"
    return base / "ddbproof" / f"control-token-{port}"
