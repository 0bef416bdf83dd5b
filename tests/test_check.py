"""What `switchyard check` finds, each time in a project that is otherwise whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchyard.checks.check import Problem, check
from switchyard.project import Project
from tests.sample_project import TASK, TEMPLATE, SampleProject, definition

MACHINE = "workflows/machine.asl.json"
DONE = {"Type": "Succeed"}
LAST = {**TASK, "End": True}


@pytest.fixture
def project(tmp_path):
    return SampleProject.make(tmp_path)


def found(project: Project) -> list[str]:
    return [str(problem) for problem in check(project)]


def test_a_whole_project_has_no_problem(project):
    assert check(project) == []


def test_this_project_has_no_problem():
    assert check(Project(Path(__file__).parents[1])) == []


def test_a_problem_reads_as_file_place_message_and_fix():
    problem = Problem("recipes/a.yaml", "gate[0].metric", "'auc' is not known", "add it under metrics")
    assert str(problem) == "recipes/a.yaml: gate[0].metric: 'auc' is not known; add it under metrics"
    assert str(Problem("recipes/a.yaml", "", "is empty")) == "recipes/a.yaml: is empty"


def test_problems_of_all_kinds_are_found_together(project):
    project.write_recipe(colour="red")
    project.write_definition(definition(Check=TASK))
    project.write("lambdas/check.py", "")
    assert {problem.file for problem in check(project)} == {"recipes/trees.yaml", MACHINE, "template.yaml"}


# Recipes


def test_every_recipe_is_checked(project):
    project.write("recipes/wrong.yaml", "name: wrong\ncolour: red\n")
    places = {(problem.file, problem.where) for problem in check(project)}
    assert {("recipes/wrong.yaml", "colour"), ("recipes/wrong.yaml", "gate")} <= places


def test_a_recipe_with_the_other_ending_is_pointed_out(project):
    project.write("recipes/more.yml", "")
    assert found(project) == ["recipes/more.yml: is not read; rename it to more.yaml"]


def test_the_templates_project_name_counts_in_an_endpoints_name(project):
    project.write("template.yaml", TEMPLATE.replace("Default: switchyard", f"Default: {'p' * 60}"))
    assert "pp-trees' has 66 characters" in found(project)[0]


# State machines


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (
            definition(Go={**TASK, "Next": "Dine"}, Done=DONE, Look={"Type": "Pass", "Next": "Done"}),
            "States.Go.Next: there is no state 'Dine' here; did you mean 'Done'?",
        ),
        (definition(Go=TASK), 'States.Go: has neither Next nor End; say what follows, or "End": true'),
        (definition(Go={**TASK, "End": False}), "States.Go: has neither Next nor End"),
        (definition(Go={**LAST, "Next": "Done"}, Done=DONE), "States.Go: has both Next and End; keep one"),
        (definition(Go=LAST, Lost=DONE), "States.Lost: nothing leads to the state 'Lost'; lead a Next to it"),
        ({"StartAt": "Og", "States": {"Go": LAST}}, "StartAt: there is no state 'Og'; known: Go"),
        (
            definition(
                Go={
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Nope"}],
                    "Default": "Done",
                },
                Done=DONE,
            ),
            "States.Go.Choices[0].Next: there is no state 'Nope' here; known: Done, Go",
        ),
        (
            definition(
                Go={
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Done"}],
                    "Default": "Nope",
                },
                Done=DONE,
            ),
            "States.Go.Default: there is no state 'Nope' here",
        ),
        (
            definition(Go={**LAST, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Nope"}]}),
            "States.Go.Catch[0].Next: there is no state 'Nope' here",
        ),
        (
            definition(Go={"Type": "Parallel", "End": True, "Branches": [definition(In={**TASK, "Next": "Go"})]}),
            "States.Go.Branches[0].States.In.Next: there is no state 'Go' here; known: In",
        ),
        (
            definition(Go={"Type": "Parallel", "End": True, "Branches": [definition(In=LAST, Lost=DONE)]}),
            "States.Go.Branches[0].States.Lost: nothing leads to the state 'Lost'",
        ),
        (
            definition(Go={"Type": "Map", "End": True, "ItemProcessor": definition(In=TASK)}),
            "States.Go.ItemProcessor.States.In: has neither Next nor End",
        ),
        (definition(Go={**LAST, "TimeoutSecond": 3}), 'Field "TimeoutSecond" not allowed in States.Go'),
        (
            definition(Go={**LAST, "Retry": [{"ErrorEquals": []}]}),
            "States.Go.Retry[0].ErrorEquals",
        ),
    ],
)
def test_a_flaw_in_a_state_machine_is_named_with_its_state(project, machine, message):
    project.write_definition(machine)
    problems = [problem for problem in found(project) if problem.startswith(MACHINE)]
    assert any(message in problem for problem in problems), problems


def test_one_flaw_is_told_once(project):
    project.write_definition(definition(Go={**TASK, "Next": "Nope"}))
    assert found(project) == [f"{MACHINE}: States.Go.Next: there is no state 'Nope' here; known: Go"]


def test_states_that_only_lead_to_one_another_are_unreachable(project):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Two"}]
    project.write_definition(
        definition(Go=LAST, One={**TASK, "Next": "Two", "Catch": catch}, Two={"Type": "Pass", "Next": "One"})
    )
    assert [problem.where for problem in check(project)] == ["States.One", "States.Two"]


def test_a_machine_that_never_ends_is_pointed_out(project):
    project.write_definition(definition(Go={**TASK, "Next": "Back"}, Back={"Type": "Pass", "Next": "Go"}))
    assert found(project) == [f"{MACHINE}: States: no state ends the execution; give one End, Succeed or Fail"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON: Expecting property name"),
        ("[]", "is not a JSON object"),
        ('{"StartAt": "A", "States": {"A": {}, "A": {}}}', "is not valid JSON: key 'A' is there twice"),
        ('{"StartAt": "A", "States": []}', "States is [] but should be an Object"),
        ("{}", 'does not have required field "States"'),
        ("[" * 100_000, "is not valid JSON: it is nested too deeply"),
    ],
)
def test_a_file_that_is_no_state_machine_is_refused(project, text, message):
    project.write(MACHINE, text)
    problems = [problem for problem in found(project) if problem.startswith(MACHINE)]
    assert any(message in problem for problem in problems), problems


# Substitutions


def test_a_placeholder_without_substitution_is_named(project):
    project.write_definition(
        definition(Go={**TASK, "Next": "On"}, On={"Type": "Task", "Resource": "${NotifyFunctionArn}", "End": True})
    )
    assert found(project) == [
        "template.yaml: Resources.Machine.DefinitionSubstitutions: workflows/machine.asl.json has "
        "${NotifyFunctionArn}, which has no substitution; add NotifyFunctionArn, or correct the workflow"
    ]


def test_a_substitution_without_placeholder_is_named(project):
    project.write_definition(definition(Go={"Type": "Pass", "End": True}))
    [problem] = check(project)
    assert problem.where == "Resources.Machine.DefinitionSubstitutions.CheckFunctionArn"
    assert problem.message == "'CheckFunctionArn' is not used: workflows/machine.asl.json has no ${CheckFunctionArn}"


def test_a_definition_that_does_not_exist_is_named(project):
    project.write("template.yaml", TEMPLATE.replace("machine.asl", "machin.asl"))
    assert found(project) == [
        "template.yaml: Resources.Machine.DefinitionUri: there is no file workflows/machin.asl.json; "
        "run `switchyard render`; did you mean 'workflows/machine.asl.json'?",
        f"{MACHINE}: no state machine of template.yaml has it as its DefinitionUri; "
        "add an AWS::Serverless::StateMachine or delete it",
    ]


# The template


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "check.handler",
            "chek.handler",
            "CheckFunction.Handler: 'chek.handler': there is no module lambdas/chek.py; did",
        ),
        ("check.handler", "check.handle", "CheckFunction.Handler: 'check.handle': lambdas/check.py has no 'handle'"),
        ("Handler:", "Handlr:", "Resources.CheckFunction: property Handlr not defined"),
        ("Default: switchyard}", "Default: switchyard", "is not valid YAML: "),
        ("  Machine:", "  CheckFunction:", "is not valid YAML: key 'CheckFunction' is there twice; keep one (line"),
        ("Resources:", "Resource:", "has no Resources; a template is a mapping"),
        (TEMPLATE, "", "has no Resources"),
    ],
)
def test_a_flaw_in_the_template_is_named_with_its_resource(project, old, new, message):
    project.write("template.yaml", TEMPLATE.replace(old, new))
    problems = found(project)
    assert any(problem.startswith("template.yaml: ") and message in problem for problem in problems), problems


def test_a_function_that_does_not_parse_is_named(project):
    project.write("lambdas/check.py", "def handler(:\n")
    assert found(project)[0].startswith("lambdas/check.py: does not parse: invalid syntax")


@pytest.mark.parametrize(
    "code",
    [
        "from logic import handler\n",
        "import logic as handler\n",
        "handler = print\n",
        "@decorated\ndef handler(event, context): ...\n",
        "class Handler: ...\nhandler: Handler = Handler()\n",
    ],
)
def test_a_handler_may_be_any_name_at_the_top_of_its_module(project, code):
    project.write("lambdas/check.py", code)
    assert check(project) == []


def test_checking_changes_nothing_and_needs_no_region(project, monkeypatch):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*")}
    check(project)
    assert {path: path.stat().st_mtime_ns for path in project.root.rglob("*")} == before
