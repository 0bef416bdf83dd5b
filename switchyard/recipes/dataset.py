"""A data set on this machine: cheap checks of it, so that a hopeless run is refused before it starts.

The messages are those of `training_code/*/prepare.py`, which reads everything; here only the head of each
file is read.
"""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchyard.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from switchyard.recipes.model import Data, Split

SPLITS = ("train", "validation", "test")
# A larger file is looked at only at its head: the run's first job reads all of it anyway.
LARGEST_READ_WHOLE = 50 * 1024 * 1024


@dataclass(frozen=True)
class Dataset:
    """The files of a data set that has passed the checks.

    Parameters
    ----------
    files
        Each file by its name in the data set: `housing.csv`, or `train/part-1.csv`.
    is_folder
        Whether the user gave a folder.
    """

    files: dict[str, Path]
    is_folder: bool

    def content_hash(self) -> str:
        """Hash names and contents; dates and places do not count."""
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            with path.open("rb") as file:
                digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest()[:12]


def open_dataset(path: Path, data: Data) -> Dataset:
    """Check a data set against its recipe.

    Parameters
    ----------
    path
        A CSV file; a folder of them; or a folder that is split already, with `train/`, `validation/` and
        `test/` whose files have no header and the target first.
    data
        What the recipe says about its data.

    Raises
    ------
    DataError
        When it is missing or empty, lacks a header or a column, or has too few rows.
    """
    try:
        if not path.is_dir():
            _check_table([path], data)
            return Dataset({path.name: path}, is_folder=False)
        if any((path / split).is_dir() for split in SPLITS):
            files = [file for split in SPLITS for file in _csv_files(path / split)]
            _check_split(files, data)
        else:
            files = _csv_files(path)
            _check_table(files, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{error.filename or path} cannot be read: {reason}; correct the path") from error
    return Dataset({file.relative_to(path).as_posix(): file for file in files}, is_folder=True)


def _csv_files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*.[cC][sS][vV]") if file.is_file())
    if not files:
        raise DataError(f"there is no .csv file in the folder {folder}; put at least one there")
    return files


def _check_table(files: list[Path], data: Data) -> None:
    needed = _rows_needed(data.split)
    found = 0
    for file in files:
        if file.suffix.lower() != ".csv" and file.exists():
            raise DataError(f"{file} is not a .csv file; give the data as CSV, with that ending")
        rows = _rows(file)
        line, header = next(rows, (0, []))
        if not any(cell.strip() for cell in header):
            raise DataError(f"{file} is empty; it needs a header line with column names, then one line a row")
        columns = [cell.strip() for cell in header]
        _check_header(columns, f"{file} line {line}", file, data)
        used = [index for index, name in enumerate(columns) if _is_used(name, data)]
        whole = file.stat().st_size <= LARGEST_READ_WHOLE
        own = 0
        for line, row in rows:
            if len(row) != len(header):
                raise DataError(
                    f"{file} line {line} has {_count(len(row), 'value')}, but the header names {len(header)} "
                    "columns; give every line one value a column"
                )
            _check_cells(row, used, columns, f"{file} line {line}")
            own += 1
            if own >= needed and not whole:
                break
        if not own:
            raise DataError(f"{file} has a header but no data rows; add one line a row below it")
        found += own
    if found < needed:
        split = data.split
        raise DataError(
            f"{files[0] if len(files) == 1 else files[0].parent} has {_count(found, 'data row')}, too few: "
            f"with {split.train:g} / {split.validation:g} / {split.test:g} it takes {needed} rows for "
            "each split to get one; bring more rows"
        )


def _is_used(column: str, data: Data) -> bool:
    return column == data.target or data.features is None or column in data.features


def _check_cells(row: list[str], used: list[int], columns: list[str], place: str) -> None:
    for index in used:
        try:
            is_finite = math.isfinite(float(row[index]))
        except ValueError:
            is_finite = False
        if not is_finite:
            what = repr(row[index][:60]) if row[index].strip() else "an empty cell"
            raise DataError(
                f"{place}, column {columns[index]!r}: {what} is not a number; correct it or take the row out"
            )


def _check_header(header: list[str], place: str, file: Path, data: Data) -> None:
    if all(_is_number(cell) for cell in header):
        raise DataError(
            f"{place} holds numbers ({_listing(header)}) where the column names should be; add a header line"
        )
    if repeated := next((cell for cell in header if header.count(cell) > 1), None):
        raise DataError(f"{place}: the header has {repeated!r} more than once; give every column a name of its own")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise DataError(
            f"{place}: the header has no comma in it ({header[0][:60]!r}); separate the columns with commas"
        )
    columns = {data.target: "the target"} | dict.fromkeys(data.features or [], "a feature")
    for column, role in columns.items():
        if column not in header:
            raise DataError(
                f"{file} has no column {column!r}, {role}; its columns are {_listing(header)}; "
                "add or rename the column, or correct the recipe's data"
            )
    if data.features is None and len(header) == 1:
        raise DataError(f"{file} has no column but the target {data.target!r}; a model needs a feature")


def _check_split(files: list[Path], data: Data) -> None:
    """Files of a data set that is split already have no header: the target, then the features."""
    width = len(data.features) + 1 if data.features else 0
    for file in files:
        line, row = next(_rows(file), (0, []))
        if not row:
            raise DataError(f"{file} is empty; give it rows, the target first, then the features")
        if not _is_number(row[0]):
            raise DataError(
                f"{file} line {line} begins with {row[0][:60]!r}, not a number; data that is split already "
                "has no header, the target first, then the features: take the header out, or give one CSV "
                "file to split"
            )
        if width and len(row) != width:
            raise DataError(
                f"{file} line {line} has {_count(len(row), 'value')}, not {width}: the target, then "
                f"{_count(width - 1, 'feature')}; give every file the same columns"
            )
        width = len(row)


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Give each row that is not blank with its line's number, reading no further than is asked."""
    line = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            for row in reader:
                line = reader.line_num
                if row:
                    yield line, row
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: a byte after line {line} is not UTF-8 ({error.reason}); save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(
            f"{file} line {line + 1}: this is not CSV ({error}); "
            'check the quotes: a quoted field ends with ", and a quote inside is written ""'
        ) from None


def _rows_needed(split: Split) -> int:
    """The fewest rows that leave no split empty; validation and test are rounded, train gets the rest."""
    ceiling = 10_000  # A fraction this small is left to prepare.py, which counts every row.
    for rows in range(3, ceiling):
        validation, test = round(rows * split.validation), round(rows * split.test)
        if min(validation, test, rows - validation - test) >= 1:
            return rows
    return ceiling


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _listing(names: list[str], limit: int = 20) -> str:
    shown = ", ".join(name[:60] for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
