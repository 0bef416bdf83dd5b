from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from shared.gate import GateRule, finite_metrics, format_apart, judge

numbers = st.floats(min_value=-1e6, max_value=1e6)


def rule(direction: str = "minimize", threshold: float | None = 62.0, margin: float | None = None) -> GateRule:
    return GateRule.model_validate({"metric": "rmse", "direction": direction, "threshold": threshold, "margin": margin})


@given(numbers, numbers)
def test_a_metric_passes_exactly_on_the_good_side_of_its_threshold(value: float, threshold: float) -> None:
    assert (not judge([rule("minimize", threshold)], {"rmse": value})) == (value <= threshold)
    assert (not judge([rule("maximize", threshold)], {"rmse": value})) == (value >= threshold)


@given(st.sampled_from([math.nan, math.inf, -math.inf]), st.sampled_from(["minimize", "maximize"]))
def test_what_is_no_number_never_passes(value: float, direction: str) -> None:
    assert judge([rule(direction)], {"rmse": value}) == [f"rmse is {value}, not a number to compare"]


@given(numbers, numbers, st.floats(min_value=0.01, max_value=100))
def test_with_a_margin_a_worse_or_equal_model_never_passes(value: float, worse: float, margin: float) -> None:
    champion = value - abs(worse)
    assert judge([rule("minimize", None, margin)], {"rmse": value}, {"rmse": champion})


@given(numbers, numbers)
def test_numbers_that_differ_look_different(value: float, other: float) -> None:
    shown = format_apart(value, other)
    assert (shown[0] != shown[1]) or value == other


def test_reasons_read_well() -> None:
    assert judge([rule()], {"rmse": 71.2}) == ["rmse 71.20 is above the limit 62.00"]
    assert judge([rule("maximize", 0.46)], {"rmse": 0.4599}) == ["rmse 0.4599 is below the limit 0.4600"]
    assert judge([rule("minimize", 62, 1)], {"rmse": 60}, {"rmse": 60.5}) == [
        "rmse 60.00 is not better than the champion's 60.50 by at least 1"
    ]


def test_a_missing_metric_does_not_pass() -> None:
    assert judge([rule()], {"mae": 1.0}) == ["rmse is missing"]


def test_the_threshold_itself_passes() -> None:
    assert judge([rule()], {"rmse": 62.0}) == []


def test_all_rules_must_hold() -> None:
    rules = [rule(), GateRule(metric="r2", direction="maximize", threshold=0.4)]
    assert judge(rules, {"rmse": 70.0, "r2": 0.3}) == [
        "rmse 70.00 is above the limit 62.00",
        "r2 0.30 is below the limit 0.40",
    ]


def test_a_margin_needs_a_champion_to_apply() -> None:
    assert judge([rule(margin=1)], {"rmse": 60.0}, None) == []


def test_rounding_does_not_cost_a_model_its_margin() -> None:
    assert judge([rule("maximize", None, 0.1)], {"rmse": 0.3}, {"rmse": 0.2}) == []


def test_a_champion_without_the_metric_cannot_be_beaten() -> None:
    assert judge([rule(margin=1)], {"rmse": 60.0}, {"mae": 2.0}) == [
        "rmse of the champion is unknown, so the margin 1 over it cannot be checked"
    ]


def test_a_threshold_must_be_a_number() -> None:
    with pytest.raises(ValidationError):
        rule(threshold=math.nan)


def test_json_gets_finite_metrics_only() -> None:
    assert finite_metrics({"a": 1.0, "b": math.nan, "c": math.inf}) == {"a": 1.0}
