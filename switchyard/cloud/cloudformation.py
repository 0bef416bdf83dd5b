"""What CloudFormation says of the stack that this cloud was started with.

Source: DescribeStacks, DescribeStackResources, ListStackResources (AWS CloudFormation API Reference).
"""

from __future__ import annotations

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from switchyard.cloud.stack import Resource, Stack

NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


def answer(stack: Stack | None, body: bytes) -> tuple[int, bytes] | None:
    """Answer one request, or return None when it is not about this stack.

    Returns
    -------
    tuple or None
        The HTTP status and the XML body.
    """
    request = {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
    action, name = request.get("Action", ""), request.get("StackName")
    if stack is None or name not in {None, stack.name, stack.id}:
        return None
    if action == "DescribeStacks":
        return 200, _response(action, f"<Stacks><member>{_stack(stack)}</member></Stacks>")
    if action == "ListStackResources":
        members = "".join(f"<member>{_resource(stack, resource)}</member>" for resource in stack.resources)
        return 200, _response(action, f"<StackResourceSummaries>{members}</StackResourceSummaries>")
    if action == "DescribeStackResources":
        members = "".join(f"<member>{_resource(stack, resource)}</member>" for resource in stack.resources)
        return 200, _response(action, f"<StackResources>{members}</StackResources>")
    return None


def _response(action: str, result: str) -> bytes:
    return (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></{action}Response>"
    ).encode()


def _stack(stack: Stack) -> str:
    parameters = "".join(
        f"<member>{_tag('ParameterKey', key)}{_tag('ParameterValue', value)}</member>"
        for key, value in stack.parameters.items()
    )
    outputs = "".join(
        f"<member>{''.join(_tag(key, value) for key, value in output.items())}</member>"
        for output in stack.outputs.values()
    )
    return (
        f"{_tag('StackName', stack.name)}{_tag('StackId', stack.id)}{_tag('StackStatus', 'CREATE_COMPLETE')}"
        f"{_tag('CreationTime', stack.created.isoformat())}"
        f"<Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs>"
    )


def _resource(stack: Stack, resource: Resource) -> str:
    moment = stack.created.isoformat()
    return (
        f"{_tag('StackName', stack.name)}{_tag('StackId', stack.id)}"
        f"{_tag('LogicalResourceId', resource.logical_id)}{_tag('PhysicalResourceId', resource.physical_id)}"
        f"{_tag('ResourceType', resource.type)}{_tag('ResourceStatus', 'CREATE_COMPLETE')}"
        f"{_tag('LastUpdatedTimestamp', moment)}{_tag('Timestamp', moment)}"
    )


def _tag(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value))}</{name}>"
