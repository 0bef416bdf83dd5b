"""Application Auto Scaling for endpoint variants: its operations, and what follows from its alarms.

It changes endpoints and makes alarms as any client does, by SageMaker's API and CloudWatch's.

Source: Application Auto Scaling API Reference.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ClientError

from switchyard.cloud.autoscaling.errors import AutoScalingError, NotRunError, ObjectNotFoundError
from switchyard.cloud.autoscaling.policies import NAMESPACE, Policy, Reading, check, tracked_metric, tracking_alarms
from switchyard.cloud.autoscaling.targets import Target, named, split
from switchyard.cloud.identity import Identity
from switchyard.cloud.later import Later
from switchyard.cloud.shapes import problems

LOG = logging.getLogger(__name__)
LISTED = 50


class AutoScaling:
    """The service.

    Parameters
    ----------
    identity : Identity
        Whose clients it calls SageMaker and CloudWatch with.
    time_scale : float
        Seconds here for one second of a cooldown.
    """

    def __init__(self, identity: Identity, time_scale: float) -> None:
        self._identity = identity
        self._scale = time_scale
        self._lock = threading.RLock()
        self._targets: dict[str, Target] = {}
        self._later = Later("auto scaling", 1)  # one at a time: each looks at what the one before has left
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DescribeScalingActivities": self._describe_activities,
        }

    def answer(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """Answer one request of the JSON protocol that is for SageMaker's endpoints; give HTTP status and body."""
        try:
            if operation not in self._operations:
                raise NotRunError(f"{operation} of Application Auto Scaling for {NAMESPACE}")
            request = json.loads(body or b"{}")
            if found := list(problems(request, _model().operation_model(operation).input_shape)):
                raise AutoScalingError(f"{len(found)} validation error(s) detected: {'; '.join(found)}")
            answer = self._operations[operation](request)
        except AutoScalingError as error:
            return error.status, json.dumps({"__type": error.code, "message": error.message}).encode()
        except ClientError as error:  # SageMaker's, or CloudWatch's
            document = {"__type": "ValidationException", "message": error.response["Error"]["Message"]}
            return 400, json.dumps(document).encode()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            return 400, json.dumps({"__type": "SerializationException", "message": str(error)}).encode()
        return 200, json.dumps(answer).encode()

    def act(self, policy_arn: str, alarm: str, value: float, threshold: float, *, is_high: bool) -> None:
        """Follow an alarm that calls for a policy, in the background.

        Parameters
        ----------
        policy_arn : str
            The alarm's action.
        value : float
            What the alarm has seen last.
        is_high : bool
            Whether it breaches the threshold upwards.
        """
        self._later.submit(lambda: self._follow(policy_arn, alarm, Reading(value, threshold, is_high)))

    def close(self) -> None:
        """Follow no alarm any more."""
        self._later.close()

    def _follow(self, policy_arn: str, alarm: str, reading: Reading) -> None:
        found = self._find_policy(policy_arn)
        if found is None:
            LOG.warning("%s: there is no policy %s", alarm, policy_arn)
            return
        target, policy = found
        try:
            capacity = self._capacity(target.resource_id)
            wanted = target.bounded(policy.wanted(capacity, reading))
            is_out = wanted > capacity
            if wanted == capacity or not target.may(is_out=is_out, now=time.monotonic()):
                return
            if not is_out and not self._all_agree(target, policy):
                return
            endpoint, variant = target.place
            desired = {"VariantName": variant, "DesiredInstanceCount": wanted}
            self._identity.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=[desired]
            )
        except (ClientError, AutoScalingError) as error:  # it is gone, or busy: the alarm calls again
            LOG.info("%s: %s was not scaled: %s", alarm, target.resource_id, error)
            return
        cause = f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}"
        target.scaled(policy, wanted, cause, is_out=is_out, scale=self._scale)

    def _all_agree(self, target: Target, policy: Policy) -> bool:
        """Return whether every other target tracking policy would scale in, too."""
        others = [each for each in target.policies.values() if each is not policy and each.alarms]
        low = [name for each in others for name in each.alarms if "-AlarmLow-" in name]
        if not low:
            return True
        found = self._identity.client("cloudwatch").describe_alarms(AlarmNames=low, StateValue="ALARM")
        return len(found["MetricAlarms"]) == len(low)

    def _find_policy(self, policy_arn: str) -> tuple[Target, Policy] | None:
        with self._lock:
            for target in self._targets.values():
                for policy in target.policies.values():
                    if policy.arn == policy_arn:
                        return target, policy
        return None

    def _capacity(self, resource_id: str) -> int:
        endpoint, variant = split(resource_id)
        described = self._identity.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        for each in described.get("ProductionVariants") or []:
            if each["VariantName"] == variant and "DesiredInstanceCount" in each:
                return int(each["DesiredInstanceCount"])
        raise AutoScalingError(f"The endpoint {endpoint} has no variant {variant} that has instances.")

    def _target(self, request: dict[str, Any]) -> Target:
        target = self._targets.get(request["ResourceId"])
        if target is None:
            raise ObjectNotFoundError(
                f"No scalable target found for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
                f"scalable dimension: {request['ScalableDimension']}"
            )
        return target

    def _register(self, request: dict[str, Any]) -> dict[str, Any]:
        resource_id = request["ResourceId"]
        self._capacity(resource_id)  # what is not there is refused
        with self._lock:
            there = self._targets.get(resource_id)
            least = request.get("MinCapacity", there.least if there else None)
            most = request.get("MaxCapacity", there.most if there else None)
            if least is None or most is None:
                raise AutoScalingError("MinCapacity and MaxCapacity are needed to register a new scalable target.")
            if not 0 <= least <= most:
                raise AutoScalingError(f"MinCapacity is {least} and MaxCapacity {most}; they are 0 <= min <= max.")
            if least == 0 and not self._is_async(resource_id):
                raise AutoScalingError("MinCapacity is 0; only an endpoint for asynchronous inference scales to zero.")
            target = there or self._targets.setdefault(resource_id, Target(resource_id, least, most))
            target.least, target.most = least, most
            target.suspended.update(request.get("SuspendedState") or {})
        return {"ScalableTargetARN": target.arn}

    def _is_async(self, resource_id: str) -> bool:
        described = self._identity.client("sagemaker").describe_endpoint(EndpointName=split(resource_id)[0])
        return "AsyncInferenceConfig" in described

    def _deregister(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            target = self._target(request)
            del self._targets[target.resource_id]
        for policy in target.policies.values():
            self._delete_alarms(policy)
        return {}

    def _describe_targets(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("ResourceIds")
        with self._lock:
            found = [target for target in self._targets.values() if not wanted or target.resource_id in wanted]
        return _page("ScalableTargets", [target.describe() for target in found], request)

    def _put_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            target = self._target(request)
            there = target.policies.get(request["PolicyName"])
        kind = request.get("PolicyType") or (there.kind if there else "StepScaling")
        if there is not None and there.kind != kind:
            raise AutoScalingError(
                f"The policy {there.name} is of the PolicyType {there.kind}; that cannot be changed."
            )
        config = check(kind, request.get(f"{kind}PolicyConfiguration"))
        policy = Policy(request["PolicyName"], target.resource_id, kind, config, time.time())
        if there is not None:
            policy.id, policy.created = there.id, there.created
        if kind == "TargetTrackingScaling":
            policy.alarms = tracking_alarms(policy, tracked_metric(config, *target.place))
        for alarm in policy.alarms.values():
            self._identity.client("cloudwatch").put_metric_alarm(**alarm)
        with self._lock:
            target.policies[policy.name] = policy
        if there is not None:
            self._delete_alarms(there)
        return {"PolicyARN": policy.arn, "Alarms": self._alarms(policy, own=True)}

    def _delete_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            target = self._targets.get(request["ResourceId"])
            policy = target.policies.pop(request["PolicyName"], None) if target else None
        if policy is None:
            raise ObjectNotFoundError(
                f"No scaling policy found for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
                f"scalable dimension: {request['ScalableDimension']}, policy name: {request['PolicyName']}"
            )
        self._delete_alarms(policy)
        return {}

    def _describe_policies(self, request: dict[str, Any]) -> dict[str, Any]:
        names, resource_id = request.get("PolicyNames"), request.get("ResourceId")
        with self._lock:
            policies = [
                policy
                for target in self._targets.values()
                for policy in target.policies.values()
                if resource_id in {None, target.resource_id} and (not names or policy.name in names)
            ]
        return _page("ScalingPolicies", [self._describe_policy(policy) for policy in policies], request)

    def _describe_policy(self, policy: Policy) -> dict[str, Any]:
        return {
            "PolicyARN": policy.arn,
            "PolicyName": policy.name,
            **named(policy.resource_id),
            "PolicyType": policy.kind,
            f"{policy.kind}PolicyConfiguration": policy.config,
            "Alarms": self._alarms(policy),
            "CreationTime": policy.created,
        }

    def _describe_activities(self, request: dict[str, Any]) -> dict[str, Any]:
        resource_id = request.get("ResourceId")
        with self._lock:
            found = [
                activity
                for target in self._targets.values()
                if resource_id in {None, target.resource_id}
                for activity in target.activities
            ]
        return _page("ScalingActivities", found, request)

    def _alarms(self, policy: Policy, *, own: bool = False) -> list[dict[str, str]]:
        """Return the alarms that lead to a policy: its own, or all."""
        described = self._identity.client("cloudwatch").get_paginator("describe_alarms").paginate()
        return [
            {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
            for page in described
            for alarm in page["MetricAlarms"]
            if (alarm["AlarmName"] in policy.alarms if own else policy.arn in alarm["AlarmActions"])
        ]

    def _delete_alarms(self, policy: Policy) -> None:
        if policy.alarms:
            self._identity.client("cloudwatch").delete_alarms(AlarmNames=list(policy.alarms))


@cache
def _model() -> Any:
    return botocore.session.Session().get_service_model("application-autoscaling")


def _page(member: str, found: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    token = request.get("NextToken") or "0"
    if not token.isdigit():
        raise AutoScalingError("The next token is invalid.")
    end = int(token) + min(request.get("MaxResults") or LISTED, LISTED)
    following = {"NextToken": str(end)} if end < len(found) else {}
    return {member: found[int(token) : end], **following}
