"""How a model goes into service: the section ``release`` of a recipe, as it is published and as an input changes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

DAY = 24 * 3600
DEFAULT_INCREMENT = 10
# UpdateEndpoint's ceilings for its own deployments. Source: TrafficRoutingConfig (Amazon SageMaker API Reference).
LONGEST_GUARDRAILS_WAIT = 3600
LONGEST_GUARDRAILS_WAITS = 25200  # of the 28800 seconds that all may take, an hour is left for instances to come up
MOST_GUARDRAILS_ALARMS = 10 - 3  # a release makes three itself
LEAST_LINEAR_STEP = 10
LARGEST_FIRST_STEP = 50

Strategy = Literal["all-at-once", "canary", "blue-green", "blue-green-endpoints", "shadow", "guardrails"]
Percent = Annotated[float, Field(ge=0, le=100)]
AlarmName = Annotated[str, Field(pattern=r"^[ -~]*[!-~][ -~]*$", max_length=255)]
Share = Annotated[int, Field(ge=1, le=100)]


class _Section(BaseModel):
    # Overrides of a user are merged into it before it is read: a misspelt key is an error, and "3600" is no number.
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False)


class ReleaseLimits(_Section):
    """``release.limits``: what the candidate's variant must keep to."""

    latency_ms: Annotated[float, Field(gt=0)] = 500
    errors_5xx_percent: Percent = 1
    errors_4xx_percent: Percent = 5


class Sample(_Section):
    """One of ``release.samples``: a request, and the range of each number of its answer."""

    body: Annotated[str, Field(min_length=1, max_length=4096)]
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _range_is_one(self) -> Sample:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self


class Shadow(_Section):
    """``release.shadow``: how answers are compared."""

    sampling_percent: Share = 100
    maximum_difference: Annotated[float, Field(ge=0)] = 0.1


class ReleaseSettings(_Section):
    """The section ``release``, with every default; times in seconds, shares in percent."""

    approval: Literal["automatic", "manual"] = "automatic"
    strategy: Strategy = "all-at-once"
    increment: Share | None = None
    steps: Annotated[list[Share], Field(min_length=1)] | None = None
    bake_seconds: Annotated[int, Field(ge=0, le=7 * DAY)] = 300
    minimum_requests: Annotated[int, Field(ge=0)] = 100
    patience_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = 3600
    grace_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = 3600
    limits: ReleaseLimits = ReleaseLimits()
    alarms: Annotated[list[AlarmName], Field(max_length=10)] = []
    samples: Annotated[list[Sample], Field(max_length=20)] = []
    shadow: Shadow = Shadow()

    @property
    def in_graph(self) -> bool:
        """Whether train-and-deploy itself puts the model into service: nobody is asked, and no step waits."""
        return self.approval == "automatic" and self.strategy == "all-at-once"

    def shares(self) -> list[int]:
        """Give the candidate's share of the traffic after each step, in percent; the last one is 100.

        Examples
        --------
        >>> ReleaseSettings(increment=30).shares()
        [30, 60, 90, 100]
        """
        if self.steps is not None:
            return self.steps
        increment = self.increment or DEFAULT_INCREMENT
        return [*range(increment, 100, increment), 100]

    @field_validator("steps")
    @classmethod
    def _steps_ascend_to_all(cls, steps: list[int] | None) -> list[int] | None:
        if steps is not None and (steps != sorted(set(steps)) or steps[-1] != 100):
            raise ValueError(f"the shares {steps} must ascend, and end with 100")
        return steps

    @field_validator("alarms")
    @classmethod
    def _alarms_are_distinct(cls, alarms: list[str]) -> list[str]:
        if len(set(alarms)) < len(alarms):
            raise ValueError(f"an alarm is there twice: {', '.join(alarms)}")
        return alarms

    @model_validator(mode="after")
    def _is_consistent(self) -> ReleaseSettings:
        if self.increment is not None and self.steps is not None:
            raise ValueError("increment and steps both say how traffic goes up: give one of them")
        if self.patience_seconds < self.bake_seconds:
            raise ValueError(
                f"patience_seconds {self.patience_seconds} is below bake_seconds {self.bake_seconds}, which it includes"
            )
        return self

    @model_validator(mode="after")
    def _guardrails_are_sagemakers(self) -> ReleaseSettings:
        if self.strategy != "guardrails":
            return self
        if self.bake_seconds > LONGEST_GUARDRAILS_WAIT:
            raise ValueError(
                f"bake_seconds {self.bake_seconds} is above SageMaker's limit for guardrails, {LONGEST_GUARDRAILS_WAIT}"
            )
        increment, steps = self.increment, self.steps
        if increment is not None and not (LEAST_LINEAR_STEP <= increment <= LARGEST_FIRST_STEP or increment == 100):
            raise ValueError(
                f"increment {increment} is none of SageMaker's guardrails: {LEAST_LINEAR_STEP} to {LARGEST_FIRST_STEP}"
            )
        if steps is not None and not _are_guardrails(steps):
            raise ValueError(
                f"steps {steps} are none of SageMaker's guardrails: one share of up to {LARGEST_FIRST_STEP}, then 100; "
                f"or even ones of at least {LEAST_LINEAR_STEP}"
            )
        waits = self.bake_seconds * len(self.shares())
        if waits > LONGEST_GUARDRAILS_WAITS:
            raise ValueError(
                f"bake_seconds {self.bake_seconds} after each of {len(self.shares())} steps are {waits} seconds; "
                f"SageMaker's guardrails leave room for {LONGEST_GUARDRAILS_WAITS}"
            )
        if len(self.alarms) > MOST_GUARDRAILS_ALARMS:
            raise ValueError(
                f"there are {len(self.alarms)} alarms; SageMaker's guardrails take {MOST_GUARDRAILS_ALARMS} beside "
                "those that the release makes"
            )
        return self


def _are_guardrails(steps: list[int]) -> bool:
    first = steps[0]
    if len(steps) <= 2:
        return first <= LARGEST_FIRST_STEP or len(steps) == 1
    return first >= LEAST_LINEAR_STEP and steps == [*range(first, 100, first), 100]


def with_overrides(settings: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Give the section as an input changes it, still to be validated.

    Who gives one of ``increment`` and ``steps`` replaces the recipe's, whichever that was; ``limits`` and ``shadow``
    are changed key by key.

    Examples
    --------
    >>> with_overrides({"steps": [50, 100], "limits": {"latency_ms": 500.0}}, {"increment": 20, "limits": {}})
    {'steps': None, 'limits': {'latency_ms': 500.0}, 'increment': 20}
    """
    changed = dict(settings)
    if {"increment", "steps"} & set(overrides):
        changed |= {"increment": None, "steps": None}
    for key, value in overrides.items():
        both = isinstance(value, dict) and isinstance(changed.get(key), dict)
        changed[key] = {**changed[key], **value} if both else value
    return changed
