"""What the stepfunctions SDK 2.3.0 cannot say, and what rendering without AWS needs.

The SDK has not been released since 2021, so what the Amazon States Language gained since is added here: each
class is the SDK's own with the few fields that it lacks.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from stepfunctions import steps
from stepfunctions.inputs import Placeholder

# Where the SageMaker classes want a text that the run's state overrides.
AT_RUN_TIME = "set-at-run-time"

# They also want a session, to look up defaults that are overridden just so. Its region is made up: should it
# ever leak into a definition, it is obvious at a glance.
STUB_SESSION = SimpleNamespace(
    boto_region_name="mars-west-1",
    boto_session=None,
    config=None,
    default_bucket=lambda: AT_RUN_TIME,
    default_bucket_prefix=None,
    local_mode=False,
    sagemaker_config={},
)


class JsonPath(Placeholder):
    """A value that is read from the state (`$.names.model`) or the context (`$$.Execution.Name`) at run time.

    The SDK's own placeholders stand for the execution's input or for one step's output only; a state that
    gathers the results of many steps is neither.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def to_jsonpath(self) -> str:
        return self.path


class Format(JsonPath):
    """A text with the values of paths in it: ``Format("{}-{}", "$.name", "$$.State.RetryCount")``."""

    def __init__(self, template: str, *paths: str) -> None:
        super().__init__(f"States.Format('{template}', {', '.join(paths)})")


class _MoreFields:
    """Lets a block have the fields named in `more_fields`, besides those that the SDK allows."""

    more_fields: tuple[str, ...] = ()

    def is_field_allowed(self, field_name: str) -> bool:
        return field_name in self.more_fields or super().is_field_allowed(field_name)  # type: ignore[misc]


class _ResultSelector(_MoreFields):
    """Adds ResultSelector (August 2020), which takes placeholders as Parameters do."""

    more_fields = ("result_selector",)

    def to_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = super().to_dict()  # type: ignore[misc]
        if "ResultSelector" in state:
            state["ResultSelector"] = self._replace_placeholders(state["ResultSelector"])  # type: ignore[attr-defined]
        return state


class TrainingStep(_ResultSelector, steps.TrainingStep):
    """The SDK's TrainingStep, with ResultSelector."""


class ProcessingStep(_ResultSelector, steps.ProcessingStep):
    """The SDK's ProcessingStep, with ResultSelector."""


class Parallel(_ResultSelector, steps.Parallel):
    """The SDK's Parallel, with ResultSelector."""


class Map(_MoreFields, steps.Map):
    """The SDK's Map, with ItemProcessor (December 2022) in place of Iterator; an inline one."""

    more_fields = ("item_processor",)

    def to_dict(self) -> dict[str, Any]:
        processor = self.fields["item_processor"]
        state: dict[str, Any] = super(steps.Map, self).to_dict()
        state["ItemProcessor"] = {"ProcessorConfig": {"Mode": "INLINE"}, **steps.Graph(processor).to_dict()}
        return state


class LambdaStep(_ResultSelector, steps.LambdaStep):
    """The SDK's LambdaStep, with ResultSelector."""


class Retry(_MoreFields, steps.Retry):
    """The SDK's Retry, with MaxDelaySeconds and JitterStrategy (September 2023)."""

    more_fields = ("max_delay_seconds", "jitter_strategy")


class Fail(_MoreFields, steps.Fail):
    """The SDK's Fail, with ErrorPath and CausePath (September 2023): fails with an error that was caught."""

    more_fields = ("error_path", "cause_path")
