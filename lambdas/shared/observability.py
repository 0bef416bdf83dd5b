"""The one Logger, Tracer and Metrics of all functions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
# Only botocore is patched: nothing else here makes calls, and patching all known libraries imports them.
tracer = Tracer(patch_modules=["botocore"])
metrics = Metrics()


def publish_metrics(recipe: str, values: Mapping[str, float], unit: MetricUnit = MetricUnit.Count) -> None:
    """Write CloudWatch metrics with the dimensions ``recipe`` and ``service``, in embedded metric format.

    ``service`` is the project: Powertools adds it to every metric, from POWERTOOLS_SERVICE_NAME.

    Parameters
    ----------
    recipe
        The recipe's name.
    values
        Metric name to value; values that are no finite number are left out, CloudWatch refuses them.
    unit
        The unit of all values.
    """
    _write({name: (value, unit) for name, value in values.items()}, recipe=recipe)


def publish_run_metrics(recipe: str | None, status: str, seconds: float | None, *, is_release: bool = False) -> None:
    """Write how a run ended, and how long it took: for its recipe, and for all recipes of the project together.

    The metrics are RunsDeployed, RunsRejected, RunsRegistered or RunsFailed (one, by the status), and RunDuration; of a
    release they are ReleasesDone, ReleasesTakenBack, ReleasesCompared or ReleasesFailed, and ReleaseDuration. Whichever
    of the two put a new model into service counts in ModelsDeployed as well.
    Alarms and graphs for all recipes need the metric without the dimension ``recipe``: CloudWatch does not add up
    over a dimension by itself. RunDuration comes by ``status`` as well, since a run that fails early would
    make the others look fast.

    Parameters
    ----------
    recipe
        The recipe's name; None when the run never got to know it.
    status
        One of those below, or whatever Step Functions calls a run that did not get there.
    seconds
        From the start of the run to now; None when that is not known.
    is_release
        Whether it is a release.
    """
    outcome = _OUTCOMES.get(status, "ReleasesFailed" if is_release else "RunsFailed")
    counted = [outcome, *(["ModelsDeployed"] if status in ("DEPLOYED", "RELEASED") else [])]
    values = dict.fromkeys(counted, (1.0, MetricUnit.Count))
    timed = "ReleaseDuration" if is_release else "RunDuration"
    duration = {} if seconds is None else {timed: (seconds, MetricUnit.Seconds)}
    _write({**values, **duration})
    _write(duration, status=status)
    if recipe is not None:
        _write({**values, **duration}, recipe=recipe)


# The metric that counts a run, by how it ended; any other end is a failure.
_OUTCOMES = {
    "DEPLOYED": "RunsDeployed",
    "REJECTED": "RunsRejected",
    "PENDING_APPROVAL": "RunsRegistered",
    "APPROVED": "RunsRegistered",
    "RELEASED": "ReleasesDone",
    "ROLLED_BACK": "ReleasesTakenBack",
    "COMPARED": "ReleasesCompared",
}


def _write(values: Mapping[str, tuple[float, MetricUnit]], **dimensions: str) -> None:
    # At once, not by Powertools' log_metrics decorator: that one warns when a function fails before it has a metric.
    finite = {name: value for name, value in values.items() if math.isfinite(value[0])}
    if not finite:
        return
    for name, text in dimensions.items():
        metrics.add_dimension(name=name, value=text)
    for name, (value, unit) in finite.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
