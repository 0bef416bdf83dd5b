"""What is tried: every strategy to its end and taken back at every step, and candidates that are no good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ALARM = "switchyard-benchmark-breach"
CANARY_STEPS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
GUARDRAIL_STEPS = (50, 100)


@dataclass(frozen=True)
class Scenario:
    """One release.

    Parameters
    ----------
    strategy
        As the recipe's `release.strategy`.
    candidate
        One of `candidates.SCRIPTS`.
    breach_at
        In which bake an alarm that the recipe names goes off, counted from 1; None for never.
    outcome
        What the release must end with.
    reasons
        One of these its reason must have in it.
    settings
        More of the recipe's section `release`.
    """

    strategy: str
    outcome: str
    candidate: str = "as trained"
    breach_at: int | None = None
    reasons: tuple[str, ...] = ("",)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in the table."""
        if self.breach_at is not None:
            return f"{self.strategy}, alarm in bake {self.breach_at}"
        return self.strategy if self.candidate == "as trained" else f"{self.strategy}, candidate: {self.candidate}"


# What a candidate that is no good has to be taken back for.
_UNFIT = {
    "slow (600 ms)": ("latency", "more than 500 ms"),
    "500 for 5 %": ("5xx", "one in twenty fails"),
    "NaN": ("not finite",),
    "NaN after 50": ("not finite",),
    "dies under load": ("5xx", "server error (503)"),
    "never healthy": ("the model cannot be loaded",),
}


def all_scenarios() -> list[Scenario]:
    """Give all of them, in the order in which they are tried."""
    canary, guardrails = {"steps": list(CANARY_STEPS)}, {"steps": list(GUARDRAIL_STEPS)}
    return [
        *_to_the_end_and_back("all-at-once", 1),
        *_to_the_end_and_back("canary", len(CANARY_STEPS), canary),
        *_to_the_end_and_back("blue-green", 1),
        *_to_the_end_and_back("blue-green-endpoints", 1, {"grace_seconds": 300}),
        *_to_the_end_and_back("guardrails", len(GUARDRAIL_STEPS), guardrails),
        Scenario("shadow", "COMPARED"),
        *(
            Scenario("canary", "ROLLED_BACK", candidate, reasons=reasons, settings=_settings_of(candidate))
            for candidate, reasons in _UNFIT.items()
        ),
    ]


def _settings_of(candidate: str) -> dict[str, Any]:
    limits = {"limits": {"latency_ms": 500}} if candidate.startswith("slow") else {}
    return {"steps": [10, 50, 100], **limits}


def _to_the_end_and_back(strategy: str, bakes: int, settings: dict[str, Any] | None = None) -> list[Scenario]:
    own = settings or {}
    taken_back = [
        Scenario(strategy, "ROLLED_BACK", breach_at=bake + 1, reasons=(ALARM,), settings=own) for bake in range(bakes)
    ]
    return [Scenario(strategy, "RELEASED", settings=own), *taken_back]
