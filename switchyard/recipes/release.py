"""The model of a recipe's section `release`: who lets a model go into service, and how it gets there."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from switchyard.recipes.section import Section, refuse, repeated

DAY = 24 * 3600
# UpdateEndpoint's ceilings for its own deployments. Source: TrafficRoutingConfig (Amazon SageMaker API Reference).
LONGEST_GUARDRAILS_WAIT = 3600
LONGEST_GUARDRAILS_WAITS = 25200  # of the 28800 seconds that all may take, an hour is left for instances to come up
MOST_GUARDRAILS_ALARMS = 10 - 3  # a release makes three itself
LEAST_LINEAR_STEP = 10
LARGEST_FIRST_STEP = 50
DEFAULT_INCREMENT = 10

Percent = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[int, Field(ge=1, le=100)]
AlarmName = Annotated[str, StringConstraints(pattern=r"^[ -~]*[!-~][ -~]*$", max_length=255)]


class ReleaseLimits(Section):
    """What the new model's variant must keep to while it is being released."""

    latency_ms: Annotated[float, Field(gt=0)] = 500
    """The highest average of ModelLatency in a minute, in milliseconds."""
    errors_5xx_percent: Percent = 1
    """The largest share of its requests that the model may answer with 5xx."""
    errors_4xx_percent: Percent = 5
    """The largest share of its requests that the model may answer with 4xx."""


class Sample(Section):
    """A request that the new model is tested with before it gets traffic."""

    body: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    """The request's body, of the recipe's input content type."""
    minimum: float | None = None
    """The least that each number of the answer may be. Absent: any."""
    maximum: float | None = None
    """The most that each number of the answer may be. Absent: any."""

    @model_validator(mode="after")
    def _range_is_one(self) -> Sample:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            refuse(f"{self.minimum:g} is more than maximum, {self.maximum:g}", at=".minimum", fix="swap them")
        return self


class Shadow(Section):
    """How the answers of a shadow variant are compared."""

    sampling_percent: Share = 100
    """The share of requests that the new model gets a copy of."""
    maximum_difference: Annotated[float, Field(ge=0)] = 0.1
    """The mean relative difference of both models' answers that still counts as the same."""


