from __future__ import annotations

from pathlib import Path

import pytest

from switchyard.errors import UsageError
from switchyard.executions.inputs import MAX_INPUT_BYTES, read_body, read_input


def test_json_is_read_from_the_option_and_from_a_file(tmp_path: Path):
    file = tmp_path / "input.json"
    file.write_text('\ufeff{"recipe": "housing"}', encoding="utf-8")
    assert read_input('{"recipe": "diabetes"}') == {"recipe": "diabetes"}
    assert read_input(f"@{file}") == {"recipe": "housing"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"recipe": }', r'--input is not JSON: Expecting value at line 1, column 12\n    {"recipe": }\n {15}\^'),
        ("", r"--input is not JSON: Expecting value at line 1, column 1"),
        ('{"a": NaN}', r"NaN is not a JSON value; use null"),
        ("[" * 100_000, r"nested too deeply"),
        ("@/no/such/file", r"--input @/no/such/file: /no/such/file cannot be read: No such file"),
    ],
)
def test_wrong_json_is_refused_with_its_place(text: str, message: str):
    with pytest.raises(UsageError, match=message):
        read_input(text)


def test_the_place_in_a_long_line_is_shown_with_what_is_around_it():
    with pytest.raises(UsageError) as caught:
        read_input('{"a": "' + "x" * 500 + '", }')
    first, shown, pointer = str(caught.value).splitlines()
    assert "column 51" in first
    assert len(shown) < 120
    assert shown[len(pointer) - 1] == "}"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    file = tmp_path / "input.json"
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(UsageError, match=r"input.json is not UTF-8 \(byte 7\)"):
        read_input(f"@{file}")


def test_an_input_may_be_as_large_as_step_functions_takes():
    fits = '"' + "x" * (MAX_INPUT_BYTES - 2) + '"'
    assert len(read_input(fits)) == MAX_INPUT_BYTES - 2
    with pytest.raises(UsageError, match=r"has 262,145 bytes; Step Functions takes 262,144"):
        read_input(fits[:-1] + 'x"')


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("1,2,3", "text/csv"),
        ("42", "text/csv"),
        ("1,2\n3,4", "text/csv"),
        ("[[1, 2]]", "application/json"),
        ('{"instances": [[1, 2]]}', "application/json"),
        ("{broken", "text/csv"),
    ],
)
def test_the_content_type_is_told_from_the_body(body: str, content_type: str):
    assert read_body(body) == (body.encode(), content_type)


def test_a_body_can_come_from_a_file(tmp_path: Path):
    file = tmp_path / "rows"
    file.write_bytes(b"[[1]]")
    assert read_body(f"@{file}") == (b"[[1]]", "application/json")
    with pytest.raises(UsageError, match=r"--body @.*none: .* cannot be read"):
        read_body(f"@{tmp_path}/none")
