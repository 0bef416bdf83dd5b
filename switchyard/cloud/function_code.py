"""The code of functions that are made through the API: an archive, unpacked into a folder.

Source: "Lambda quotas" (AWS Lambda Developer Guide).
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from switchyard.cloud.lambda_errors import invalid

LARGEST_UNPACKED = 262_144_000


@dataclass(frozen=True)
class Package:
    """The code of one function.

    Parameters
    ----------
    folder : Path
        Where it is unpacked.
    sha256 : str
        The archive's, in base 64, as `CodeSha256` has it.
    size : int
        The archive's, in bytes.
    archive : Path
        What was uploaded.
    """

    folder: Path
    sha256: str
    size: int
    archive: Path


class FunctionCode:
    """The folders with functions' code.

    Parameters
    ----------
    home : Path
        The folder under which each function gets its own.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    def unpack(self, function: str, content: bytes) -> Package:
        """Unpack an archive; the same archive is unpacked once.

        Raises
        ------
        LambdaError
            It is no archive, is too large, or has a file that would be outside of its folder.
        """
        digest = hashlib.sha256(content).digest()
        room = self._home / function / digest.hex()[:16]
        package = Package(room / "code", base64.b64encode(digest).decode(), len(content), room / "code.zip")
        if room.exists():
            return package
        partial = room.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _unpack(content, partial / "code")
            (partial / "code.zip").write_bytes(content)
            partial.rename(room)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return package

    def remove(self, function: str) -> None:
        """Remove all code of a function."""
        shutil.rmtree(self._home / function, ignore_errors=True)


def _unpack(content: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > LARGEST_UNPACKED:
                raise invalid(f"Unzipped size must be smaller than {LARGEST_UNPACKED} bytes")
            for member in members:
                path = PurePosixPath(member.filename)
                if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
                    raise invalid(
                        f"Could not unzip uploaded file: '{member.filename}' would be, or lead, outside of the "
                        "function's folder."
                    )
            folder.mkdir()
            archive.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise invalid(
            f"Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"
        ) from None
