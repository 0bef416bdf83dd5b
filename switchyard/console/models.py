"""Models: what the runs of a recipe have made, how good it is, what it was made from, what it costs."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.aws.registry import PENDING, ModelPackages
from switchyard.console.costs import cost_if_known
from switchyard.console.endpoints import reader_of
from switchyard.console.evaluation import (
    Text,
    UnreadableError,
    evaluate,
    no_evaluation,
    texts_in_folder,
    texts_in_s3,
)
from switchyard.console.problems import RequestError, problem_of
from switchyard.console.registry import Package, Registry
from switchyard.console.routing import get, required
from switchyard.console.run_facts import (
    RunFacts,
    facts_in_history,
    facts_of,
    gate_in_history,
    group_in_history,
    lineage_of,
)
from switchyard.console.run_histories import RunHistories, RunHistory
from switchyard.console.schema import (
    Cost,
    Evaluation,
    ExecutionStatus,
    GateCondition,
    ModelPackage,
    ModelPage,
    ModelRow,
    ModelRun,
    Models,
    Release,
)
from switchyard.executions.history import find_in_states

if TYPE_CHECKING:
    from starlette.routing import Route

    from switchyard.console.context import Context
    from switchyard.console.known import KnownExecution
    from switchyard.console.live import FeedMaker

MOST_RUNS = 500
_MOST_EVALUATIONS = 16
# What a page waits for histories of runs that have no output; what is missing then comes with the next page.
_SECONDS_FOR_HISTORIES = 0.5
# What is described in the background is waited for, but no longer than this; a page asks again when more is known.
_SECONDS_FOR_ALL, _SECONDS_FOR_ONE, _LOOK_SECONDS = 0.5, 2.0, 0.02
# Of so many runs the gate is looked for, the newest first.
_GATE_RUNS = 5
_DEPLOYED = "DEPLOYED"
# How a run has registered its model, by how it ended.
_DECIDED = {
    _DEPLOYED: "Approved",
    "APPROVED": "Approved",
    "PENDING_APPROVAL": PENDING,
    "REJECTED": "Rejected",
}


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    models = ModelReader(context)
    return [
        get("/api/models", lambda _request: models.all()),
        get("/api/model", lambda request: models.page(required(request, "recipe"), request.query_params.get("run"))),
    ]


def feeds(_context: Context) -> dict[str, FeedMaker]:
    """Nothing: a page asks again when the executions change."""
    return {}


@dataclass(frozen=True)
class _Versions:
    """What the model registry says of a recipe's models; `is_known` is whether it could be read."""

    packages: list[Package]
    is_known: bool = False
    problem: str | None = None

    def of(self, execution: KnownExecution) -> Package | None:
        """Find the package that a run has registered."""
        if execution.is_past:  # another cloud's registry had it
            return None
        return next((package for package in self.packages if package.execution == execution.name), None)

    @property
    def champion(self) -> Package | None:
        """The newest approved one that came into service, as `find_champion` of the functions takes it."""
        return next((package for package in self.packages if package.is_champion), None)

    @property
    def waiting(self) -> int:
        """How many wait for approval."""
        return sum(package.approval == PENDING for package in self.packages)


