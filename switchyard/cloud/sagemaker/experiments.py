"""Experiments, trials and trial components: metadata that is stored, and nothing that runs.

Source: CreateExperiment, CreateTrial, CreateTrialComponent, AssociateTrialComponent (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, ClassVar

from botocore import xform_name

from switchyard.cloud.account import arn
from switchyard.cloud.sagemaker.component_metrics import ComponentMetrics, metric_data
from switchyard.cloud.sagemaker.errors import ResourceNotFoundError, ValidationError
from switchyard.cloud.sagemaker.handlers import Handler
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.store import Store, now
from switchyard.cloud.sagemaker.tags import tags_of
from switchyard.cloud.shapes import moment


class Metadata:
    """What was said of one thing when it was made, and since."""

    kind: ClassVar[str]
    arn_kind: ClassVar[str]
    status = "Completed"

    def __init__(self, request: dict[str, Any]) -> None:
        self.name: str = request[f"{self.kind}Name"]
        self.arn = arn("sagemaker", f"{self.arn_kind}/{self.name.lower()}")
        self.tags = tags_of(request)
        self.created = self.modified = now()
        self.said: dict[str, Any] = {"DisplayName": self.name}
        self._say(request)

    def update(self, request: dict[str, Any]) -> None:
        """Change what an Update call may change; of a map, the entries that it names."""
        for member in ("Parameters", "InputArtifacts", "OutputArtifacts"):
            kept = {**self.said.get(member, {}), **(request.get(member) or {})}
            for key in request.get(f"{member}ToRemove") or []:
                kept.pop(key, None)
            if kept or member in self.said:
                self.said[member] = kept
            request = {key: value for key, value in request.items() if key not in {member, f"{member}ToRemove"}}
        self._say(request)
        self.modified = now()

    def describe(self) -> dict[str, Any]:
        """Answer the Describe call."""
        return {
            **self.said,
            f"{self.kind}Arn": self.arn,
            "CreationTime": self.created,
            "CreatedBy": {},
            "LastModifiedTime": self.modified,
            "LastModifiedBy": {},
        }

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of the List call."""
        names = f"{self.kind}Name {self.kind}Arn DisplayName Status StartTime EndTime CreationTime LastModifiedTime"
        described = self.describe()
        return {name: described.get(name) for name in names.split()}

    def _say(self, request: dict[str, Any]) -> None:
        for key, value in request.items():
            if key != "Tags" and value is not None:
                self.said[key] = moment(value) if key in {"StartTime", "EndTime"} else value


class Experiment(Metadata):
    """An experiment: trials that are compared."""

    kind = "Experiment"
    arn_kind = "experiment"


class Trial(Metadata):
    """A trial of an experiment."""

    kind = "Trial"
    arn_kind = "experiment-trial"

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(request)
        self.experiment: str = request["ExperimentName"]
        self.components: dict[str, TrialComponent] = {}  # by ARN


class TrialComponent(Metadata):
    """A trial component: one step of trials, with its parameters, metrics and artifacts."""

    kind = "TrialComponent"
    arn_kind = "experiment-trial-component"

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(request)
        self.metrics = ComponentMetrics()

    def describe(self) -> dict[str, Any]:
        """Answer DescribeTrialComponent."""
        return {**super().describe(), "Metrics": self.metrics.summaries(self.arn)}


