"""Where the project is, and what is where in it."""

from __future__ import annotations

import pytest

from switchyard.errors import ProjectError
from switchyard.project import Project
from tests.sample_project import SampleProject


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("SWITCHYARD_HOME", raising=False)
    return SampleProject.make(tmp_path.resolve())


def test_a_project_is_found_from_its_root_and_from_any_folder_in_it(project, monkeypatch):
    assert Project.find(project.root).root == project.root
    assert Project.find(project.training_code / "regression").root == project.root
    monkeypatch.chdir(project.recipes)
    assert Project.find().root == project.root


def test_the_nearest_project_wins(project):
    inner = SampleProject.make(project.root / "examples/inner")
    assert Project.find(inner.workflows).root == inner.root


def test_outside_of_a_project_the_message_says_what_makes_one(tmp_path):
    (tmp_path / "template.yaml").touch()
    with pytest.raises(ProjectError, match=r"not inside a Switchyard project: .* both template.yaml and recipes/"):
        Project.find(tmp_path)


def test_recipes_and_definitions_are_listed_by_name(project):
    project.write("recipes/alders.yaml", "")
    project.write("recipes/schema.json", "{}")
    project.write("workflows/another.asl.json", "{}")
    project.write("workflows/machine.py", "")
    assert project.recipe_names() == ["alders", "trees"]
    assert [path.name for path in project.definitions()] == ["another.asl.json", "machine.asl.json"]


def test_the_state_lies_in_the_project_unless_the_environment_says_otherwise(project, monkeypatch, tmp_path):
    assert project.runs == project.root / ".switchyard/runs"
    monkeypatch.setenv("SWITCHYARD_HOME", str(tmp_path / "elsewhere"))
    assert project.state == tmp_path / "elsewhere"
    monkeypatch.setenv("SWITCHYARD_HOME", "")
    assert project.state == project.root / ".switchyard"


def test_paths_are_shown_from_the_root(project, tmp_path_factory):
    assert project.relative(project.recipes / "trees.yaml") == "recipes/trees.yaml"
    outside = tmp_path_factory.mktemp("outside") / "x"
    assert project.relative(outside) == str(outside)
