"""A source folder of training_code/, packed the way SageMaker's script mode wants it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

ARCHIVE_NAME = "sourcedir.tar.gz"


@dataclass(frozen=True)
class Source:
    """The files of a source folder, by their path in it.

    Parameters
    ----------
    name
        The folder's name.
    files
        Contents by relative path with forward slashes, sorted.
    executable
        Those of the files that may be run.
    """

    name: str
    files: dict[str, bytes]
    executable: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> Source:
        """Read a folder without what Python, editors and notebooks leave in it."""
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        kept = {name: paths[name] for name in sorted(paths) if _belongs(name)}
        return cls(
            name=folder.name,
            files={name: path.read_bytes() for name, path in kept.items()},
            executable=frozenset(name for name, path in kept.items() if path.stat().st_mode & 0o100),
        )

    def only(self, names: Collection[str]) -> Source:
        """Leave out all files but these."""
        files = {name: content for name, content in self.files.items() if name in names}
        return Source(self.name, files, self.executable & files.keys())

    def content_hash(self) -> str:
        """Hash names and contents, not the archive: zlib's versions compress differently."""
        digest = hashlib.sha256()
        for name, content in self.files.items():
            mode = "x" if name in self.executable else "-"
            digest.update(f"{mode} {hashlib.sha256(content).hexdigest()} {name}\n".encode())
        return digest.hexdigest()[:12]

    def archive(self) -> bytes:
        """Pack the files into a `sourcedir.tar.gz` without date, owner, or other trace of this machine."""
        packed = io.BytesIO()
        with (
            gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name, content in self.files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                member.mode = 0o755 if name in self.executable else 0o644
                tar.addfile(member, io.BytesIO(content))
        return packed.getvalue()


def _belongs(name: str) -> bool:
    parts = name.split("/")
    return (
        not any(part.startswith(".") or part == "__pycache__" for part in parts)
        and not name.endswith(".pyc")
        # An archive of this name at the top would collide with ours.
        and name != ARCHIVE_NAME
    )
