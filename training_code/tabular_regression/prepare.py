"""Check tabular data and split it into train, validation and test: the script of a Processing job.

It reads every CSV file below ``--input``, refuses what a regression cannot be trained on, and writes

- ``train.csv``, ``validation.csv`` and ``test.csv``, each into its own folder: no header, the target
  first, then the features in order, as SageMaker's own algorithms expect it;
- ``report.json``: the names of the features, what each column holds, and how the rows were split.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")


class DataError(Exception):
    """When the data or an argument cannot be used; the message is what the user reads."""


@dataclass(frozen=True)
class Fractions:
    """How much of the rows each split gets; the three add up to 1."""

    train: float
    validation: float
    test: float


@dataclass(frozen=True)
class Table:
    """The columns in use of all files: the target first, then the features."""

    names: list[str]
    values: NDArray[np.float64]
    files: list[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script.

    Parameters
    ----------
    argv
        The command line without the script's name; by default the process's own.

    Returns
    -------
    int
        The exit code: 0, or 1 when the data or an argument cannot be used. The reason is then the last
        line on stderr, and the job's exit message.
    """
    try:
        prepare(parse_arguments(argv))
    except (DataError, OSError) as error:
        reason = f"prepare.py: error: {error}".replace("\n", " ")
        write_exit_message(reason)
        print(reason, file=sys.stderr)
        return 1
    return 0


def prepare(arguments: argparse.Namespace) -> None:
    """Read, check, split, and write; nothing is written unless everything is in order.

    Raises
    ------
    DataError
        When the data cannot be used.
    """
    fractions = Fractions(arguments.train_fraction, arguments.validation_fraction, arguments.test_fraction)
    check_fractions(fractions)
    features = parse_names(arguments.features)
    table = read_table(arguments.input, target=arguments.target, features=features)
    splits = split_rows(len(table.values), fractions=fractions, seed=arguments.seed)
    report = describe(table, splits=splits, fractions=fractions, seed=arguments.seed)

    for name, rows in splits.items():
        write_split(getattr(arguments, name) / f"{name}.csv", table.values[rows])
    arguments.report.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (arguments.report / "report.json").write_text(text + "\n", encoding="utf-8")

    sizes = ", ".join(f"{name} {len(rows)}" for name, rows in splits.items())
    print(f"{len(table.values)} rows of {len(table.names) - 1} features; {sizes}")
    for warning in report["warnings"]:
        print(f"warning: {warning}")


def read_table(folder: Path, *, target: str, features: list[str] | None) -> Table:
    """Read and check every CSV file below a folder.

    Parameters
    ----------
    folder
        Where the files are, at any depth; they must have the same header.
    target
        The name of the column to predict.
    features
        The names of the columns to predict from, in order; None means every other column.

    Raises
    ------
    DataError
        When a file cannot be read as numbers under one header, or lacks a column.
    """
    paths = find_csv_files(folder)
    parts: list[NDArray[np.float64]] = []
    header: list[str] = []
    used: list[str] = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        text = decode(path.read_bytes(), name)
        own_header = read_header(text, name)
        if not parts:
            header = own_header
            used = choose_columns(header, name, target=target, features=features)
        elif own_header != header:
            raise DataError(
                f"{name} has another header than {paths[0].relative_to(folder).as_posix()} "
                f"({listing(own_header)} instead of {listing(header)}); "
                "give all files the same columns in the same order"
            )
        parts.append(read_values(text, name, header=header, used=used, target=target))
    files = [path.relative_to(folder).as_posix() for path in paths]
    return Table(names=used, values=np.concatenate(parts), files=files)


def split_rows(rows: int, *, fractions: Fractions, seed: int) -> dict[str, NDArray[np.int64]]:
    """Deal the row numbers out at random; the same seed deals the same way.

    Parameters
    ----------
    rows
        How many there are.
    fractions
        The share of each split; validation and test are rounded, train gets the rest.
    seed
        Of numpy's default generator, 0 or more.

    Returns
    -------
    dict
        The row numbers, counted from 0, by the split's name.

    Raises
    ------
    DataError
        When a split would be empty.
    """
    validation, test = round(rows * fractions.validation), round(rows * fractions.test)
    sizes = {"train": rows - validation - test, "validation": validation, "test": test}
    empty = [name for name, size in sizes.items() if size < 1]
    if empty:
        raise DataError(
            f"{rows} data {'row is' if rows == 1 else 'rows are'} too few: with the fractions "
            f"{fractions.train:g} / {fractions.validation:g} / {fractions.test:g} nothing is left for "
            f"{' and '.join(empty)}; bring more rows, or give that split a larger fraction"
        )
    order = np.random.default_rng(seed).permutation(rows)
    train, validation_rows, test_rows = np.split(order, [sizes["train"], sizes["train"] + validation])
    return {"train": train, "validation": validation_rows, "test": test_rows}


