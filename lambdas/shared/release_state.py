"""The state of a release: what ``Prepare release`` gives, and every later state of the machine reads."""

from __future__ import annotations

from pydantic import BaseModel

from shared.parameters import package_parameter


class Names(BaseModel):
    """The names of what a release works on, and of everything that it makes."""

    endpoint: str
    parameter: str
    model_package_group: str
    model: str
    shared_config: str
    final_config: str
    candidate_variant: str
    latency_alarm: str
    errors_5xx_alarm: str
    errors_4xx_alarm: str

    @property
    def lease(self) -> str:
        """What the lease is called: the recipe's usual endpoint, whichever endpoint clients are sent to by now."""
        return self.model_package_group

    @property
    def package_parameter(self) -> str:
        """The SSM parameter that says which package serves."""
        return package_parameter(self.model_package_group, self.parameter.split("/")[-2])

    @property
    def alarms(self) -> list[str]:
        """The alarms that watch the candidate."""
        return [self.latency_alarm, self.errors_5xx_alarm, self.errors_4xx_alarm]

    @property
    def configs(self) -> list[str]:
        """The endpoint configurations."""
        return [self.shared_config, self.final_config]


class Limits(BaseModel):
    """What the candidate may not exceed."""

    latency_ms: float
    errors_5xx_percent: float
    errors_4xx_percent: float


class Sample(BaseModel):
    """A request, and the range of its answer; without one the answer must be finite all the same."""

    body: str
    minimum: float | None = None
    maximum: float | None = None


class ShadowPlan(BaseModel):
    """How a shadow is compared.

    Parameters
    ----------
    capture_uri
        Where the endpoint keeps what it was asked and answered: a prefix.
    sampling_percent
        Of the requests, how many the shadow gets a copy of.
    maximum_difference
        The mean relative difference that still counts as the same.
    """

    capture_uri: str
    sampling_percent: int = 100
    maximum_difference: float = 0.1


class Plan(BaseModel):
    """How the release goes: the shares of its steps, and how each is watched."""

    strategy: str
    shares: list[int]
    look_seconds: int
    looks_to_bake: int
    looks_at_most: int
    minimum_requests: int
    limits: Limits
    alarms: list[str]
    # What SageMaker is told when it does the watching itself.
    bake_seconds: int = 0
    grace_seconds: int = 0
    shadow: ShadowPlan | None = None


class Instances(BaseModel):
    """What the candidate runs on, at least."""

    type: str
    count: int


class ContentTypes(BaseModel):
    """What the model takes and gives."""

    input: str
    output: str


class Variant(BaseModel):
    """A variant that serves: its weight and its number of instances."""

    name: str
    weight: float
    count: int


class Switch(BaseModel):
    """Where clients are sent before the release sends them to an endpoint of its own, with `blue-green-endpoints`.

    `parameter_value` is what their parameter says, None when there is none; `old_endpoint` is the endpoint that they
    ask by that, None when there is none.
    """

    parameter_value: str | None
    old_endpoint: str | None


class Before(BaseModel):
    """The endpoint as ``Lock endpoint`` found it: what is restored when the release is taken back."""

    exists: bool
    endpoint_config: str | None = None
    variants: list[Variant] = []
    # What the candidate is called while it is watched, and in the end.
    watched_variant: str
    final_variant: str
    switch: Switch | None = None

    @property
    def is_asked(self) -> bool:
        """Whether there are clients: nobody asks an endpoint that was not there."""
        return self.exists or (self.switch is not None and self.switch.old_endpoint is not None)


class Figures(BaseModel):
    """What a variant has done, as CloudWatch counts it."""

    requests: int = 0
    errors_5xx: int = 0
    errors_4xx: int = 0
    latency_ms_total: float = 0.0

    def since(self, base: Figures) -> Figures:
        """Give what was done after `base`."""
        return Figures(
            requests=max(self.requests - base.requests, 0),
            errors_5xx=max(self.errors_5xx - base.errors_5xx, 0),
            errors_4xx=max(self.errors_4xx - base.errors_4xx, 0),
            latency_ms_total=max(self.latency_ms_total - base.latency_ms_total, 0.0),
        )

    @property
    def latency_ms(self) -> float | None:
        """The average; None without a request."""
        return round(self.latency_ms_total / self.requests, 1) if self.requests else None


class StepReport(BaseModel):
    """A step that is done."""

    share: int
    looks: int
    requests: int
    errors_5xx: int
    errors_4xx: int
    latency_ms: float | None


class Step(BaseModel):
    """Where the release is: which step, and how far."""

    index: int
    share: int = 0
    looks: int = 0
    samples_sent: int = 0
    base: Figures = Figures()
    verdict: str = ""
    done: list[StepReport] = []


class Comparison(BaseModel):
    """What a shadow answered, beside what was answered; differences are relative, shares of 1."""

    passed: bool = False
    reasons: list[str] = []
    answers: int
    mean_difference: float | None
    largest_difference: float | None
    share_beyond: float | None
    no_numbers: int
    requests: int = 0
    errors_5xx: int = 0
    errors_4xx: int = 0
    latency_ms: float | None = None

    @property
    def summary(self) -> str:
        """It, in a sentence."""
        mean, largest = self.mean_difference, self.largest_difference
        told = (
            f", {mean:.2%} apart on average, {largest:.2%} at most" if mean is not None and largest is not None else ""
        )
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{'Passed' if self.passed else 'Not passed'}{why}. {self.answers} answers compared{told}"


class Shadow(BaseModel):
    """How far the comparison is."""

    looks: int = 0
    verdict: str = ""
    comparison: Comparison | None = None


class ReleaseState(BaseModel):
    """The machine's state after ``Prepare release``."""

    recipe: str
    execution: str
    model_package_arn: str
    by_approval: bool
    names: Names
    release: Plan
    instances: Instances
    content_types: ContentTypes
    samples: list[Sample]
    step: Step
    shadow: Shadow = Shadow()
