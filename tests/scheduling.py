"""Which worker runs which files: see `tests/conftest.py`."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling


class FolderScheduling(LoadFileScheduling):
    """Gives a worker the next file of the folder that it is in, or else of one that no other worker is in."""

    def _assign_work_unit(self, node: Any) -> None:
        folders = {each: [_folder(file) for file in files] for each, files in self.assigned_work.items()}
        mine = folders.get(node, [])[-1:]
        others = {each[-1] for other, each in folders.items() if other is not node and each}
        waiting = {file: _folder(file) for file in self.workqueue}
        preferred = [file for file, folder in waiting.items() if folder in mine]
        preferred += [file for file, folder in waiting.items() if folder not in others]
        if preferred:
            self.workqueue.move_to_end(preferred[0], last=False)
        super()._assign_work_unit(node)


def _folder(file: str) -> str:
    """Give the folder of a file below `tests`, or the file itself where it is in none."""
    return "/".join(file.partition("::")[0].split("/")[:2])
