"""Tries releases, one after the other, while a load asks the endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.releases.candidates import Registry
from benchmarks.releases.scenarios import ALARM, Scenario
from benchmarks.releases.stage import Stage

SHIFT, BAKE = "Shift traffic", "Bake"


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
        trigger = _Trigger(stage, execution, scenario.breach_at)
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
        bake_seconds(stage.events(execution)),
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
    """Lets the alarm go off in the bake that it is for."""

    def __init__(self, stage: Stage, execution: str, bake: int | None) -> None:
        self._stage = stage
        self._execution = execution
        self._bake = bake

    def look(self) -> None:
        """Look how far the release is."""
        if self._bake is None:
            return
        shifts, in_bake = 0, False
        for event in self._stage.events(self._execution):
            name = (event.get("stateEnteredEventDetails") or {}).get("name")
            shifts += name == SHIFT
            in_bake = name == BAKE if name else in_bake
        if shifts >= self._bake and in_bake:
            self._stage.set_alarm("ALARM")
            self._bake = None
