"""Unpacking a package that somebody else made: after its hash was checked, and never outside of its place.

A tarball may hold paths that lead elsewhere and links that do. Only plain files and directories below the
destination are taken; anything else, and more than there is room for, is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import tarfile
from pathlib import Path

from ddbproof.conformance.targets.errors import InstallError

MOST_BYTES = 1_000_000_000
MOST_FILES = 20_000
_CHUNK_BYTES = 1 << 20


def check_integrity(name: str, file: Path, integrity: str) -> None:
    """Raise InstallError unless the file has the hash `sha512-<base64>`."""
    digest = hashlib.sha512()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    found = "sha512-" + base64.b64encode(digest.digest()).decode()
    if not hmac.compare_digest(found, integrity):
        raise InstallError(
            f"What was fetched for {name} is not what it should be",
            cause=f"Its hash is {found[:24]}..., and {integrity[:24]}... is expected",
            hint="The index, or something between here and it, gave another file; nothing of it was used",
        )


def unpack(name: str, tarball: Path, destination: Path) -> None:
    """Unpack a gzipped tarball below `destination`; InstallError for one that wants more than that."""
    if not hasattr(tarfile, "data_filter"):
        raise _refused(name, "this Python unpacks archives without care; 3.11.4 or newer is needed")
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            files = size_bytes = 0
            for member in archive:
                files, size_bytes = files + 1, size_bytes + member.size
                if not (member.isfile() or member.isdir()):
                    raise _refused(name, f"{member.name} is neither a file nor a directory")
                if files > MOST_FILES or size_bytes > MOST_BYTES:
                    raise _refused(name, f"it holds more than {MOST_FILES} files or {MOST_BYTES} bytes")
                archive.extract(member, destination, filter="data")
    except tarfile.FilterError as error:
        raise _refused(name, str(error)) from error
    except (tarfile.TarError, EOFError) as error:
        raise _refused(name, f"it cannot be read: {error}") from error


def _refused(name: str, cause: str) -> InstallError:
    return InstallError(f"The package of {name} is refused", cause=cause)
