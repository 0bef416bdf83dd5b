"""Tries releases, one after the other, while a load asks the endpoint."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.releases.candidates import Registry
from benchmarks.releases.scenarios import ALARM, Scenario
from benchmarks.releases.stage import Stage

BAKE, GUARDRAILS = "Bake", "guardrails"


@dataclass(frozen=True)
class Outcome:
    """How a release went.

    Parameters
    ----------
    load
        What became of the requests that were sent meanwhile: see `load.Tally.document`.
    outcome, reasons
        What the release says of itself.
    recorded
        The reason that the model registry has.
    seconds, bake_seconds
        How long it took, and how long it waited of that because its steps bake.
    """

    scenario: Scenario
    load: dict[str, Any]
    outcome: str
    reasons: list[str]
    recorded: str
    seconds: float
    bake_seconds: float

    @property
    def is_as_expected(self) -> bool:
        """Whether it ended as it has to, and lost nothing that was not the candidate's own doing."""
        fair = self.scenario.candidate == "as trained"
        lost = self.load["failed"] or self.load["not_numbers"]
        told = any(words in reason for words in self.scenario.reasons for reason in self.reasons)
        kept = self.outcome != "ROLLED_BACK" or any(words in self.recorded for words in self.scenario.reasons)
        return self.outcome == self.scenario.outcome and told and kept and not (fair and lost)


def try_release(stage: Stage, registry: Registry, scenario: Scenario, rate: float, settings: dict[str, Any]) -> Outcome:
    """Release a candidate under load.

    Parameters
    ----------
    rate
        Requests a second.
    settings
        What every scenario has in its section `release`, if it does not say otherwise.
    """
    package = registry.add(scenario.candidate)
    release = {**settings, **scenario.settings, "strategy": scenario.strategy, "alarms": [ALARM]}
    stage.set_alarm("OK")
    with stage.load(rate) as end_load:
        execution = stage.start(package, release)
        trigger = _Trigger(stage, execution, scenario)
        ended = stage.wait(execution, trigger.look)
        load = end_load()
    output = json.loads(ended.get("output") or "{}")
    described = stage.client("sagemaker").describe_model_package(ModelPackageName=package)
    return Outcome(
        scenario,
        load,
        output.get("status", ended["status"]),
        output.get("reasons") or [ended.get("cause", "")],
        described.get("ApprovalDescription", ""),
        (ended["stopDate"] - ended["startDate"]).total_seconds(),
        bake_seconds(stage.events(execution)) or trigger.baked_seconds,
    )


def bake_seconds(events: list[dict[str, Any]]) -> float:
    """Give the time that a release has spent waiting in its steps, from its history."""
    total, entered = 0.0, None
    for event in events:
        if event["type"] == "WaitStateEntered":
            entered = event["timestamp"]
        elif event["type"] == "WaitStateExited" and entered is not None:
            total += (event["timestamp"] - entered).total_seconds()
            entered = None
    return total


class _Trigger:
    """Lets the alarm go off in the bake that it is for, or as soon as it sees that this one has begun."""

    def __init__(self, stage: Stage, execution: str, scenario: Scenario) -> None:
        self._stage = stage
        self._execution = execution
        self._bake = scenario.breach_at
        self._now = self._bake_of_sagemaker if scenario.strategy == GUARDRAILS else self._bake_of_ours
        self._bakes: set[datetime] = set()
        self._looked = time.perf_counter()
        self.baked_seconds = 0.0

    def look(self) -> None:
        """Look how far the release is."""
        since, self._looked = self._looked, time.perf_counter()
        bake = self._now()
        if bake is None:
            return
        self.baked_seconds += self._looked - since
        if self._bake is not None and bake >= self._bake:
            self._stage.set_alarm("ALARM")
            self._bake = None

    def _bake_of_ours(self) -> int | None:
        """Return which bake the machine has begun last, counted from 1."""
        for event in self._stage.newest_events(self._execution):
            if (entered := event.get("stateEnteredEventDetails")) and entered["name"] == BAKE:
                return len(json.loads(entered["input"])["step"]["done"]) + 1
        return None

    def _bake_of_sagemaker(self) -> int | None:
        """Return the same of a deployment that SageMaker carries out."""
        pending = self._stage.client("sagemaker").describe_endpoint(EndpointName=self._stage.live())
        for variant in pending.get("PendingDeploymentSummary", {}).get("ProductionVariants", []):
            for status in variant.get("VariantStatus", []):
                if status["Status"] == "Baking":
                    self._bakes.add(status["StartTime"])
                    return len(self._bakes)
        return None
