"""Endpoints: their variants, updated without losing a request.

Sources: CreateEndpoint, UpdateEndpoint, DescribeEndpoint (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Set
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.sagemaker.backlog import Backlog
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.deployments import Deployment, Plan, make_plan
from switchyard.cloud.sagemaker.endpoint_events import DEPLOYMENT, STATUS, EndpointEvent
from switchyard.cloud.sagemaker.errors import NotRunError, ValidationError
from switchyard.cloud.sagemaker.fleets import Choice, Fleet, definitions, ping_failure
from switchyard.cloud.sagemaker.images import UnknownImageError
from switchyard.cloud.sagemaker.s3 import TransferError
from switchyard.cloud.sagemaker.serving import ModelServerError
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.tags import tags_of
from switchyard.cloud.sagemaker.traffic import Traffic
from switchyard.cloud.sagemaker.variants import DRAIN_SECONDS, Variant

LOG = logging.getLogger(__name__)
# SageMaker chooses a number when none is given, and does not say which.
DEFAULT_AT_A_TIME = 4
BUSY = {"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"}


class Endpoint:
    """One endpoint.

    Parameters
    ----------
    config : callable
        Given an endpoint configuration's name, returns what DescribeEndpointConfig says of it.
    model : callable
        Given a model's name, returns what DescribeModel says of it.
    on_change : callable
        Called when its status has changed, or a deployment has come to another stage.
    """

    def __init__(
        self,
        context: Context,
        request: dict[str, Any],
        config: Callable[[str], dict[str, Any]],
        model: Callable[[str], dict[str, Any]],
        on_change: Callable[[EndpointEvent], None] = lambda _: None,
    ) -> None:
        self._context = context
        self._on_change = on_change
        self._config = config
        self._model = model
        self.name: str = request["EndpointName"]
        self.arn = arn("sagemaker", f"endpoint/{self.name.lower()}")
        self.tags = tags_of(request)
        self.created = self.modified = now()
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.config_name: str = request["EndpointConfigName"]
        # An unknown one is refused before anything is made.
        configured = self._config(self.config_name)
        self.deployment_config: dict[str, Any] | None = request.get("DeploymentConfig")
        make_plan(self.deployment_config, configured["ProductionVariants"])
        self._definitions = definitions(configured)
        self.async_config: dict[str, Any] | None = configured.get("AsyncInferenceConfig")
        self.deployed_at = self.created  # when its last deployment began
        # Whether its last deployment can fail no more: it has, or who deployed it has seen it serve.
        self.is_decided = False
        self._earlier_config: str | None = None
        self._failure: str | None = None
        self._traffic = Traffic()
        self.backlog = Backlog(self._at_a_time)  # of requests, if it is for asynchronous inference
        self._lock = self._traffic.lock
        self._settled = threading.Event()

    def create(self) -> None:
        """Begin to serve, in the background."""
        self._settled.clear()
        self._tell(STATUS)
        threading.Thread(target=self._create, name=f"endpoint {self.name}", daemon=True).start()

    def update(
        self,
        config_name: str,
        keep: Set[str] = frozenset(),
        deployment_config: dict[str, Any] | None = None,
        *,
        as_before: bool = False,
    ) -> None:
        """Begin to move to another configuration, in the background.

        Parameters
        ----------
        keep : set of str
            Which properties of the variants that go on stay as they are now, whatever the configuration says:
            ``DesiredWeight``, ``DesiredInstanceCount``.
        deployment_config : dict, optional
            How the traffic moves; without one, all at once.
        as_before : bool
            Whether it moves as the last DeploymentConfig says, where no other one is given.

        Raises
        ------
        ValidationError
            The endpoint is busy, there is no such configuration, or the deployment does not suit it.
        """
        wanted = self._config(config_name)["ProductionVariants"]
        with self._lock:
            if self.status in BUSY:
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            if deployment_config is None and as_before:
                deployment_config = self.deployment_config
            before = None if self._traffic.fleet is None else self._traffic.fleet.config["ProductionVariants"]
            plan = make_plan(deployment_config, wanted, before)
            self.deployment_config = deployment_config or self.deployment_config
            self._settled.clear()
            self._move("Updating")
            self.deployed_at, self.is_decided = self.modified, False
        threading.Thread(
            target=self._update, args=(config_name, keep, plan), name=f"endpoint {self.name}", daemon=True
        ).start()

    def set_weights(self, desired: list[dict[str, Any]]) -> None:
        """Begin to give variants other weights and instance counts, as UpdateEndpointWeightsAndCapacities does.

        Raises
        ------
        ValidationError
            The endpoint does not serve, is busy, or has no variant of a name.
        NotRunError
            A variant is to have no instance, and the endpoint is not for asynchronous inference.
        """
        with self._lock:
            if self.status in BUSY:
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            variants = {variant.name: variant for variant in self._traffic.variants()}
            unknown = [each["VariantName"] for each in desired if each["VariantName"] not in variants]
            if unknown:
                raise ValidationError(
                    f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint configuration '
                    f'"{self.config_name}".'
                )
            if self.async_config is None and any(each.get("DesiredInstanceCount") == 0 for each in desired):
                raise NotRunError("UpdateEndpointWeightsAndCapacities with a DesiredInstanceCount of 0")
            for each in desired:
                variants[each["VariantName"]].want(each.get("DesiredWeight"), each.get("DesiredInstanceCount"))
            self._settled.clear()
            self._move("Updating")
        threading.Thread(target=self._change_weights, name=f"endpoint {self.name}", daemon=True).start()

    def delete(self, on_gone: Callable[[], None]) -> None:
        """Stop serving; requests under way are still answered.

        Parameters
        ----------
        on_gone : callable
            Called when nothing of it is left.

        Raises
        ------
        ValidationError
            The endpoint is being created or changed; it can be deleted after that.
        """
        with self._lock:
            if self.status == "Deleting":
                return
            if self.status in BUSY:
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            self._settled.clear()
            self._move("Deleting")
        threading.Thread(target=self._delete, args=(on_gone,), daemon=True).start()

    def fail(self, note: str) -> None:
        """Let its last deployment fail, as SageMaker reports that, even if it has come to its end.

        A new endpoint becomes Failed; an updated one goes back to the configuration that it had. What has failed
        already is left as it is.
        """
        reason = ping_failure(next(iter(self.variants())).name if self.variants() else "AllTraffic", note)
        with self._lock:
            if self.is_decided:
                return
            if self.status in {"Creating", "Updating"}:
                self._failure = reason
                if self._traffic.deployment is not None:
                    self._traffic.deployment.abort(reason)
            elif self.status == "InService" and self._earlier_config is not None:
                self.is_decided = True
                self._settled.clear()
                self._move("RollingBack")
                self.config_name = self._earlier_config
                threading.Thread(target=self._go_back, args=(reason,), daemon=True).start()
            elif self.status == "InService" and self._traffic.fleet is not None:
                old = self._traffic.fleet
                self._traffic.replace(None)
                self.failure_reason, self.is_decided = reason, True
                self._settle("Failed")
                threading.Thread(target=old.stop, daemon=True).start()

    def close(self) -> None:
        """Let go of everything at once, at the cloud's own end."""
        self._traffic.close()

    def wait_until_settled(self, timeout: float) -> bool:
        """Return whether the endpoint has come to rest, after waiting at most `timeout` seconds."""
        return self._settled.wait(timeout)

    def choose(self, target_variant: str | None) -> Choice:
        """Pick the variant that answers a request, by the weights, and count the request in.

        Raises
        ------
        ValidationError
            Nothing serves, or there is no variant of that name.
        ThrottlingError
            The variant has as many requests under way as it takes.
        """
        if (chosen := self._traffic.choose(target_variant)) is not None:
            return chosen
        if self._traffic.fleet is None:
            raise ValidationError(f"Endpoint {self.name} is {self.status}: it does not serve requests now.")
        raise ValidationError(f"Variant {target_variant} not found for Endpoint {self.name}.")

    def wanted(self) -> list[dict[str, Any]]:
        """Return the variants that it needs instances for, as their definitions have them."""
        return self._traffic.wanted() or self._definitions

    def further_instances(self, desired: list[dict[str, Any]]) -> Counter[str]:
        """Return how many more instances of each type it has with these DesiredWeightsAndCapacities."""
        counts = {each["VariantName"]: each.get("DesiredInstanceCount") or 0 for each in desired}
        further: Counter[str] = Counter()
        for variant in self._traffic.variants():
            if kind := variant.definition.get("InstanceType"):
                further[kind] += max(0, counts.get(variant.name, 0) - variant.count)
        return further

    @property
    def role_arn(self) -> str:
        """Return the role in whose name it works: its models'.

        Raises
        ------
        ValidationError
            It does not serve.
        """
        for variant in self.variants():
            return variant.role_arn
        raise ValidationError(f"Endpoint {self.name} is {self.status}: it does not serve requests now.")

    def record_backlog(self) -> bool:
        """Record how long its queue is, and return true, if it is in service and has one."""
        fleet = self._traffic.fleet
        if self.async_config is None or fleet is None:
            return False
        self.backlog.record(self.name, fleet.instances())
        return True

    def variants(self) -> list[Variant]:
        """Return the variants that serve now."""
        return self._traffic.production()

    def describe(self) -> dict[str, Any]:
        """Answer DescribeEndpoint."""
        with self._lock:  # all of it of one moment: never the old configuration with the status that ends an update
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config_name,
                **self._traffic.describe(self.deployed_at),
                "AsyncInferenceConfig": self.async_config,
                "EndpointStatus": self.status,
                "FailureReason": self.failure_reason,
                "LastDeploymentConfig": self.deployment_config,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListEndpoints."""
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "EndpointStatus": self.status,
        }

    def _create(self) -> None:
        try:
            fleet = self._start_fleet(self.config_name)
        except Exception as error:
            self._fall_back(_reason(error))
            return
        self._finish_update(fleet, None)

    def _update(self, config_name: str, keep: Set[str], plan: Plan) -> None:
        began = time.monotonic()
        try:
            green = self._start_fleet(config_name, keep)
        except Exception as error:
            # SageMaker rolls back by itself: the endpoint goes on with the configuration that it had.
            self._fall_back(_reason(error))
            return
        reason = None
        if self._traffic.fleet is not None:
            deployment = Deployment(
                plan,
                self._context.identity,
                green.role_arn,
                self._context.time_scale,
                instances=green.instances(),
                took=time.monotonic() - began,
                on_stage=lambda: self._tell(DEPLOYMENT),
            )
            with self._lock:
                self._traffic.deployment = deployment
                if self._failure is not None:  # meanwhile
                    deployment.abort(self._failure)
            reason = deployment.run()
        self._finish_update(green, reason)

    def _finish_update(self, green: Fleet, reason: str | None) -> None:
        with self._lock:
            old: Fleet | None = green
            if reason := reason or self._failure:
                self._fall_back(reason)
            else:
                if (old := self._traffic.replace(green)) is not None:
                    self._earlier_config = self.config_name
                self.config_name, self.failure_reason = green.config_name, None
                self.async_config = green.config.get("AsyncInferenceConfig")
                self._settle("InService")
        if old is not None:
            old.stop()

    def _fall_back(self, reason: str) -> None:
        """Go on with the fleet that served before, if there is one."""
        with self._lock:
            self.failure_reason, self._failure, self.is_decided = reason, None, True
            self._traffic.keep()
            self._settle("InService" if self._traffic.fleet is not None else "Failed")

    def _change_weights(self) -> None:
        variants = self._traffic.variants()
        try:
            for variant in variants:
                variant.prepare()
            self.failure_reason = None
        except Exception as error:
            self.failure_reason = _reason(error)
            for variant in variants:
                variant.want(None, None)
        with self._lock:
            gone = [variant for variant in variants if variant.adjust()]
        self.backlog.look_again()
        if gone:
            if not any(variant.count for variant in variants):
                self.backlog.wait_until_idle(DRAIN_SECONDS)  # else one would come to a model that has ended
            for variant in gone:
                variant.stop()
        with self._lock:
            self._failure = None
            self._settle("InService")

    def _go_back(self, reason: str) -> None:
        """Serve the earlier configuration again; the new one serves until then."""
        try:
            fleet = self._start_fleet(self.config_name)
        except Exception as error:
            self.failure_reason = _reason(error)
            self._traffic.keep()
            self._settle("Failed")
            return
        with self._lock:
            old = self._traffic.replace(fleet)
            self.async_config = fleet.config.get("AsyncInferenceConfig")
            self._earlier_config, self.failure_reason = None, reason
            self._settle("InService")
        if old is not None:
            old.stop()

    def _delete(self, on_gone: Callable[[], None]) -> None:
        old = self._traffic.replace(None)
        self.backlog.look_again()
        if old is not None:
            old.stop()
        on_gone()
        self._settled.set()

    def _start_fleet(self, config_name: str, keep: Set[str] = frozenset()) -> Fleet:
        fleet = Fleet(self._context, self.name, self._config(config_name), self._model)
        if self._traffic.fleet is not None:
            fleet.retain(self._traffic.fleet, keep)
        self._traffic.pending = fleet
        fleet.start()
        return fleet

    def _at_a_time(self) -> int:
        """Return how many asynchronous requests it takes at a time; when it does not serve, all: they are refused."""
        if self._traffic.fleet is None:
            return sys.maxsize
        client = (self.async_config or {}).get("ClientConfig") or {}
        return (
            int(client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_AT_A_TIME)) * self._traffic.fleet.instances()
        )

    def _settle(self, status: str) -> None:
        self._move(status)
        self.backlog.look_again()
        self.record_backlog()
        self._settled.set()

    def _move(self, status: str) -> None:
        self.modified = now()  # first: whoever sees the status reads since when
        self.status = status
        self._tell(STATUS)

    def _tell(self, label: str) -> None:
        try:
            self._on_change(EndpointEvent(label, self.arn, self.describe(), self.tags))
        except Exception:  # who cannot be told keeps no endpoint from serving
            LOG.exception("%s: an event could not be published", self.name)


def _reason(error: Exception) -> str:
    if not isinstance(error, ModelServerError | TransferError | UnknownImageError | ValidationError):
        LOG.error("an endpoint could not be started", exc_info=error)
    return str(error)
