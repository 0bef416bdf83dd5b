"""The last words about a run: what it has made and where that lies, or why there is nothing."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from switchyard.executions.causes import failure_reason
from switchyard.executions.history import Status
from switchyard.executions.progress import format_seconds
from switchyard.executions.result import NOTHING, PENDING_APPROVAL, error_reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from switchyard.executions.result import RunResult

_SHOWN_FEATURES = 6
_COMMAND_COLUMNS = 64
_WAITS = "it waits for approval, and serves nothing"


def show_result(result: RunResult, console: Console) -> None:
    """Print how a run has ended.

    Parameters
    ----------
    result
        The run.
    console
        Where to print.
    """
    console.print()
    console.print(_headline(result), soft_wrap=True)
    if result.error:
        _show_error(result, console)
    if result.metrics:
        console.print()
        console.print(metrics_table(result))
    if steps := _steps(result):
        console.print()
        console.print(steps_table(steps))
    if result.comparison is not None:
        console.print()
        console.print(_comparison(result.comparison), soft_wrap=True)
    for reason in _reasons(result):
        console.print(Text(f"  {reason}", style="" if result.is_success else "red"), soft_wrap=True)
    if rows := list(_places(result)):
        console.print()
        for name, text in rows:
            console.print(Text.assemble((f"{name:<12}", "bold"), text), soft_wrap=True)
    elif result.output is not None and not result.metrics:
        console.print()
        console.print(
            json.dumps(result.output, indent=2, ensure_ascii=False), highlight=False, soft_wrap=True, markup=False
        )
    if result.release is not None:
        show_result(result.release, console)
        return
    console.print()
    console.print(Text("Next", style="bold"))
    commands = list(next_commands(result))
    width = max(len(command) for command, _ in commands)
    for command, why in commands:
        console.print(
            Text.assemble("  ", (f"{command:<{min(width, 60)}}", "cyan"), (f"  # {why}", "dim")), soft_wrap=True
        )


def _headline(result: RunResult) -> Text:
    style = (
        "yellow"
        if result.is_in_vain or result.outcome == "ABORTED"
        else "green"
        if result.status == Status.SUCCEEDED
        else "red"
    )
    words = "STOPPED" if result.outcome == "ABORTED" else result.outcome.replace("_", " ")
    took = f" after {format_seconds(result.duration_seconds)}" if result.duration_seconds is not None else ""
    return Text.assemble((words, f"bold {style}"), f"  {result.name}{took}")


def _show_error(result: RunResult, console: Console) -> None:
    error = result.error or {}
    where = f" in state {error['state']!r}" if error.get("state") else ""
    reason = error_reason(result)
    text = f"{error['name']}{where}" + (f": {reason}" if reason else "")
    console.print(Text(text, style="red" if result.status != Status.ABORTED else ""), soft_wrap=True)
    if result.log:
        console.print()
        console.print(Text(f"The last lines of {error['state']!r}:", style="bold"))
        for line in result.log:
            console.print(Text(f"  {line}", style="dim"), soft_wrap=True)


def metrics_table(result: RunResult) -> Table:
    """Set the metrics against the gate."""
    gate = {rule["metric"]: rule for rule in result.gate if isinstance(rule, dict) and "metric" in rule}
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("metric")
    for column in ("validation", "test", "limit"):
        table.add_column(column, justify="right")
    table.add_column("ok")
    validation, test = result.metrics or {}, result.test_metrics or {}
    # An algorithm's validation:auc is auc on the test rows.
    tested = {name: name.removeprefix("validation:") for name in [*gate, *validation]}
    others = [name for name in test if name not in tested.values()]
    # The gated ones first: they decide.
    for name in [*tested, *others]:
        rule = gate.get(name)
        on_test = test.get(tested.get(name, name))
        measured = [value for value in (validation.get(name), on_test) if value is not None]
        if rule is None:
            limit, verdict = "", Text("")
        else:
            sign = "<=" if rule["direction"] == "minimize" else ">="
            limit = f"{sign} {_short(rule['threshold'])}"
            passed = name in validation and all(_passes(value, rule) for value in measured)
            verdict = Text("yes", style="green") if passed else Text("NO", style="bold red")
        table.add_row(name, _short(validation.get(name)), _short(on_test), limit, verdict)
    return table


def steps_table(steps: list[dict[str, Any]]) -> Table:
    """Show what a release's model has done in each step."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in ("traffic", "requests", "5xx", "4xx", "latency"):
        table.add_column(column, justify="right")
    for step in steps:
        # What was asked to try it is not counted, so nothing was served that could be slow.
        latency = step.get("latency_ms") if step.get("requests") else None
        counts = (str(step.get(key, "-")) for key in ("requests", "errors_5xx", "errors_4xx"))
        table.add_row(f"{step.get('share')} %", *counts, f"{latency:.4g} ms" if latency is not None else "-")
    return table


def _comparison(found: dict[str, Any]) -> str:
    """Say how like its answers were to those of the model that serves."""
    mean, largest = found.get("mean_difference"), found.get("largest_difference")
    apart = f": {mean:.2%} apart on average, {largest:.2%} at most" if mean is not None and largest is not None else ""
    latency = found.get("latency_ms")
    took = f", {latency:.4g} ms on average" if latency is not None else ""
    return (
        f"{found.get('answers')} of its answers compared with those that clients got{apart}.\n"
        f"{found.get('requests')} requests, {found.get('errors_5xx')} of them 5xx, {found.get('errors_4xx')} of them "
        f"4xx{took}. Nobody was served by it; it stays Approved."
    )