class Release(Section):
    """How a model that passed the gate goes into service."""

    approval: Literal["automatic", "manual"] = "automatic"
    """Who approves the model package: the gate alone, or a person after it."""
    strategy: Literal["all-at-once", "canary", "blue-green", "blue-green-endpoints", "shadow", "guardrails"] = (
        "all-at-once"
    )
    """How traffic comes to the new model."""
    increment: Share | None = None
    """Percent of the traffic that each step adds (canary, guardrails). Absent, without steps: 10."""
    steps: Annotated[list[Share], Field(min_length=1)] | None = None
    """In place of increment: the new model's share after each step, in percent, the last one 100."""
    bake_seconds: Annotated[int, Field(ge=0, le=7 * DAY)] = 300
    """How long the new model is watched after each step."""
    minimum_requests: Annotated[int, Field(ge=0)] = 100
    """How many requests it must have answered in a step before the next one."""
    patience_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = 3600
    """How long a step may wait for these requests, bake_seconds included; then the release is taken back."""
    grace_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = 3600
    """How long the earlier endpoint stays after the switch (blue-green-endpoints)."""
    limits: ReleaseLimits = ReleaseLimits()
    """What the new model's variant must keep to."""
    alarms: list[AlarmName] = Field(default=[], max_length=10)
    """CloudWatch alarms of the account that take the release back as well."""
    samples: list[Sample] = Field(default=[])
    """Requests that the new model is tested with, and what its answers must be."""
    shadow: Shadow = Shadow()
    """How answers are compared (shadow)."""

    @property
    def in_graph(self) -> bool:
        """Whether train-and-deploy puts the model into service itself, with nobody asked and no step to wait in."""
        return self.approval == "automatic" and self.strategy == "all-at-once"

    @field_validator("steps")
    @classmethod
    def _steps_ascend_to_all(cls, steps: list[int] | None) -> list[int] | None:
        if steps is None:
            return None
        for index, (share, following) in enumerate(pairwise(steps), start=1):
            if following <= share:
                refuse(
                    f"{following} does not come after {share}", at=f"[{index}]", fix="let each share be above the last"
                )
        if steps[-1] != 100:
            refuse(f"the last share is {steps[-1]}, not 100", fix="end with 100: all of the traffic")
        return steps

    @field_validator("alarms")
    @classmethod
    def _alarms_are_distinct(cls, alarms: list[str]) -> list[str]:
        for index, name in repeated(alarms):
            refuse(f"{name!r} is there twice", at=f"[{index}]", fix="keep one")
        return alarms

    @field_validator("samples")
    @classmethod
    def _samples_are_few(cls, samples: list[Sample]) -> list[Sample]:
        if len(samples) > 20:
            refuse(f"there are {len(samples)}; a release sends up to 20", fix="take some out")
        return samples

    @model_validator(mode="after")
    def _one_way_to_say_the_steps(self) -> Release:
        if self.increment is not None and self.steps is not None:
            refuse("increment and steps both say how traffic goes up", at=".increment", fix="keep one of them")
        return self

    @model_validator(mode="after")
    def _patience_holds_the_bake(self) -> Release:
        if self.patience_seconds < self.bake_seconds:
            refuse(
                f"{self.patience_seconds} is less than bake_seconds, which it includes",
                at=".patience_seconds",
                fix=f"make it {self.bake_seconds} or more",
            )
        return self

    @model_validator(mode="after")
    def _guardrails_are_sagemakers(self) -> Release:
        if self.strategy != "guardrails":
            return self
        if self.bake_seconds > LONGEST_GUARDRAILS_WAIT:
            refuse(
                f"{self.bake_seconds} is more than SageMaker's guardrails wait, {LONGEST_GUARDRAILS_WAIT}",
                at=".bake_seconds",
                fix=f"make it {LONGEST_GUARDRAILS_WAIT} or less, or use the strategy canary",
            )
        if self.increment is not None and not (
            LEAST_LINEAR_STEP <= self.increment <= LARGEST_FIRST_STEP or self.increment == 100
        ):
            refuse(
                f"SageMaker's guardrails take increments of {LEAST_LINEAR_STEP} to {LARGEST_FIRST_STEP}, "
                f"not {self.increment}",
                at=".increment",
                fix="change it, or use the strategy canary",
            )
        if self.steps is not None and not _are_guardrails(self.steps):
            refuse(
                f"SageMaker's guardrails take one share of up to {LARGEST_FIRST_STEP}, then 100; or even ones",
                at=".steps",
                fix="write for example steps: [10, 100], or an increment, or use the strategy canary",
            )
        shares = len(self.steps or range(0, 100, self.increment or DEFAULT_INCREMENT))
        if self.bake_seconds * shares > LONGEST_GUARDRAILS_WAITS:
            refuse(
                f"after each of {shares} steps it makes {self.bake_seconds * shares} seconds, and SageMaker's "
                f"guardrails leave room for {LONGEST_GUARDRAILS_WAITS}",
                at=".bake_seconds",
                fix=f"make it {LONGEST_GUARDRAILS_WAITS // shares} or less, or take fewer steps",
            )
        if len(self.alarms) > MOST_GUARDRAILS_ALARMS:
            refuse(
                f"there are {len(self.alarms)}; SageMaker's guardrails take {MOST_GUARDRAILS_ALARMS} beside those that "
                "a release makes",
                at=".alarms",
                fix="take some out, or use the strategy canary",
            )
        return self


def _are_guardrails(steps: list[int]) -> bool:
    first = steps[0]
    if len(steps) <= 2:
        return first <= LARGEST_FIRST_STEP or len(steps) == 1
    return first >= LEAST_LINEAR_STEP and steps == [*range(first, 100, first), 100]