class ModelReader:
    """Reads what runs have made.

    Parameters
    ----------
    context
        What the console looks at.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._histories = RunHistories(context)
        self._lock = threading.Lock()
        self._registry: Registry | None = None
        self._registry_of: object = None
        # Of runs that have ended without an output.
        self._facts: dict[tuple[object, ...], RunFacts] = {}
        self._evaluations: OrderedDict[tuple[object, ...], Evaluation] = OrderedDict()

    def all(self) -> Models:
        """List every recipe that has been run."""
        by_recipe: dict[str, list[KnownExecution]] = {}
        released: dict[str, str | None] = {}
        for execution in self._executions(_SECONDS_FOR_ALL):
            if execution.recipe is None:
                continue
            if execution.package_arn is None:
                by_recipe.setdefault(execution.recipe, []).append(execution)
            else:
                released.setdefault(execution.recipe, facts_of(execution).endpoint)
        rows, problem = [], None
        serving = reader_of(self._context).names()
        for recipe, executions in sorted(by_recipe.items()):
            facts = {execution.arn: facts_of(execution) for execution in executions}
            group = _group(executions, facts)
            versions = self._versions(group)
            problem = problem or versions.problem
            champion = self._champion(executions, versions)
            endpoint = next((fact.endpoint for fact in facts.values() if fact.endpoint), released.get(recipe))
            rows.append(
                ModelRow(
                    recipe=recipe,
                    group=group,
                    runs=len(executions),
                    versions=len(versions.packages)
                    if versions.is_known
                    else len({fact.package_arn for fact in facts.values()} - {None}),
                    waiting=versions.waiting,
                    champion=_run(champion, facts[champion.arn], versions, champion) if champion else None,
                    newest=_run(executions[0], facts[executions[0].arn], versions, champion),
                    endpoint=endpoint if endpoint in serving else None,
                )
            )
        return Models(models=rows, problem=problem)

    def page(self, recipe: str, run: str | None = None) -> ModelPage:
        """Give a recipe's models over its runs, and all of one run.

        Parameters
        ----------
        recipe
            Its name.
        run
            The ARN of a run; without one it is the champion's, or the newest that made a model.

        Raises
        ------
        RequestError
            When the recipe has not been run, or has no such run (404).
        """
        known = [each for each in self._executions(_SECONDS_FOR_ONE, recipe, run) if each.recipe == recipe]
        executions = [each for each in known if each.package_arn is None]
        if not executions:
            raise RequestError(404, f"there is no run of a recipe {recipe[:80]!r}")
        facts = self._facts_of_all(executions[:MOST_RUNS])
        group = _group(executions, facts) or self._group_in_histories(executions)
        versions = self._versions(group)
        champion = self._champion(executions, versions)
        selected = _select(executions, facts, champion, run)
        if selected is None:
            raise RequestError(404, f"recipe {recipe!r} has no run {(run or '')[:200]!r}")
        if selected.arn not in facts:
            facts[selected.arn] = facts_of(selected)
        history = self._histories.of(selected)
        chosen = _known_facts(facts[selected.arn], history)
        return ModelPage(
            recipe=recipe,
            group=group,
            gate=self._gate(executions),
            runs=[
                _run(execution, facts[execution.arn], versions, champion)
                for execution in reversed(executions[:MOST_RUNS])
            ],
            selected=selected.arn,
            lineage=lineage_of(selected, chosen, history.tree, _parent(selected, chosen, versions))
            if history
            else None,
            evaluation=self._evaluation(selected, chosen, history),
            cost=self._cost(selected, history) if history else None,
            package=self._package(selected, chosen),
            problem=versions.problem,
        )

    def _executions(self, seconds: float, recipe: str | None = None, run: str | None = None) -> list[KnownExecution]:
        """List the executions; just after the start, wait a little until it is known what they are of.

        Parameters
        ----------
        seconds
            For how long.
        recipe, run
            One run of the recipe is enough, or this one.
        """
        self._context.explorer.refresh()
        until = time.monotonic() + seconds
        while True:
            executions = self._context.index.all()
            is_enough = recipe is not None and any(
                each.recipe == recipe and run in (None, each.arn) for each in executions
            )
            if is_enough or all(each.is_described for each in executions) or time.monotonic() >= until:
                return executions
            time.sleep(_LOOK_SECONDS)

    # The registry

    def _versions(self, group: str | None) -> _Versions:
        cloud = self._context.cloud
        if cloud is None or group is None:
            return _Versions([])
        with self._lock:
            if self._registry is None or self._registry_of is not cloud:
                self._registry, self._registry_of = Registry(cloud), cloud
            registry = self._registry
        try:
            return _Versions(registry.packages(group), is_known=True)
        except (ClientError, BotoCoreError) as error:
            return _Versions([], problem=f"the model registry cannot be read: {problem_of(error).detail}")

    def _champion(self, executions: list[KnownExecution], versions: _Versions) -> KnownExecution | None:
        """Give the run of the champion; of past runs alone, the last that was deployed."""
        package = versions.champion
        if package is not None:
            return next((each for each in executions if each.name == package.execution and not each.is_past), None)
        if self._context.cloud is not None:
            return None
        return next((each for each in executions if each.outcome == _DEPLOYED), None)

    def _package(self, execution: KnownExecution, facts: RunFacts) -> ModelPackage | None:
        """Describe what a run has registered; None where there is nothing, or it cannot be read."""
        cloud, arn = self._context.cloud, facts.package_arn
        if cloud is None or arn is None or execution.is_past:
            return None
        try:
            package = ModelPackages(cloud).describe(arn)
        except (ClientError, BotoCoreError):
            return None  # deleted since; of a registry that is away the page tells already
        metadata = package.metadata
        return ModelPackage(
            arn=package.arn,
            name=package.name,
            approval=package.approval,
            reason=package.reason or None,
            release=package.release or None,
            strategy=metadata.get("release_strategy"),
            release_reason=metadata.get("release_reason"),
            released_at=metadata.get("released_at"),
            released_endpoint=metadata.get("released_endpoint"),
            can_decide=package.approval == PENDING,
            releases=[
                Release(
                    arn=each.arn, name=each.name, status=each.status, outcome=each.outcome, started_at=each.started_at
                )
                for each in self._context.index.all()
                if each.package_arn == package.arn and not each.is_past
            ],
        )

    # Histories

    def _facts_of_all(self, executions: list[KnownExecution]) -> dict[str, RunFacts]:
        """Read what each run says of its model; of those without an output, as many as there is time for."""
        facts = {}
        until = time.monotonic() + _SECONDS_FOR_HISTORIES
        for execution in executions:
            if execution.output or execution.status is ExecutionStatus.RUNNING:
                facts[execution.arn] = facts_of(execution)
                continue
            key = (execution.arn, execution.stage, execution.is_past)
            if key not in self._facts and time.monotonic() < until:
                self._facts[key] = self._facts_in_history(execution)
            facts[execution.arn] = self._facts.get(key) or RunFacts()
        return facts

    def _facts_in_history(self, execution: KnownExecution) -> RunFacts:
        history = self._history(execution)
        return facts_in_history(history.tree) if history is not None else RunFacts()

    def _history(self, execution: KnownExecution) -> RunHistory | None:
        """Give the history of one run among others: that it cannot be read is no reason to show nothing."""
        try:
            return self._histories.of(execution)
        except (ClientError, BotoCoreError, RequestError):
            return None

    def _gate(self, executions: list[KnownExecution]) -> list[GateCondition]:
        for execution in executions[:_GATE_RUNS]:
            history = self._history(execution)
            if history is not None and (gate := gate_in_history(history.tree)):
                return gate
        return []

    def _group_in_histories(self, executions: list[KnownExecution]) -> str | None:
        for execution in executions[:_GATE_RUNS]:
            history = self._history(execution)
            if history is not None and (group := group_in_history(history.tree)):
                return group
        return None

    # One run

    def _cost(self, execution: KnownExecution, history: RunHistory) -> Cost | None:
        memory_of = self._histories.memory_of(history)
        return cost_if_known(history.events, region=_region(execution.arn), memory_of=memory_of)[0]

    def _evaluation(self, execution: KnownExecution, facts: RunFacts, history: RunHistory | None) -> Evaluation:
        key = (execution.arn, execution.stage, execution.is_past)
        with self._lock:
            if key in self._evaluations:
                return self._evaluations[key]
        evaluation = self._evaluate(execution, facts, history)
        if execution.status is not ExecutionStatus.RUNNING and evaluation.problem is None:
            with self._lock:
                self._evaluations[key] = evaluation
                while len(self._evaluations) > _MOST_EVALUATIONS:
                    self._evaluations.popitem(last=False)
        return evaluation

    def _evaluate(self, execution: KnownExecution, facts: RunFacts, history: RunHistory | None) -> Evaluation:
        uri = facts.predictions_uri
        saved = history.saved if history is not None else None
        cloud = self._context.cloud
        try:
            if saved is not None and (texts := texts_in_folder(saved.folder / "predictions")):
                return evaluate(texts, self._test_data(history), uri=uri)
            if uri is None:
                return no_evaluation("the run has made no predictions: it ended before its batch transform did")
            if cloud is None or execution.is_past:
                return no_evaluation("the predictions have gone with the cloud that they were in", uri)
            return evaluate(texts_in_s3(cloud, uri, ".out"), self._test_data(history), uri=uri)
        except UnreadableError as error:
            return no_evaluation(str(error), uri)

    def _test_data(self, history: RunHistory | None) -> Iterator[Text]:
        """Read the rows that were predicted; only where predictions stand alone is this begun."""
        uri = find_in_states(history.tree, "data", "test_uri") if history is not None else None
        cloud = self._context.cloud
        if cloud is None or not isinstance(uri, str):
            raise UnreadableError("the test data is not there any more, and the predictions do not have the targets")
        yield from texts_in_s3(cloud, uri)


def _group(executions: list[KnownExecution], facts: dict[str, RunFacts]) -> str | None:
    return next((facts[each.arn].group for each in executions if each.arn in facts and facts[each.arn].group), None)


def _run(execution: KnownExecution, facts: RunFacts, versions: _Versions, champion: KnownExecution | None) -> ModelRun:
    package = versions.of(execution)
    # What it was registered with; only a registry knows what somebody has decided since.
    decided = _DECIDED.get(execution.outcome or "")
    return ModelRun(
        arn=execution.arn,
        name=execution.name,
        status=execution.status,
        outcome=execution.outcome,
        started_at=execution.started_at,
        metrics=facts.metrics,
        test_metrics=facts.test_metrics,
        version=package.version if package else facts.version,
        approval=package.approval if package else decided,
        is_champion=champion is not None and champion.arn == execution.arn,
    )


def _select(
    executions: list[KnownExecution], facts: dict[str, RunFacts], champion: KnownExecution | None, run: str | None
) -> KnownExecution | None:
    if run:
        return next((each for each in executions if run in (each.arn, each.name)), None)
    made = next((each for each in executions if each.arn in facts and facts[each.arn].metrics), None)
    return champion or made or executions[0]


def _known_facts(facts: RunFacts, history: RunHistory | None) -> RunFacts:
    """Complete a run's output with what its history knows: a rejected one has predictions, but does not say where."""
    if history is None:
        return facts
    told = facts_in_history(history.tree)
    return RunFacts(
        metrics=facts.metrics or told.metrics,
        test_metrics=facts.test_metrics or told.test_metrics,
        package_arn=facts.package_arn or told.package_arn,
        endpoint=facts.endpoint,
        model_uri=facts.model_uri or told.model_uri,
        predictions_uri=facts.predictions_uri or told.predictions_uri,
    )


def _parent(execution: KnownExecution, facts: RunFacts, versions: _Versions) -> str | None:
    """Give the version before a run's own, where the registry still has both."""
    package = versions.of(execution)
    version = package.version if package else None
    if version is None or facts.version is None:
        return None
    return next((each.arn for each in versions.packages if each.version == version - 1), None)


def _region(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else ""
