"""Reading recipes, finding them, and overriding a part of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.errors import ImageError, RecipeError, SwitchyardError, UsageError
from switchyard.recipes.images import image_uri
from switchyard.recipes.loading import Recipe, apply_set, find_recipe, load_recipe
from switchyard.recipes.schema import recipe_schema
from tests.sample_project import SampleProject, recipe_document

ROOT = Path(__file__).parents[1]
RECIPE = Recipe.model_validate(recipe_document())


@pytest.fixture
def project(tmp_path):
    return SampleProject.make(tmp_path)


def errors_of(path: Path) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return str(caught.value).splitlines()


# Reading


def test_every_recipe_of_this_project_loads():
    names = [path.stem for path in ROOT.glob("recipes/*.yaml")]
    assert {find_recipe(name, ROOT).name for name in names} == set(names)


def test_what_a_recipe_leaves_out_has_a_default(project):
    recipe = load_recipe(project.recipes / "trees.yaml")
    assert recipe.entry_points.train == "train.py"
    assert recipe.instances.training.model_dump() == {"type": "ml.m5.large", "count": 1, "volume_gb": 10}
    assert recipe.instances.endpoint.model_dump() == {"type": "ml.m5.large", "count": 1}
    assert recipe.limits.training_seconds == 3600
    assert (recipe.data.seed, recipe.data.split.train) == (42, 0.7)
    assert recipe.content_types.input == "text/csv"


def test_a_number_in_scientific_notation_is_a_number_and_no_is_a_text(project):
    text = project.write_recipe(hyperparameters=None).read_text()
    path = project.write("recipes/trees.yaml", text + "hyperparameters: {alpha: 1e-3, model: no, on: 010}\n")
    assert load_recipe(path).hyperparameters == {"alpha": 0.001, "model": "no", "on": 10}


def test_a_gate_on_a_metric_without_regex_is_refused(project):
    path = project.write_recipe(gate=[{"metric": "auc", "direction": "maximize", "threshold": 0.5}])
    assert errors_of(path) == [
        "recipes/trees.yaml: gate[0].metric: 'auc' is not one of the metrics rmse, r2; "
        "add it under metrics with its regex"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hyperparameter": {}}, "hyperparameter: unknown key; did you mean 'hyperparameters'?"),
        (
            {"instances": {"training": {"volume": 3}}},
            "instances.training.volume: unknown key; did you mean 'volume_gb'?",
        ),
        (
            {"gate": [{"metric": "rmse", "direction": "minimize", "treshold": 3, "threshold": 3}]},
            "gate[0].treshold: unknown key; did you mean 'threshold'?",
        ),
        ({"data": {"target": "y", "zzz": 1}}, "data.zzz: unknown key; known: features, format, seed, source"),
        ({"metrics": None}, "metrics: there is none; give at least 1"),
        ({"gate": []}, "gate: it is empty; give at least 1"),
        ({"data": "trees.csv"}, "data: 'trees.csv' is not a mapping; write its keys below it, indented"),
        (
            {"instances": {"training": {"count": "two"}}},
            "instances.training.count: should be a valid integer, not 'two'",
        ),
        ({"instances": {"training": {"count": 0}}}, "instances.training.count: should be greater than or equal to 1"),
        ({"instances": {"endpoint": {"type": "m5"}}}, "instances.endpoint.type: 'm5' does not match"),
        ({"limits": {"spot": "yes"}}, "limits.spot: should be a valid boolean, not 'yes'"),
        ({"limits": {"wait_seconds": 9999}}, "limits.wait_seconds: only a spot training waits"),
        ({"limits": {"spot": True, "wait_seconds": 9}}, "limits.wait_seconds: 9 is less than training_seconds"),
        (
            {"gate": [{"metric": "rmse", "direction": "min", "threshold": 1}]},
            "gate[0].direction: should be 'minimize' or 'maximize', not 'min'",
        ),
        (
            {"gate": [{"metric": "rmse", "direction": "minimize", "threshold": float("nan")}]},
            "gate[0].threshold: should be a finite number",
        ),
        (
            {"gate": [{"metric": "rmse", "direction": "minimize", "threshold": 1}] * 2},
            "gate[1].metric: 'rmse' has two conditions",
        ),
        (
            {"metrics": [{"name": "rmse", "regex": "(a"}]},
            "metrics[0].regex: '(a' is not a regular expression: missing )",
        ),
        ({"metrics": [{"name": "rmse", "regex": "a"}]}, "metrics[0].regex: 'a' has no groups, not one; put the"),
        ({"metrics": [{"name": "rmse", "regex": "(a)(b)"}]}, "metrics[0].regex: '(a)(b)' has 2 groups, not one"),
        ({"metrics": [{"name": "rmse", "regex": "([[a])"}]}, "metrics[0].regex: '([[a])' is not a regular expression"),
        ({"metrics": [{"name": "rmse", "regex": "(a)"}] * 2}, "metrics[1].name: 'rmse' is there twice; keep one"),
        (
            {"data": {"target": "y", "split": {"train": 0.8}}},
            "data.split: the fractions sum to 1.1, not to 1; change train, validation and test",
        ),
        (
            {"data": {"target": "y", "split": {"train": 0.85, "test": 0}}},
            "data.split.test: should be greater than 0, not 0",
        ),
        ({"data": {"target": "y", "features": ["a", "a"]}}, "data.features[1]: 'a' is there twice"),
        ({"data": {"target": "y", "features": ["a", "y"]}}, "data.features[1]: 'y' is the target"),
        ({"data": {"target": "y", "format": "json"}}, "data.format: should be 'csv', not 'json'"),
        ({"data": {"target": "y", "source": "/etc/x.csv"}}, "data.source: '/etc/x.csv' is absolute"),
        ({"data": {"target": "y", "source": "http://x/y"}}, "data.source: 'http://x/y' is not an S3 URI"),
        ({"data": {"target": "y", "source": "data/none.csv"}}, "data.source: there is no file recipes/data/none.csv"),
        ({"image": "scikit-learn"}, "image: 'scikit-learn' is not framework:version; write for example"),
        ({"image": "scikitlearn:1.4-2"}, "image: unknown framework 'scikitlearn' in 'scikitlearn:1.4-2'; did you mean"),
        ({"image": "scikit-learn:9"}, "image: scikit-learn has no version '9'; known: "),
        ({"source": "regresion"}, "source: there is no folder training_code/regresion; did you mean 'regression'?"),
        ({"source": "../regression"}, "source: '../regression' does not match"),
        (
            {"entry_points": {"train": "fit.py"}},
            "entry_points.train: there is no file training_code/regression/fit.py; add it",
        ),
        ({"entry_points": {"train": "../train.py"}}, "entry_points.train: '../train.py' does not match"),
        ({"name": "Trees"}, "name: 'Trees' does not match"),
        ({"name": "tree"}, "name: 'tree' is not the file's name; write name: trees, or rename"),
        ({"hyperparameters": {"sagemaker_program": "x"}}, "hyperparameters.sagemaker_program: names with sagemaker_"),
        ({"hyperparameters": {"alpha": None}}, "hyperparameters.alpha: it has no value; give one or take it out"),
        ({"hyperparameters": {"alpha": float("inf")}}, "hyperparameters.alpha: inf is not JSON; give a finite number"),
        ({"hyperparameters": {"alpha": "x" * 2499}}, "hyperparameters.alpha: it has 2501 characters"),
        ({"hyperparameters": {"two words": 1}}, "hyperparameters: 'two words' is not a name for a hyperparameter"),
        ({"hyperparameters": {f"p{n}": n for n in range(96)}}, "hyperparameters: there are 96; SageMaker takes 95"),
        ({"content_types": {"input": "csv"}}, "content_types.input: 'csv' does not match"),
    ],
)
def test_a_broken_rule_names_the_file_and_the_field(project, changes, message):
    [error] = errors_of(project.write_recipe(**changes))
    assert error.startswith(f"recipes/trees.yaml: {message}")


def test_all_problems_are_told_at_once(project):
    path = project.write_recipe(colour="red", name=None, limits={"spot": 1})
    assert sorted(line.split(": ")[1] for line in errors_of(path)) == ["colour", "limits.spot", "name"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: trees\nname: trees\n", "is not valid YAML: key 'name' is there twice; keep one (line 2, column 1)"),
        ("data: {target: a,\n  target: b}", "is not valid YAML: key 'target' is there twice; keep one (line 2"),
        ("name: [trees", "is not valid YAML: expected ',' or ']'"),
        ("", "is empty; begin with name: trees"),
        ("- a", "holds a list, not a mapping"),
        ("a: !!bool maybe", "is not valid YAML: a value does not have the type that its tag names"),
        ("x: " + "[" * 5000, "is not valid YAML: it is nested too deeply"),
        (b"name: \xff", "is not UTF-8 (byte 6); save it as UTF-8"),
        (b"name: \x00", "is not valid YAML: unacceptable character"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(project, text, message):
    [error] = errors_of(project.write("recipes/trees.yaml", text))
    assert error.startswith(f"recipes/trees.yaml: {message}")


def test_a_value_that_holds_itself_is_refused(project):
    text = project.write_recipe(hyperparameters=None).read_text()
    path = project.write("recipes/trees.yaml", text + "hyperparameters: {a: &a [*a]}\n")
    assert "hyperparameters.a: [[...]] is not JSON" in errors_of(path)[0]


def test_a_missing_file_is_named(tmp_path):
    [error] = errors_of(tmp_path / "recipes/none.yaml")
    assert error.startswith("recipes/none.yaml: cannot be read: No such file or directory; looked for ")


def test_an_endpoint_name_that_is_too_long_is_refused(project):
    project_name = "p" * 58
    with pytest.raises(RecipeError, match=r"trees' has 64 characters; shorten the name: SageMaker takes 63"):
        load_recipe(project.recipes / "trees.yaml", project_name=project_name)
    assert load_recipe(project.recipes / "trees.yaml", project_name=project_name[1:]).name == "trees"


def test_an_image_by_its_full_uri_needs_no_table(project):
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:latest"
    assert load_recipe(project.write_recipe(image=uri)).image == uri


# Finding


def test_an_unknown_recipe_is_answered_with_the_nearest_names(project):
    with pytest.raises(UsageError, match=r"no recipe 'tres' in .*recipes; did you mean 'trees'\?") as caught:
        find_recipe("tres", project.root)
    assert caught.value.exit_code == 2


def test_a_recipe_is_found_by_name_only(project):
    with pytest.raises(UsageError, match=r"no recipe '\.\./recipes/trees'"):
        find_recipe("../recipes/trees", project.root)


def test_a_project_without_recipes_says_so(project):
    (project.recipes / "trees.yaml").unlink()
    with pytest.raises(UsageError, match=r"has none; add recipes/<name>\.yaml"):
        find_recipe("trees", project.root)


# Overriding


def test_settings_become_the_overrides_of_a_run():
    settings = [
        "hyperparameters.alpha=1e-2",
        "hyperparameters.model=lasso",
        "instances.training.count=2",
        "instances.endpoint.type=ml.c5.xlarge",
        "limits.spot=true",
        "data.seed=7",
        "data.split.train=0.8",
        "data.split.test=0.05",
    ]
    assert apply_set(RECIPE, settings) == {
        "hyperparameters": {"alpha": 0.01, "model": "lasso"},
        "instances": {"training": {"count": 2}, "endpoint": {"type": "ml.c5.xlarge"}},
        "limits": {"spot": True},
        "data": {"seed": 7, "split": {"train": 0.8, "test": 0.05}},
    }
    assert apply_set(RECIPE, []) == {}


def test_the_later_of_two_settings_holds():
    assert apply_set(RECIPE, ["data.seed=1", "data.seed=2"]) == {"data": {"seed": 2}}


def test_a_dotted_hyperparameter_is_one_name():
    recipe = Recipe.model_validate(recipe_document(hyperparameters={"tree.depth": 3}))
    assert apply_set(recipe, ["hyperparameters.tree.depth=4"]) == {"hyperparameters": {"tree.depth": 4}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["hyperparameters.alhpa=1"], "unknown key 'hyperparameters.alhpa'; did you mean 'hyperparameters.alpha'"),
        (["limits.spt=true"], "unknown key 'limits.spt'; did you mean 'limits.spot'?"),
        (["zzz=1"], "unknown key 'zzz'; known: data.seed, "),
        (["=1"], "unknown key ''; known: "),
        (["limits"], "there is no '='; write --set limits=VALUE"),
        (["data.seed="], "there is no value after '='"),
        (["gate=1"], "gate is not for one run to change; change it in the recipe"),
        (["data.target=y"], "data.target is not for one run to change"),
        (["data.split=1"], "data.split is a section; set data.split.train or data.split.validation or"),
        (["hyperparameters=1"], "hyperparameters is a section; set hyperparameters.model or"),
        (["hyperparameters.alpha=much"], "the value is a text; give a number, as in the recipe (0.1)"),
        (["hyperparameters.alpha=null"], "the value is nothing; give a number"),
        (["hyperparameters.model=true"], "the value is true or false; give a text"),
        (["hyperparameters.alpha=.nan"], "nan is not JSON; give a finite number"),
        (["hyperparameters.model=[1"], "the value is not YAML: "),
        (["instances.training.count=two"], "should be a valid integer, not 'two'"),
        (["instances.training.count=0"], "should be greater than or equal to 1, not 0"),
        (["limits.wait_seconds=10"], "only a spot training waits"),
        (["data.seed=-1"], "should be greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_quoted_with_the_reason(settings, message):
    with pytest.raises(UsageError) as caught:
        apply_set(RECIPE, settings)
    assert str(caught.value).startswith(f"--set {settings[0]}: {message}")


def test_fractions_that_do_not_fit_together_name_their_section():
    with pytest.raises(UsageError, match=r"--set data\.split: the fractions sum to 1\.1, not to 1"):
        apply_set(RECIPE, ["data.split.train=0.8"])


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18))
def test_every_finite_number_arrives_as_it_was_written(number):
    overrides = apply_set(RECIPE, [f"hyperparameters.alpha={number!r}"])
    assert overrides == {"hyperparameters": {"alpha": number}}


def overrides_or_message(settings: list[str]) -> dict[str, Any] | str:
    try:
        return apply_set(RECIPE, settings)
    except UsageError as error:
        return str(error)


@given(st.lists(st.text(max_size=40), min_size=1))
def test_any_text_that_is_no_setting_is_refused_by_name(settings):
    outcome = overrides_or_message(settings)
    assert isinstance(outcome, str)
    assert outcome.startswith("--set ")


@given(st.sampled_from(["hyperparameters.model", "data.seed", "limits.spot", "instances.training.type"]), st.text())
def test_any_value_is_either_taken_or_refused_by_name(key, value):
    outcome = overrides_or_message([f"{key}={value}"])
    if isinstance(outcome, str):
        assert outcome.startswith("--set ")
    else:
        assert list(outcome) == [key.split(".")[0]]


# Images


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "683313688378.dkr.ecr.us-east-1.amazonaws.com"),
        ("cn-north-1", "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_an_image_resolves_to_the_registry_of_its_region(region, host):
    assert image_uri("scikit-learn:1.4-2", region) == f"{host}/sagemaker-scikit-learn:1.4-2-cpu-py3"


def test_a_full_uri_is_its_own_resolution():
    assert image_uri("example.com/mine:1", "mars-west-1") == "example.com/mine:1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scikit:1", "us-east-1"), "unknown framework 'scikit' in 'scikit:1'; did you mean 'scikit-learn'"),
        (("scikit-learn:0.1", "us-east-1"), "scikit-learn has no version '0.1'; known: "),
        (("scikit-learn:1.4-2", "us-est-1"), "no images in region 'us-est-1'; did you mean 'us-"),
        (("scikit-learn:1.4-2", "us-east-1", "ml.g5.xlarge"), "has no image for ml.g5.xlarge, which is of kind gpu"),
    ],
)
def test_an_unknown_image_is_answered_with_what_there_is(arguments, message):
    with pytest.raises(ImageError, match=message):
        image_uri(*arguments)


# Around


def test_the_published_schema_is_the_model():
    committed = (ROOT / "recipes/schema.json").read_text()
    assert committed == recipe_schema(), "run: python -m switchyard.recipes.schema > recipes/schema.json"


def test_only_wrong_usage_exits_with_2():
    assert (SwitchyardError.exit_code, UsageError.exit_code, RecipeError.exit_code) == (1, 2, 2)


def test_reading_recipes_loads_no_heavy_library():
    code = (
        "import sys, switchyard.recipes.loading, switchyard.publishing.publish, switchyard.checks.check\n"
        "print({'boto3', 'botocore', 'moto', 'samtranslator', 'sklearn', 'statelint'} & sys.modules.keys())"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
