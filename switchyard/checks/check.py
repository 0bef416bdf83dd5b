"""`switchyard check`: everything that can be known to be wrong before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchyard.checks.definition import check_definition
from switchyard.checks.machine import check_machines
from switchyard.checks.template import Template, check_template, read_template
from switchyard.errors import RecipeError
from switchyard.problem import Problem
from switchyard.recipes.loading import load_recipe

if TYPE_CHECKING:
    from switchyard.project import Project

__all__ = ["Problem", "check"]


def check(project: Project) -> list[Problem]:
    """Check a project's recipes, state machines and template; nothing is changed and no call is made.

    Parameters
    ----------
    project
        The project to check.

    Returns
    -------
    list of Problem
        What is wrong, by file; empty when all is well.
    """
    template = read_template(project)
    project_name = template.parameter_default("ProjectName") if isinstance(template, Template) else None
    return [
        *_recipe_problems(project, project_name or "switchyard"),
        *(problem for path in project.definitions() for problem in check_definition(path, project.relative(path))),
        *(check_template(project, template) if isinstance(template, Template) else template),
        *(check_machines(project, template) if isinstance(template, Template) else ()),
    ]


def _recipe_problems(project: Project, project_name: str) -> list[Problem]:
    problems: list[Problem] = []
    for path in project.recipe_files():
        try:
            load_recipe(path, project_name=project_name)
        except RecipeError as error:
            problems += error.problems
    # The other ending is easily written, and such a file would be overlooked without a word.
    for path in sorted(project.recipes.glob("*.yml")):
        problems.append(Problem(project.relative(path), "", "is not read", f"rename it to {path.stem}.yaml"))
    return problems
