from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HEADER = "a,b,y\n"
GOOD = HEADER + "".join(f"{i},{i * 0.1},{i * 2}\n" for i in range(20))


def arguments(folder: Path, *extra: str) -> list[str]:
    outputs = [f"--{name}={folder / 'out' / name}" for name in ("train", "validation", "test", "report")]
    return [f"--input={folder / 'in'}", *outputs, "--target=y", *extra]


def put(folder: Path, **files: str | bytes) -> None:
    (folder / "in").mkdir(exist_ok=True)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / "in" / f"{name}.csv").write_bytes(data)


def read_split(folder: Path, name: str) -> list[list[float]]:
    text = (folder / "out" / name / f"{name}.csv").read_text()
    return [[float(cell) for cell in row] for row in csv.reader(io.StringIO(text))]


def read_splits(folder: Path) -> list[list[float]]:
    return [row for name in ("train", "validation", "test") for row in read_split(folder, name)]


@pytest.fixture
def refusal(prepare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Run on a bad input and give the one line that says why; nothing may have been written."""

    def run(*extra: str, **files: str | bytes) -> str:
        put(tmp_path, **files)
        assert prepare.main(arguments(tmp_path, *extra)) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("prepare.py: error: ")
        assert captured.err.count("\n") == 1
        assert not (tmp_path / "out").exists()
        return captured.err.removeprefix("prepare.py: error: ").rstrip("\n")

    return run


def test_the_diabetes_data_is_split_as_the_recipe_says(scripts: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "diabetes.csv").write_bytes((root / "recipes/data/diabetes.csv").read_bytes())
    extra = ["--features=bmi,bp,age", "--seed=42", "--train-fraction=0.7"]
    command = [sys.executable, str(scripts / "prepare.py"), *arguments(tmp_path, *extra)]
    command[command.index("--target=y")] = "--target=progression"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "442 rows of 3 features; train 310, validation 66, test 66\n"

    rows = read_splits(tmp_path)
    assert len(rows) == 442
    assert [151.0, 32.1, 101.0, 59.0] in rows

    report = json.loads((tmp_path / "out/report/report.json").read_text())
    assert (report["rows"], report["columns"], report["files"]) == (442, 4, ["diabetes.csv"])
    assert report["features"] == ["bmi", "bp", "age"]
    assert {name: split["rows"] for name, split in report["splits"].items()} == {
        "train": 310,
        "validation": 66,
        "test": 66,
    }
    target = report["target"]
    assert (target["name"], target["min"], target["max"]) == ("progression", 25.0, 346.0)
    assert target["mean"] == pytest.approx(152.133, abs=1e-3)
    assert target["std"] == pytest.approx(77.005, abs=1e-3)
    assert report["warnings"] == []


def test_a_refused_file_makes_the_process_fail_with_one_line(scripts: Path, tmp_path: Path) -> None:
    put(tmp_path, data=GOOD + "1,two,3\n")
    command = [sys.executable, str(scripts / "prepare.py"), *arguments(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "prepare.py: error: data.csv line 22, column 'b': 'two' is not a number; "
        "correct it, or list the recipe's features without that column\n"
    )


def test_neither_pandas_nor_scikit_learn_is_imported(scripts: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(scripts)!r}); import prepare\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pandas', 'sklearn', 'scipy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_several_files_are_one_table(prepare: ModuleType, tmp_path: Path) -> None:
    put(tmp_path, one=GOOD, two=GOOD)
    assert prepare.main(arguments(tmp_path)) == 0
    report = json.loads((tmp_path / "out/report/report.json").read_text())
    assert (report["rows"], report["files"]) == (40, ["one.csv", "two.csv"])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), id="byte order mark"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(GOOD.replace("\n", "\r"), id="old Macintosh line ends"),
        pytest.param("\n" + GOOD.replace("\n", "\n\n") + "\n\n", id="blank lines"),
        pytest.param(GOOD.rstrip("\n"), id="no newline at the end"),
        pytest.param(GOOD.replace("a,b,y", '"a", b ,"y"'), id="quoted and padded header"),
        pytest.param(GOOD.replace("\n3,", '\n"3",'), id="quoted numbers"),
        pytest.param(GOOD.replace(",", " , "), id="padded numbers"),
    ],
)
def test_harmless_spellings_of_csv_are_read(prepare: ModuleType, tmp_path: Path, content: str | bytes) -> None:
    put(tmp_path, data=content)
    assert prepare.main(arguments(tmp_path)) == 0
    assert sorted(read_splits(tmp_path)) == [[i * 2.0, float(i), i * 0.1] for i in range(20)]


def test_a_quoted_name_may_hold_commas_and_line_ends(prepare: ModuleType, tmp_path: Path) -> None:
    put(tmp_path, data=GOOD.replace("a,b,y", '"size, in ""m²""\nwithin",b,y'))
    extra = '--features="size, in ""m²""\nwithin",b'
    assert prepare.main(arguments(tmp_path, extra)) == 0
    report = json.loads((tmp_path / "out/report/report.json").read_text())
    assert report["features"] == ['size, in "m²"\nwithin', "b"]


def test_columns_that_are_not_features_may_hold_anything(prepare: ModuleType, tmp_path: Path) -> None:
    lines = [f"house {i},{i},,{i * 2}\n" for i in range(20)]
    put(tmp_path, data="id,a,note,y\n" + "".join(lines))
    assert prepare.main(arguments(tmp_path, "--features=a")) == 0
    assert len(read_splits(tmp_path)) == 20


def test_a_column_that_never_changes_is_warned_of(
    prepare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, data=HEADER + "".join(f"{i},7,{i}\n" for i in range(20)))
    assert prepare.main(arguments(tmp_path)) == 0
    report = json.loads((tmp_path / "out/report/report.json").read_text())
    assert len(report["warnings"]) == 1
    assert "'b' has the same value in every row" in report["warnings"][0]
    assert f"warning: {report['warnings'][0]}\n" in capsys.readouterr().out


def test_statistics_too_large_for_a_float_are_null(prepare: ModuleType, tmp_path: Path) -> None:
    put(tmp_path, data=HEADER + "".join(f"{i},1.7e308,{i}\n" for i in range(20)))
    assert prepare.main(arguments(tmp_path)) == 0
    report = json.loads((tmp_path / "out/report/report.json").read_text())
    assert report["feature_statistics"]["b"] == {"min": 1.7e308, "max": 1.7e308, "mean": None, "std": None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "data.csv is empty; it needs a header line"),
        ("\ufeff \n\n", "data.csv is empty; it needs a header line"),
        (HEADER, "data.csv has a header but no data rows"),
        (HEADER + "1,2,3\n", "1 data row is too few"),
        (HEADER + "1,2,3\n" * 3, "3 data rows are too few"),
        ("1,2,3\n4,5,6\n", "data.csv line 1 holds numbers (1, 2, 3) where the column names should be"),
        (GOOD.replace("y", "z"), "data.csv has no column 'y', the target; its columns are a, b, z"),
        (GOOD.replace("a,b", "b,b"), "data.csv line 1: the header has 'b' more than once"),
        (GOOD.replace("a,b", ",b"), "data.csv: column 1 has no name in the header"),
        (GOOD.replace(",", ";"), "data.csv line 1: the header has no comma in it ('a;b;y')"),
        ("y\n" + "1\n" * 20, "data.csv has no column but the target 'y'"),
        (GOOD + "1,abc,3\n", "data.csv line 22, column 'b': 'abc' is not a number"),
        (GOOD + "1,1_000,3\n", "data.csv line 22, column 'b': '1_000' is not a number"),
        (GOOD + "1,2,high\n", "data.csv line 22, column 'y': 'high' is not a number"),
        (GOOD + '1,"1\n2",3\n', r"data.csv line 23, column 'b': '1\n2' is not a number"),
        (GOOD + "1,2,\n", "data.csv: the target 'y' is empty, NaN or infinite on line 22; give it a value"),
        (
            HEADER + "1,2,nan\n1,2,3\n1,2,inf\n1,nan,-Infinity\n1,2, \n",
            "data.csv: the target 'y' is empty, NaN or infinite on lines 2, 4, 5, 6;",
        ),
        (HEADER + "1,2,1e999\n" * 30, "on lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 20 more;"),
        (GOOD + "NaN,2,3\n", "data.csv: the feature 'a' is empty, NaN or infinite on line 22;"),
        (GOOD + "1,2\n", "data.csv line 22 has 2 values, but the header names 3 columns"),
        (GOOD + "1,2,3,4\n", "data.csv line 22 has 4 values, but the header names 3 columns"),
        (GOOD + " \n", "data.csv line 22 has 1 value, but the header names 3 columns"),
        (GOOD + '1,2,"3\n', "data.csv line 22: this is not CSV (unexpected end of data)"),
        (GOOD + '1,"2"3,4\n', "data.csv line 22: this is not CSV"),
        (GOOD.encode() + b"1,\xff,3\n", "data.csv line 22: the byte 0xff is not UTF-8"),
        (GOOD.encode("utf-16"), "data.csv line 1: the byte 0xff is not UTF-8"),
    ],
)
def test_bad_data_is_refused_with_the_reason(refusal, content: str | bytes, message: str) -> None:
    assert message in refusal(data=content)


def test_files_with_different_headers_are_refused(refusal) -> None:
    message = refusal(one=GOOD, two=GOOD.replace("a,b", "b,a"))
    assert message.startswith("two.csv has another header than one.csv (b, a, y instead of a, b, y)")


def test_a_bad_file_among_good_ones_is_named(refusal) -> None:
    assert refusal(one=GOOD, two="").startswith("two.csv is empty")


def test_a_folder_without_csv_files_is_refused(refusal, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "(it holds nothing)" in refusal()
    (tmp_path / "in" / "data.parquet").touch()
    assert "there is no .csv file in the input folder" in refusal()
    assert "(it holds data.parquet)" in refusal()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--features=a,c", "data.csv has no column 'c', a feature; its columns are a, b, y"),
        ("--features=a,y", "the feature 'y' is the target as well"),
        ("--features=a,a", "the feature 'a' is listed more than once"),
        ("--train-fraction=0.9", "the split fractions are 0.9 / 0.15 / 0.15; each must lie between 0 and 1"),
        ("--train-fraction=nan", "the split fractions are nan / 0.15 / 0.15"),
        ("--seed=-1", "--seed is -1; it must be 0 or more"),
        ("--seed=x", "argument --seed: invalid int value: 'x'"),
        ("--sede=1", "unrecognized arguments: --sede=1"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_reason(refusal, option: str, message: str) -> None:
    assert message in refusal(option, data=GOOD)


def test_the_reason_becomes_the_exit_message_of_the_job(
    refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "ml"))
    (tmp_path / "ml" / "output").mkdir(parents=True)
    reason = refusal(data="")
    assert (tmp_path / "ml/output/message").read_text() == f"prepare.py: error: {reason}"
    refusal(data=",".join(f"{'ä' * 50}{i}" for i in range(50)) + "\n")
    written = (tmp_path / "ml/output/message").read_bytes()
    assert 1022 < len(written) <= 1024
    assert written.decode().endswith("ä")


finite = st.floats(allow_nan=False, allow_infinity=False)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(finite, min_size=width + 1, max_size=width + 1), min_size=4, max_size=30)
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(table=tables, seed=st.integers(0, 2**32))
def test_splits_hold_every_row_once_with_the_very_same_numbers(
    prepare: ModuleType, tmp_path: Path, table: list[list[float]], seed: int
) -> None:
    names = [f"x{i}" for i in range(len(table[0]) - 1)]
    lines = [",".join([*names, "y"]), *(",".join(map(repr, row)) for row in table)]
    put(tmp_path, data="\n".join(lines))

    def run() -> list[list[list[float]]]:
        assert prepare.main(arguments(tmp_path, f"--seed={seed}")) == 0
        return [read_split(tmp_path, name) for name in ("train", "validation", "test")]

    splits = run()
    assert all(splits)
    assert sorted(row for split in splits for row in split) == sorted([row[-1], *row[:-1]] for row in table)
    assert run() == splits


@given(st.integers(0, 5000), st.integers(0, 2**63), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_row_numbers_are_dealt_out_completely(
    prepare: ModuleType, rows: int, seed: int, validation: float, test: float
) -> None:
    fractions = prepare.Fractions(1 - validation - test, validation, test)
    fewest = min(round(rows * validation), round(rows * test))
    if fewest < 1 or rows - round(rows * validation) - round(rows * test) < 1:
        with pytest.raises(prepare.DataError, match="too few"):
            prepare.split_rows(rows, fractions=fractions, seed=seed)
        return
    splits = prepare.split_rows(rows, fractions=fractions, seed=seed)
    assert all(len(split) for split in splits.values())
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(rows))
    again = prepare.split_rows(rows, fractions=fractions, seed=seed)
    assert all((again[name] == split).all() for name, split in splits.items())


def test_a_seed_splits_alike_in_every_version_of_numpy(prepare: ModuleType) -> None:
    splits = prepare.split_rows(442, fractions=prepare.Fractions(0.7, 0.15, 0.15), seed=42)
    assert splits["train"][:6].tolist() == [281, 408, 44, 61, 151, 263]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.one_of(st.binary(), st.text(alphabet='a,y1.e-"\n\r\t ;ä', max_size=60).map(str.encode)))
def test_any_bytes_are_either_read_or_refused(prepare: ModuleType, tmp_path: Path, data: bytes) -> None:
    put(tmp_path, data=data)
    try:
        table = prepare.read_table(tmp_path / "in", target="y", features=None)
    except prepare.DataError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert np.isfinite(table.values).all()
    assert refusal.startswith("data.csv") or not refusal
