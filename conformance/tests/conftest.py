"""A tiny endpoint, and a bench to judge throw-away suites on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from judging import Bench, TinyEndpoint


@pytest.fixture
def endpoint() -> Iterator[TinyEndpoint]:
    tiny = TinyEndpoint()
    yield tiny
    tiny.stop()


@pytest.fixture
def bench(tmp_path: Path, endpoint: TinyEndpoint) -> Bench:
    return Bench(tmp_path, endpoint)