def _steps(result: RunResult) -> list[dict[str, Any]]:
    steps = result.output.get("steps") if isinstance(result.output, dict) else None
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _passes(value: float, rule: dict[str, Any]) -> bool:
    threshold = float(rule["threshold"])
    return value <= threshold if rule["direction"] == "minimize" else value >= threshold


def _reasons(result: RunResult) -> list[str]:
    reasons = result.output.get("reasons") if isinstance(result.output, dict) else None
    return [str(reason) for reason in reasons or []] if not result.is_success or result.outcome == NOTHING else []


def package_name(result: RunResult) -> str | None:
    """Give the short name of the model package that a run has registered, or released: `group/version`."""
    arn = result.output.get("model_package_arn") if isinstance(result.output, dict) else None
    return str(arn).partition("model-package/")[2] or None


def _places(result: RunResult) -> Iterator[tuple[str, str]]:
    if result.model:
        yield "model", _place(result.model)
    if result.predictions:
        rows = result.predictions.get("rows")
        yield "predictions", _place(result.predictions) + (f"  ({rows} rows)" if rows is not None else "")
    if name := package_name(result):
        yield "package", name + (f"  ({_WAITS})" if result.outcome == PENDING_APPROVAL else "")
    if result.folder is not None:
        yield "logs", _relative(str(result.folder / "logs"))
        yield "everything", _relative(str(result.folder))
    if result.endpoint_name:
        yield "endpoint", result.endpoint_name + ("" if result.cloud_goes_on else "  (it ends with its cloud)")
    if earlier := _earlier_endpoint(result):
        yield "earlier one", earlier
    if result.prediction:
        yield "prediction", _prediction(result.prediction)


def _earlier_endpoint(result: RunResult) -> str | None:
    """Say what became of the endpoint that clients asked before a release sent them to another."""
    found = result.output.get("old_endpoint") if isinstance(result.output, dict) else None
    if not isinstance(found, dict):
        return None
    if "Cause" in found:  # what the workflow caught there
        return f"could not be looked at, and stays: {failure_reason(str(found['Cause']))}"
    if why := found.get("why_kept"):
        return f"{found['endpoint_name']} stays: {why}" if found.get("endpoint_name") else None
    return f"{found.get('endpoint_name')}, deleted: nobody asked it any more"


def _prediction(prediction: dict[str, Any]) -> str:
    features = [_short(value) for value in prediction["features"]]
    more = f", … {len(features) - _SHOWN_FEATURES} more" if len(features) > _SHOWN_FEATURES else ""
    actual = prediction["actual"]
    of = "a sample" if actual is None else f"a test row whose target is {_short(actual)}"
    return (
        f"{_short(prediction['value'])} for {of}, "
        f"in {prediction['latency_ms']:.1f} ms  [{', '.join(features[:_SHOWN_FEATURES])}{more}]"
    )


def next_commands(result: RunResult) -> Iterator[tuple[str, str]]:
    """Suggest what to do with a run, each a command and what it is for."""
    state = (result.error or {}).get("state")
    if state:
        if result.cloud_goes_on and result.status != Status.SUCCEEDED:
            yield f"switchyard redrive {result.name} --watch", "go on there, once the cause is gone"
        yield f"switchyard logs {result.name} {shlex.quote(state)}", "all that this state logged"
    elif result.cloud_goes_on and result.endpoint_name:
        features = (result.prediction or {}).get("features") or [1.0, 2.0]
        body = ",".join(str(value).removesuffix(".0") for value in features)
        yield f"switchyard invoke {result.endpoint_name} --body {shlex.quote(body)}", "ask the endpoint"
    name = package_name(result)
    if name and result.cloud_goes_on and result.outcome == PENDING_APPROVAL:
        yield f"switchyard approve {name}", "its release begins"
        yield f"switchyard reject {name} --reason TEXT", "it stays out of service, and the registry says why"
    if name and result.cloud_goes_on and result.comparison is not None:
        yield f"switchyard release {name} --strategy canary", "let it serve"
    if name and result.cloud_goes_on and result.outcome in ("ROLLED_BACK", "RELEASED"):
        yield f"switchyard packages {_recipe(result)}", "which models serve, which were taken back"
    if not state:
        yield f"switchyard logs {result.name}", "what its states logged"
    asked = result.input if isinstance(result.input, dict) else {}
    if (recipe := asked.get("recipe")) and "data" not in asked and not state:
        yield f"switchyard run {recipe} --set hyperparameters.KEY=VALUE", "try other hyperparameters"
    if not result.cloud_goes_on:
        stays = "runs in another terminal use it, endpoints go on"
        if result.outcome == PENDING_APPROVAL:
            stays = "run it again in another terminal, and its model waits there for approval"
        yield "switchyard up", f"a cloud that stays: {stays}"
    else:
        yield "switchyard ls", "all runs"


def _recipe(result: RunResult) -> str:
    return str(result.output.get("recipe", "")) if isinstance(result.output, dict) else ""


def _place(thing: dict[str, Any]) -> str:
    return _relative(thing["path"]) if thing.get("path") else str(thing["uri"])


def _relative(path: str) -> str:
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return path
    return path if relative.startswith(os.pardir) and Path(path).is_absolute() else relative


def _short(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
