"""Count requests, Retire endpoint: delete the endpoint that served before the name was switched, once nobody asks it.

It holds no lease: the release is done, and the next one need not wait for the end of the grace. So each call looks anew
whether the endpoint is still what the release left.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from shared.aws import ClientError, client, is_missing
from shared.endpoints import Endpoint, describe_endpoint
from shared.errors import EndpointNotReady
from shared.live_name import live_endpoint
from shared.observability import logger
from shared.release_alarms import figures
from shared.release_state import Before, Names
from shared.settings import RetireEndpointSettings, read_settings
from shared.tags import maker_of
from shared.tasks import TaskEvent, task
from shared.undoing import delete, delete_config, delete_model

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Event(TaskEvent):
    """The payload: what served before; how many requests it had had a minute ago, and none is deleted without that."""

    names: Names
    before: Before
    started: datetime
    requests_before: int | None = None


class Result(TypedDict):
    """The requests since the release began; what was deleted, or why the endpoint stays."""

    endpoint_name: str
    requests: int
    deleted: list[str]
    why_kept: str


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states ``Count requests`` and ``Retire endpoint``."""
    return retire_endpoint(Event.model_validate(event))


def retire_endpoint(release: Event) -> Result:
    """Count an endpoint's requests; delete it if there was none since they were counted last.

    Safe to repeat: the machine calls again while SageMaker deletes.

    Raises
    ------
    EndpointNotReady
        While SageMaker is changing or deleting it.
    """
    switch = release.before.switch
    name = switch.old_endpoint if switch else None
    if name is None:
        return {"endpoint_name": "", "requests": 0, "deleted": [], "why_kept": "there was none"}
    result: Result = {"endpoint_name": name, "requests": 0, "deleted": [], "why_kept": ""}
    endpoint = describe_endpoint(name)
    if endpoint is not None:
        if endpoint.status != "Deleting":
            result["requests"] = sum(
                figures(name, variant.name, release.started).requests for variant in endpoint.variants
            )
        if release.requests_before is None:
            return result
        why = _why_kept(release, endpoint, result["requests"] - release.requests_before)
        if why:
            logger.warning("The earlier endpoint stays", endpoint=name, why=why)
            return {**result, "why_kept": why}
        delete(lambda: client("sagemaker").delete_endpoint(EndpointName=name))
        if describe_endpoint(name) is not None:
            raise EndpointNotReady(f"Endpoint {name!r} is being deleted.")
    if release.requests_before is not None:
        result["deleted"] = [f"endpoint/{name}", *_delete_what_it_served(release.before.endpoint_config)]
        logger.info("Retired", **result)
    return result


def _why_kept(release: Event, endpoint: Endpoint, requests: int) -> str:
    if endpoint.status == "Deleting":
        return ""
    if endpoint.in_transition:
        raise EndpointNotReady(f"Endpoint {endpoint.name!r} is {endpoint.status}.")
    if live_endpoint(release.names.parameter) in (None, endpoint.name):
        return f"the parameter {release.names.parameter!r} sends clients to it again"
    if endpoint.config != release.before.endpoint_config:
        return f"somebody else updated it to {endpoint.config!r} since"
    if maker_of(endpoint.arn, read_settings(RetireEndpointSettings).project_name) is None:
        return "its tags do not say that this project made it"
    if requests > 0:
        return (
            f"clients still ask it: {requests} {'request' if requests == 1 else 'requests'} in the last minute. Let "
            f"them resolve {release.names.parameter!r}, then delete it"
        )
    return ""


def _delete_what_it_served(config: str | None) -> list[str]:
    """Delete the configuration, and those of its models that the same execution made; the configuration goes last."""
    if config is None:
        return []
    sagemaker, project = client("sagemaker"), read_settings(RetireEndpointSettings).project_name
    try:
        found = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if is_missing(error):
            return []
        raise
    maker = maker_of(found["EndpointConfigArn"], project)
    if maker is None:
        return []
    deleted = []
    for model in sorted({each["ModelName"] for each in found["ProductionVariants"]}):
        try:
            arn = sagemaker.describe_model(ModelName=model)["ModelArn"]
        except ClientError as error:
            if is_missing(error):
                continue
            raise
        if maker_of(arn, project) == maker and delete_model(model):
            deleted.append(f"model/{model}")
    delete_config(config)
    return [f"endpoint-config/{config}", *deleted]
