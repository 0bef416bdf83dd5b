from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from shared.names import run_prefix, sagemaker_name

PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@given(st.text(min_size=1, max_size=100))
def test_any_text_gives_a_name_that_sagemaker_takes(text: str) -> None:
    name = sagemaker_name(text)
    assert len(name) <= 63
    assert PATTERN.fullmatch(name)
    assert sagemaker_name(text) == name
    assert sagemaker_name(name) == name


@given(st.from_regex(PATTERN, fullmatch=True).filter(lambda text: len(text) <= 63))
def test_a_good_name_stays_as_it_is(text: str) -> None:
    assert sagemaker_name(text) == text


@given(st.lists(st.text(alphabet="ab_.-", min_size=1, max_size=80), min_size=2, max_size=2, unique=True))
def test_different_texts_have_different_names(texts: list[str]) -> None:
    assert sagemaker_name(texts[0]) != sagemaker_name(texts[1])


def test_long_texts_that_differ_at_the_end_stay_apart() -> None:
    assert sagemaker_name("a" * 79 + "b") != sagemaker_name("a" * 79 + "c")


def test_an_uploads_execution_name_is_cut_and_hashed() -> None:
    name = sagemaker_name("switchyard-17793124-05d4-b198-2fde-7ededc63b103_a1b2c3d4-05d4-b198-2fde-7ededc63b103")
    assert name.startswith("switchyard-17793124-05d4-b198-2fde-7ededc63b103-a1b2c3")
    assert len(name) <= 63


def test_outputs_lie_under_the_executions_own_name_unless_it_makes_trouble_in_keys() -> None:
    assert run_prefix("diabetes_1.5") == "runs/diabetes_1.5/"
    assert run_prefix("über+alles") == f"runs/{sagemaker_name('über+alles')}/"
    assert ".." not in run_prefix("..")
