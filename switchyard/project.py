"""A Switchyard project: the folder with `template.yaml` and `recipes/`, and what is where in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from switchyard.errors import ProjectError


@dataclass(frozen=True)
class Project:
    """The paths of a project.

    Parameters
    ----------
    root
        The folder that holds `template.yaml` and `recipes/`.
    """

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Find the project that a folder belongs to.

        Parameters
        ----------
        start
            The folder to start from, going up; the current one by default.

        Raises
        ------
        ProjectError
            When neither it nor a folder above it is a project.
        """
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "template.yaml").is_file() and (folder / "recipes").is_dir():
                return cls(folder)
        raise ProjectError(
            f"{start} is not inside a Switchyard project: neither it nor a folder above it has both "
            "template.yaml and recipes/; change to the project's folder"
        )

    @property
    def template(self) -> Path:
        """The SAM template."""
        return self.root / "template.yaml"

    @property
    def recipes(self) -> Path:
        """The folder of recipes, and of the data files that they name."""
        return self.root / "recipes"

    @property
    def training_code(self) -> Path:
        """The folder of source folders."""
        return self.root / "training_code"

    @property
    def workflows(self) -> Path:
        """The folder of state machines."""
        return self.root / "workflows"

    @property
    def state(self) -> Path:
        """Where runs and the local cloud keep their files: `.switchyard`, or `$SWITCHYARD_HOME`."""
        home = os.environ.get("SWITCHYARD_HOME")
        return Path(home).expanduser().absolute() if home else self.root / ".switchyard"

    @property
    def runs(self) -> Path:
        """The folder that holds a folder for each run."""
        return self.state / "runs"

    def recipe_files(self) -> list[Path]:
        """List the recipes' files by name."""
        return sorted(self.recipes.glob("*.yaml"))

    def recipe_names(self) -> list[str]:
        """List the recipes' names."""
        return [path.stem for path in self.recipe_files()]

    def definitions(self) -> list[Path]:
        """List the rendered state machines: `workflows/*.asl.json`."""
        return sorted(self.workflows.glob("*.asl.json"))

    def relative(self, path: Path) -> str:
        """Write a path as messages show it: from the root, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