def describe(table: Table, *, splits: dict[str, NDArray[np.int64]], fractions: Fractions, seed: int) -> dict[str, Any]:
    """Put together what report.json holds."""
    target, *features = table.names
    statistics = {name: column_statistics(table.values[:, i]) for i, name in enumerate(table.names)}
    warnings = [
        f"the feature {name!r} has the same value in every row, so nothing can be learned from it"
        for name in features
        if statistics[name]["min"] == statistics[name]["max"]
    ]
    if statistics[target]["min"] == statistics[target]["max"]:
        warnings.insert(0, f"the target {target!r} has the same value in every row, so r2 is not defined")
    if len(splits["train"]) <= len(features):
        warnings.append(
            f"there are {len(splits['train'])} rows to train on and {len(features)} features; "
            "a model can learn such rows by heart"
        )
    return {
        "rows": len(table.values),
        "columns": len(table.names),
        "files": table.files,
        "target": {"name": target, **statistics[target]},
        "features": features,
        "feature_statistics": {name: statistics[name] for name in features},
        "splits": {name: {"rows": len(rows), "fraction": getattr(fractions, name)} for name, rows in splits.items()},
        "seed": seed,
        "warnings": warnings,
    }


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line.

    Raises
    ------
    DataError
        When it is wrong.
    """
    parser = ArgumentParser(prog="prepare.py", description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--input", type=Path, required=True, metavar="DIR", help="holds the CSV files")
    for name in SPLITS:
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR", help=f"gets {name}.csv")
    parser.add_argument("--report", type=Path, required=True, metavar="DIR", help="gets report.json")
    parser.add_argument("--target", required=True, metavar="NAME", help="the column to predict")
    parser.add_argument(
        "--features", default="", metavar="A,B,C", help="the columns to predict from; default: all others"
    )
    for name, default in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
        parser.add_argument(f"--{name}-fraction", type=float, default=default, metavar="FRACTION")
    parser.add_argument("--seed", type=int, default=0, help="the same seed splits the same way")
    arguments = parser.parse_args(argv)
    if arguments.seed < 0:
        raise DataError(f"--seed is {arguments.seed}; it must be 0 or more")
    return arguments


class ArgumentParser(argparse.ArgumentParser):
    """Reports a wrong command line the way every other error is reported."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with code 2."""
        raise DataError(message)


def check_fractions(fractions: Fractions) -> None:
    """Refuse fractions that leave a split empty or rows over."""
    values = (fractions.train, fractions.validation, fractions.test)
    if not all(0 < value < 1 for value in values) or not math.isclose(sum(values), 1, abs_tol=1e-6):
        raise DataError(
            f"the split fractions are {' / '.join(f'{value:g}' for value in values)}; "
            "each must lie between 0 and 1, and together they must make 1"
        )


def parse_names(text: str) -> list[str] | None:
    """Read a list of column names, itself a line of CSV; an empty one is None."""
    names = [name.strip() for name in next(csv.reader([text]), [])]
    return names or None


def find_csv_files(folder: Path) -> list[Path]:
    """List the CSV files below a folder, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in files if path.suffix.lower() == ".csv"]
    if not found:
        others = listing([path.relative_to(folder).as_posix() for path in files])
        raise DataError(
            f"there is no .csv file in the input folder {folder} (it holds {others or 'nothing'}); "
            "point the run's data at a CSV file, or at a prefix that holds some"
        )
    return found


def decode(data: bytes, name: str) -> str:
    """Decode a file, with or without a byte order mark."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name} line {line}: the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None
    if not text.strip():
        raise DataError(f"{name} is empty; it needs a header line with column names, then one line a row")
    return text