class Experiments:
    """The operations on experiments, trials and trial components."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.experiments: Store[Experiment] = _store(Experiment)
        self.trials: Store[Trial] = _store(Trial)
        self.components: Store[TrialComponent] = _store(TrialComponent)
        self.operations: dict[str, Handler] = {
            **_operations(Experiment, self.experiments),
            **_operations(Trial, self.trials),
            **_operations(TrialComponent, self.components),
            "CreateTrial": self._create_trial,
            "DeleteExperiment": self._delete_experiment,
            "DeleteTrial": self._delete_trial,
            "DeleteTrialComponent": self._delete_component,
            "AssociateTrialComponent": self._associate,
            "DisassociateTrialComponent": self._disassociate,
            "ListTrials": self._list_trials,
            "ListTrialComponents": self._list_components,
        }

    def trials_with(self, component: TrialComponent) -> Iterator[Trial]:
        """Yield the trials that a component is associated with."""
        return (trial for trial in self.trials if component.arn in trial.components)

    def searched(self, component: TrialComponent) -> dict[str, Any]:
        """Return what Search finds of a trial component: also the trials that it is in, and their experiments."""
        parents = [
            {"TrialName": trial.name, "ExperimentName": trial.experiment} for trial in self.trials_with(component)
        ]
        return {**component.describe(), "Parents": parents}

    def put_metrics(self, body: bytes) -> None:
        """Carry out BatchPutMetrics, an operation of the metrics service.

        Raises
        ------
        SageMakerError
            It is no such request, or there is no such trial component.
        """
        name, entries = metric_data(body)
        self.components.find(name).metrics.put(entries)

    def _create_trial(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.experiments.find(request["ExperimentName"])
            trial = Trial(request)
            self.trials.add(trial)
        return {"TrialArn": trial.arn}

    def _delete_experiment(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            experiment = self.experiments.find(request["ExperimentName"])
            if any(trial.experiment.lower() == experiment.name.lower() for trial in self.trials):
                raise ValidationError(f"Experiment '{experiment.name}' has trials: delete them first.")
            self.experiments.remove(experiment)
        return {"ExperimentArn": experiment.arn}

    def _delete_trial(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            trial = self.trials.find(request["TrialName"])
            if trial.components:
                raise ValidationError(f"Trial '{trial.name}' has trial components: disassociate them first.")
            self.trials.remove(trial)
        return {"TrialArn": trial.arn}

    def _delete_component(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            component = self.components.find(request["TrialComponentName"])
            if next(self.trials_with(component), None) is not None:
                raise ValidationError(f"Trial component '{component.name}' is in trials: disassociate it first.")
            self.components.remove(component)
        return {"TrialComponentArn": component.arn}

    def _associate(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            trial = self.trials.find(request["TrialName"])
            component = self.components.find(request["TrialComponentName"])
            trial.components[component.arn] = component
        return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}

    def _disassociate(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            trial = self.trials.find(request["TrialName"])
            component = self.components.find(request["TrialComponentName"])
            trial.components.pop(component.arn, None)
        return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}

    def _list_trials(self, request: dict[str, Any]) -> dict[str, Any]:
        trials = list(self.trials)
        if name := request.get("ExperimentName"):
            self.experiments.find(name)
            trials = [trial for trial in trials if trial.experiment.lower() == name.lower()]
        if name := request.get("TrialComponentName"):
            component = self.components.find(name)
            trials = [trial for trial in trials if component.arn in trial.components]
        return Listing("TrialSummaries").answer(trials, request)

    def _list_components(self, request: dict[str, Any]) -> dict[str, Any]:
        components: list[TrialComponent] = list(self.components)
        for asked, store in (("ExperimentName", self.experiments), ("TrialName", self.trials)):
            if name := request.get(asked):
                store.find(name)
                trials = [
                    trial
                    for trial in self.trials
                    if name.lower() == (trial.experiment if asked == "ExperimentName" else trial.name).lower()
                ]
                within = {each for trial in trials for each in trial.components}
                components = [component for component in components if component.arn in within]
        # What a job makes by itself on AWS has a source; what is made here never has.
        if request.get("SourceArn"):
            components = []
        return Listing("TrialComponentSummaries").answer(components, request)


def _store(kind: type[Metadata]) -> Store[Any]:
    label = str(xform_name(kind.kind, " ")).capitalize()
    return Store(
        lambda name: ResourceNotFoundError(f"{label} '{name}' does not exist."),
        lambda there: ValidationError(
            f"{label} names must be unique within an AWS account and region. {label} with name ({there.name}) already "
            "exists."
        ),
    )


def _operations(kind: type[Metadata], store: Store[Any]) -> dict[str, Handler]:
    """Return what is the same for every kind."""

    def create(request: dict[str, Any]) -> dict[str, Any]:
        made = kind(request)
        store.add(made)
        return {f"{kind.kind}Arn": made.arn}

    def update(request: dict[str, Any]) -> dict[str, Any]:
        found = store.find(request[f"{kind.kind}Name"])
        found.update(request)
        return {f"{kind.kind}Arn": found.arn}

    def describe(request: dict[str, Any]) -> dict[str, Any]:
        return dict(store.find(request[f"{kind.kind}Name"]).describe())

    listing = Listing(f"{kind.kind}Summaries")
    return {
        f"Create{kind.kind}": create,
        f"Describe{kind.kind}": describe,
        f"Update{kind.kind}": update,
        f"List{kind.kind}s": lambda request: listing.answer(store, request),
    }
