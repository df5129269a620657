"""Watching over a launched target: it is started again when it dies, and killed when a test asks for that.

A thread looks at the process. What happens is written into `events.jsonl` before it is acted upon, as
`plan.Supervision` says, so that whoever meets a broken connection, in whatever process, can find out why. A
target that dies again and again is given up.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ddbproof.conformance.targets.errors import LaunchError
from ddbproof.conformance.targets.process import Server

MOST_CRASHES = 5
START_SECONDS = 50.0
_POLL_SECONDS = 0.05


class Supervisor:
    """Watches one server from now on, until `end`.

    `launch` starts it again at the same address with the same data; `answers` says whether it is ready.
    """

    def __init__(
        self, server: Server, launch: Callable[[], Server], answers: Callable[[], bool], directory: Path
    ) -> None:
        self._server = server
        self._launch = launch
        self._answers = answers
        self._events = directory / "events.jsonl"
        self._kill_request = directory / "kill"
        self._crashes = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch over {server.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop the server and watch no longer."""
        self._ending.set()
        self._thread.join()
        self._server.stop()

    def _watch(self) -> None:
        while not self._ending.wait(_POLL_SECONDS):
            if self._kill_request.exists():
                self._server.kill()
                self._tell(event="killed")
                self._kill_request.unlink()
            elif not self._server.running():
                self._crashes += 1
                self._tell(event="crashed", exit=self._server.exit_code, tail=self._tail())
            else:
                continue
            if not self._start_again():
                return

    def _start_again(self) -> bool:
        if self._crashes >= MOST_CRASHES:
            self._tell(event="given up", reason=f"it crashed {self._crashes} times")
            return False
        self._server.stop()
        try:
            self._server = self._launch()
            self._server.wait_until(lambda: self._ending.is_set() or self._answers(), START_SECONDS)
        except LaunchError as error:
            self._tell(event="given up", reason=f"it did not start again: {error.message}")
            return False
        self._tell(event="started")
        return True

    def _tell(self, **event: object) -> None:
        with self._events.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**event, "at": time.time()}) + "\n")

    def _tail(self) -> str:
        """Its last words, without where on this machine they were spoken."""
        return (
            self._server.tail().replace(str(Path.home()), "~").replace(str(self._events.parent), "(scratch)")
        )
