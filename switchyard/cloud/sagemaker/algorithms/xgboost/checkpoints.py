"""Checkpoints: a model after each round, so that an interrupted job goes on where it was.

Source: "Use checkpoints in Amazon SageMaker AI" (Amazon SageMaker Developer Guide); the names are the image's.
"""

from __future__ import annotations

import re
from pathlib import Path

NAME = "xgboost-checkpoint"
KEPT = 5


def latest(folder: Path) -> tuple[Path | None, int]:
    """Return the newest checkpoint, and how many rounds it has; None and 0 when there is none."""
    found = _checkpoints(folder)
    return (found[-1][1], found[-1][0] + 1) if found else (None, 0)


def path_of(folder: Path, finished_round: int) -> Path:
    """Return where the checkpoint after a round lies; rounds are counted from 0."""
    return folder / f"{NAME}.{finished_round}"


def prune(folder: Path) -> None:
    """Delete all but the newest."""
    for _, path in _checkpoints(folder)[:-KEPT]:
        path.unlink(missing_ok=True)


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    matches = [(re.fullmatch(rf"{NAME}\.(\d+)", path.name), path) for path in folder.glob(f"{NAME}.*")]
    return sorted((int(match.group(1)), path) for match, path in matches if match)
