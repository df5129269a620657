"""Where a result comes from: our version and commit, the versions of what drove the target, the time."""

from __future__ import annotations

import datetime as dt
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

_GIT_TIMEOUT_SECONDS = 5.0


def utc_now() -> dt.datetime:
    """This machine's time; for labels only. Instants that are judged come from the endpoint's clock."""
    return dt.datetime.now(dt.UTC)


@cache
def versions() -> dict[str, str]:
    """Python, boto3, botocore, and the service model that botocore carries."""
    import botocore.session

    model = botocore.session.Session().get_service_model("dynamodb")
    return {
        "python": platform.python_version(),
        "boto3": version("boto3"),
        "botocore": version("botocore"),
        "service_model": f"{model.api_version} ({len(model.operation_names)} operations)",
    }


@cache
def commit() -> str | None:
    """The commit this code was checked out from, with `+` if it was changed since; None outside a checkout.

    Only a repository that has this very file under its care counts: an installation may lie inside somebody
    else's.
    """
    here = Path(__file__).resolve()
    if _git(here, "ls-files", "--error-unmatch", here.name) is None:
        return None
    head = _git(here, "rev-parse", "HEAD")
    if head is None:
        return None
    return head + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")


def _git(file: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(file.parent), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (fixed arguments, no shell)
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