def read_rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Give each row that is not blank with the number of the line that it ends on."""
    # newline=None makes every kind of line end a plain one, as csv wants it.
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(
            f"{name} line {reader.line_num}: this is not CSV ({error}); "
            'check the quotes: a quoted field ends with ", and a quote inside is written ""'
        ) from None


def read_header(text: str, name: str) -> list[str]:
    """Read the column names, refusing what cannot be a header."""
    line, row = next(read_rows(text, name))
    header = [cell.strip() for cell in row]
    if all(is_number(cell) for cell in header):
        raise DataError(
            f"{name} line {line} holds numbers ({listing(header)}) where the column names should be; add a header line"
        )
    repeated = sorted({cell for cell in header if header.count(cell) > 1})
    if repeated:
        raise DataError(
            f"{name} line {line}: the header has {quoted(repeated[0])} more than once; "
            "give every column a name of its own"
        )
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise DataError(
            f"{name} line {line}: the header has no comma in it ({quoted(header[0])}); separate the columns with commas"
        )
    return header


def choose_columns(header: list[str], name: str, *, target: str, features: list[str] | None) -> list[str]:
    """Name the columns to use, the target first."""
    if target not in header:
        raise DataError(
            f"{name} has no column {quoted(target)}, the target; its columns are {listing(header)}; "
            "add or rename the column, or correct the recipe's target"
        )
    if features is None:
        features = [column for column in header if column != target]
        if "" in features:
            raise DataError(
                f"{name}: column {header.index('') + 1} has no name in the header; "
                "name it, or list the recipe's features without it"
            )
    for feature in features:
        if feature not in header:
            raise DataError(
                f"{name} has no column {quoted(feature)}, a feature; its columns are {listing(header)}; "
                "add or rename the column, or correct the recipe's features"
            )
        if feature == target or features.count(feature) > 1:
            what = "is the target as well" if feature == target else "is listed more than once"
            raise DataError(f"the feature {quoted(feature)} {what}; correct the recipe's features")
    if not features:
        raise DataError(f"{name} has no column but the target {quoted(target)}; a model needs a feature")
    return [target, *features]


def read_values(text: str, name: str, *, header: list[str], used: list[str], target: str) -> NDArray[np.float64]:
    """Read the columns in use as numbers, the target first."""
    rows = -1
    lines_above = 0
    for line, row in read_rows(text, name):
        if len(row) != len(header):
            raise DataError(
                f"{name} line {line} has {len(row)} {'value' if len(row) == 1 else 'values'}, "
                f"but the header names {len(header)} columns; give every line one value a column"
            )
        if rows < 0:
            lines_above = line
        rows += 1
    if rows < 1:
        raise DataError(f"{name} has a header but no data rows; add one line a row below it")

    positions = [header.index(column) for column in used]
    try:
        values = np.loadtxt(
            io.StringIO(text, newline=None),
            delimiter=",",
            quotechar='"',
            comments=None,
            skiprows=lines_above,
            usecols=positions,
            ndmin=2,
        )
    except ValueError as error:
        raise explain_cells(text, name, header=header, used=used, target=target) or DataError(
            f"{name}: {error}; correct that value"
        ) from None
    if not np.isfinite(values).all():
        raise explain_cells(text, name, header=header, used=used, target=target) or DataError(
            f"{name} holds NaN or infinite values; give them a value, or remove their rows"
        )
    return values


def explain_cells(text: str, name: str, *, header: list[str], used: list[str], target: str) -> DataError | None:
    """Say which cells are not numbers: slow, so only when it is known that there are some."""
    positions = {column: header.index(column) for column in used}
    missing: dict[str, list[int]] = {}
    rows = read_rows(text, name)
    next(rows)
    for line, row in rows:
        for column, position in positions.items():
            cell = row[position].strip()
            if not cell or (is_number(cell) and not math.isfinite(float(cell))):
                missing.setdefault(column, []).append(line)
            elif not is_number(cell):
                return DataError(
                    f"{name} line {line}, column {quoted(column)}: {quoted(cell)} is not a number; "
                    "correct it, or list the recipe's features without that column"
                )
    if not missing:
        return None
    column = target if target in missing else next(iter(missing))
    where = listing([str(line) for line in missing[column]], limit=10)
    role = "target" if column == target else "feature"
    return DataError(
        f"{name}: the {role} {quoted(column)} is empty, NaN or infinite on "
        f"{'line' if len(missing[column]) == 1 else 'lines'} {where}; "
        "give it a value there, or remove those rows"
    )


def is_number(cell: str) -> bool:
    """Tell whether numpy would read the cell as a number; Python alone would take 1_000 too."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell


def column_statistics(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Sum a column up; a figure too large for a float is None."""
    with np.errstate(over="ignore", invalid="ignore"):
        figures = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
    return {name: float(figure) if np.isfinite(figure) else None for name, figure in figures.items()}


def write_split(path: Path, values: NDArray[np.float64]) -> None:
    """Write rows as CSV; repr is the shortest text that reads back as the very same number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(",".join(map(repr, row)) + "\n" for row in values.tolist())


def write_exit_message(reason: str) -> None:
    """Leave the reason where SageMaker picks a Processing job's ExitMessage up, if that place exists.

    Source: "How Amazon SageMaker Processing Configures Your Processing Container": up to 1 KB of
    /opt/ml/output/message.
    """
    path = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "output", "message")
    try:
        path.write_text(reason.encode()[:1024].decode(errors="ignore"), encoding="utf-8")
    except OSError:
        return  # Not in a container: stderr says it all the same.


def quoted(text: str) -> str:
    """Put a name or a value between quotes, on one line, and not too long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def listing(items: list[str], *, limit: int = 20) -> str:
    """Put names in a row, the first of many."""
    shown = ", ".join(item if len(item) <= 60 else item[:57] + "..." for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


if __name__ == "__main__":
    sys.exit(main())
