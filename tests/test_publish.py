"""What publishing puts into the buckets, and what it refuses to put there."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from switchyard.errors import DataError, PublishError, RecipeError, UsageError
from switchyard.publishing.publish import Published, document_hash, publish, upload_data
from switchyard.publishing.source import Source
from switchyard.recipes.loading import Recipe
from tests.sample_project import SampleProject, recipe_document, table

RECIPE = Recipe.model_validate(recipe_document())


@pytest.fixture
def project(tmp_path):
    return SampleProject.make(tmp_path)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
        client.create_bucket(Bucket="artifacts")
        client.create_bucket(Bucket="data")
        yield client


@pytest.fixture
def calls(s3) -> list[str]:
    """The names of the S3 operations called from now on."""
    made: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: made.append(model.name))
    return made


def publish_all(project, s3, **options) -> list[Published]:
    buckets = {"artifact_bucket": "artifacts", "data_bucket": "data"}
    return publish(project, s3=s3, **{**buckets, "region": "us-east-1", **options})


def keys(s3, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


def read(s3, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


# What is there afterwards


def test_a_run_finds_recipe_code_and_data_from_the_pointer(project, s3):
    [published] = publish_all(project, s3)
    pointer = json.loads(read(s3, "s3://artifacts/recipes/trees/current.json"))
    assert pointer == {"hash": published.recipe_hash, "key": f"recipes/trees/{published.recipe_hash}.json"}
    assert published.recipe_uri == f"s3://artifacts/{pointer['key']}"
    recipe = json.loads(read(s3, published.recipe_uri))
    prefix = f"s3://artifacts/code/regression/{published.code_hash}/"
    assert {
        "image_uri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3",
        "code_uri": f"{prefix}sourcedir.tar.gz",
        "code_prefix_uri": prefix,
        "code_hash": published.code_hash,
        "recipe_hash": published.recipe_hash,
        "data_uri": published.data_uri,
    }.items() <= recipe.items()
    assert recipe["gate"] == [{"metric": "rmse", "direction": "minimize", "threshold": 62.0, "margin": None}]
    assert read(s3, published.data_uri).decode() == table(10)
    assert published.data_uri.startswith("s3://data/datasets/trees/")
    assert published.data_uri.endswith("/trees.csv")
    assert read(s3, f"{prefix}train.py") == b"print('train.py')\n"


def test_the_archive_holds_the_scripts_and_no_leftovers(project, s3):
    for leftover in ("__pycache__/train.cpython-312.pyc", ".DS_Store", ".ipynb_checkpoints/a.py", "old.pyc"):
        project.write(f"training_code/regression/{leftover}", "x")
    project.write("training_code/regression/lib/helpers.py", "x = 1\n")
    [published] = publish_all(project, s3)
    with tarfile.open(fileobj=io.BytesIO(read(s3, published.code_uri))) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == ["inference.py", "lib/helpers.py", "prepare.py", "train.py"]
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
    assert len(keys(s3, "artifacts")) == 4 + 1 + 2


def test_the_archive_depends_on_contents_only(project):
    folder = project.training_code / "regression"
    before = Source.read(folder)
    for path in folder.iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    after = Source.read(folder)
    assert (after.content_hash(), after.archive()) == (before.content_hash(), before.archive())
    project.write("training_code/regression/train.py", "print('changed')\n")
    assert Source.read(folder).content_hash() != before.content_hash()


def test_data_in_s3_stays_where_it_is(project, s3):
    project.write_recipe(data={"source": "s3://elsewhere/trees.csv", "target": "height"})
    [published] = publish_all(project, s3)
    assert published.data_uri == "s3://elsewhere/trees.csv"
    assert keys(s3, "data") == []


def test_a_recipe_without_data_is_published_without(project, s3):
    project.write_recipe(data={"target": "height"})
    [published] = publish_all(project, s3)
    assert published.data_uri is None
    assert json.loads(read(s3, published.recipe_uri))["data_uri"] is None


def test_only_the_recipes_asked_for_are_published(project, s3):
    project.write("recipes/other.yaml", "not: a recipe")
    assert [published.recipe for published in publish_all(project, s3, recipes=["trees"])] == ["trees"]
    with pytest.raises(UsageError, match="did you mean 'trees'"):
        publish_all(project, s3, recipes=["trres"])


def test_two_recipes_share_their_code(project, s3):
    text = (project.recipes / "trees.yaml").read_text()
    project.write("recipes/shrubs.yaml", text.replace("name: trees", "name: shrubs"))
    first, second = publish_all(project, s3)
    assert (first.recipe, second.recipe) == ("shrubs", "trees")
    assert first.code_uri == second.code_uri
    assert first.recipe_hash != second.recipe_hash


# What is uploaded


def test_the_pointer_is_uploaded_last(project, s3, calls):
    [published] = publish_all(project, s3)
    assert published.uploaded[-1] == "s3://artifacts/recipes/trees/current.json"
    assert calls.count("PutObject") == len(published.uploaded) == 7
    assert calls[-1] == "PutObject"


def test_what_is_there_already_is_not_uploaded_again(project, s3, calls):
    publish_all(project, s3)
    calls.clear()
    [published] = publish_all(project, s3)
    assert published.uploaded == ()
    assert "PutObject" not in calls
    assert len(calls) == 4


def test_a_changed_hyperparameter_uploads_the_recipe_alone(project, s3):
    [before] = publish_all(project, s3)
    project.write_recipe(hyperparameters={"alpha": 7})
    [after] = publish_all(project, s3)
    assert after.uploaded == (after.recipe_uri, "s3://artifacts/recipes/trees/current.json")
    assert (after.code_hash, after.data_uri) == (before.code_hash, before.data_uri)


def test_changed_code_makes_a_new_recipe_of_the_same_text(project, s3):
    [before] = publish_all(project, s3)
    project.write("training_code/regression/train.py", "print('changed')\n")
    [after] = publish_all(project, s3)
    assert after.code_hash != before.code_hash
    assert json.loads(read(s3, before.recipe_uri))["code_hash"] == before.code_hash
    assert json.loads(read(s3, after.recipe_uri))["code_hash"] == after.code_hash


def test_going_back_to_an_earlier_recipe_moves_the_pointer_back(project, s3):
    [first] = publish_all(project, s3)
    project.write_recipe(hyperparameters={"alpha": 7})
    publish_all(project, s3)
    project.write_recipe()
    [again] = publish_all(project, s3)
    assert again.recipe_hash == first.recipe_hash
    assert again.uploaded == ("s3://artifacts/recipes/trees/current.json",)
    assert json.loads(read(s3, again.uploaded[0]))["hash"] == first.recipe_hash


def test_an_interrupted_upload_is_completed(project, s3):
    [published] = publish_all(project, s3)
    missing = f"code/regression/{published.code_hash}/train.py"
    s3.delete_object(Bucket="artifacts", Key=missing)
    [again] = publish_all(project, s3)
    assert again.uploaded == (f"s3://artifacts/{missing}",)


# What is refused


def test_nothing_is_uploaded_when_any_recipe_is_wrong(project, s3):
    project.write("recipes/wrong.yaml", "name: wrong\n")
    with pytest.raises(RecipeError, match=r"recipes/wrong.yaml: image: it is required"):
        publish_all(project, s3)
    assert keys(s3, "artifacts") == keys(s3, "data") == []


def test_a_region_without_images_names_the_recipe(project, s3):
    with pytest.raises(RecipeError, match=r"recipes/trees.yaml: image: scikit-learn has no images in region 'mars-1'"):
        publish_all(project, s3, region="mars-1")


def test_a_missing_bucket_says_to_deploy_first(project, s3):
    with pytest.raises(PublishError, match=r"s3://nowhere/.*deploy the stack first") as caught:
        publish_all(project, s3, artifact_bucket="nowhere")
    assert caught.value.exit_code == 1


# A user's own data


def test_a_file_of_ones_own_gets_an_address_by_its_content(tmp_path, s3):
    path = tmp_path / "my trees.csv"
    path.write_text(table(4))
    uri = upload_data(RECIPE, path, s3=s3, data_bucket="data")
    assert uri.startswith("s3://data/datasets/trees/")
    assert uri.endswith("/my trees.csv")
    assert read(s3, uri) == path.read_bytes()
    assert upload_data(RECIPE, str(path), s3=s3, data_bucket="data") == uri


def test_a_known_file_is_not_uploaded_twice(tmp_path, s3, calls):
    path = tmp_path / "trees.csv"
    path.write_text(table(4))
    upload_data(RECIPE, path, s3=s3, data_bucket="data")
    calls.clear()
    upload_data(RECIPE, path, s3=s3, data_bucket="data")
    assert calls == ["ListObjectsV2"]


def test_an_s3_uri_is_passed_on(s3, calls):
    uri = upload_data(RECIPE, "s3://elsewhere/trees.csv", s3=s3, data_bucket="data")
    assert (uri, calls) == ("s3://elsewhere/trees.csv", [])


def test_a_folder_of_splits_is_uploaded_as_it_is(tmp_path, s3):
    for split in ("train", "validation", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "part.csv").write_text("1,2,3\n4,5,6\n")
    (tmp_path / "README.md").touch()
    uri = upload_data(RECIPE, tmp_path, s3=s3, data_bucket="data")
    prefix = uri.removeprefix("s3://data/")
    assert prefix.endswith("/")
    assert keys(s3, "data") == [f"{prefix}{split}/part.csv" for split in ("test", "train", "validation")]


def test_a_folder_of_tables_counts_as_one_data_set(tmp_path, s3):
    for name in ("a.csv", "b.CSV"):
        (tmp_path / name).write_text(table(3))
    uri = upload_data(RECIPE, tmp_path, s3=s3, data_bucket="data")
    assert [key.rpartition("/")[2] for key in keys(s3, "data")] == ["a.csv", "b.CSV"]
    assert uri.endswith("/")


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path, s3):
    path = tmp_path / "trees.csv"
    path.write_bytes(b"\xef\xbb\xbf" + table(4).replace("\n", "\r\n").encode())
    assert upload_data(RECIPE, path, s3=s3, data_bucket="data").endswith("/trees.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; it needs a header line"),
        ("\n \n", "is empty; it needs a header line"),
        ("height,girth\n", "has a header but no data rows"),
        ("height,girth\n1,2\n", "has 1 data row, too few: with 0.7 / 0.15 / 0.15 it takes 4 rows"),
        (table(3), "has 3 data rows, too few"),
        (table(9, "girth,volume"), "has no column 'height', the target; its columns are girth, volume"),
        (table(9, "height"), "has no column but the target 'height'"),
        (table(9, "height,girth,girth"), "line 1: the header has 'girth' more than once"),
        (table(9, "1,2,3"), r"line 1 holds numbers \(1, 2, 3\) where the column names should be"),
        (table(9, "height;girth"), "the header has no comma in it"),
        ("height,girth\n1,2\n3\n", "line 3 has 1 value, but the header names 2 columns"),
        ('height,girth\n1,"2"3\n', "line 2: this is not CSV"),
        (b"height,girth\n1,\xff\n", "is not UTF-8 .*; save it as UTF-8"),
    ],
)
def test_a_hopeless_file_is_refused_before_anything_is_uploaded(tmp_path, s3, calls, content, message):
    path = tmp_path / "trees.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        upload_data(RECIPE, path, s3=s3, data_bucket="data")
    assert str(path) in str(caught.value)
    assert calls == []


def test_a_missing_feature_is_named(tmp_path, s3):
    recipe = Recipe.model_validate(recipe_document(data={"target": "height", "features": ["girth", "age"]}))
    path = tmp_path / "trees.csv"
    path.write_text(table(9))
    with pytest.raises(DataError, match="has no column 'age', a feature; its columns are height, girth, volume"):
        upload_data(recipe, path, s3=s3, data_bucket="data")


def test_a_missing_file_is_refused(tmp_path, s3):
    with pytest.raises(DataError, match=r"none.csv cannot be read: No such file or directory; correct the path"):
        upload_data(RECIPE, tmp_path / "none.csv", s3=s3, data_bucket="data")


def test_a_file_of_another_kind_is_refused(tmp_path, s3):
    path = tmp_path / "trees.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"trees.parquet is not a .csv file"):
        upload_data(RECIPE, path, s3=s3, data_bucket="data")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "there is no .csv file in the folder"),
        ({"train/a.csv": "1,2\n"}, "there is no .csv file in the folder .*validation"),
        ({"train/a.csv": "", "validation/a.csv": "", "test/a.csv": ""}, "train/a.csv is empty"),
        (
            {"train/a.csv": "height,girth\n1,2\n", "validation/a.csv": "1,2\n", "test/a.csv": "1,2\n"},
            "begins with 'height', not a number; data that is split already has no header",
        ),
        (
            {"train/a.csv": "1,2\n", "validation/a.csv": "1,2,3\n", "test/a.csv": "1,2\n"},
            "validation/a.csv line 1 has 3 values, not 2: the target, then 1 feature",
        ),
    ],
)
def test_a_folder_that_is_half_a_data_set_is_refused(tmp_path, s3, files, message):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        upload_data(RECIPE, tmp_path, s3=s3, data_bucket="data")
    assert keys(s3, "data") == []


# Hashes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_the_order_of_keys_does_not_count_in_a_hash(document):
    assert document_hash(reversed_keys(document)) == document_hash(document)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(min_size=1))
def test_any_change_counts_in_a_hash(document, addition):
    changed = {**document, "changed": [document.get("changed"), addition]}
    assert document_hash(changed) != document_hash(document)
