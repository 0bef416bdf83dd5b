"""Endpoints: their variants, updated without losing a request.

Sources: CreateEndpoint, UpdateEndpoint, DescribeEndpoint (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.errors import NotRunError, ValidationError
from switchyard.cloud.sagemaker.images import UnknownImageError
from switchyard.cloud.sagemaker.s3 import TransferError
from switchyard.cloud.sagemaker.serving import ModelServerError
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.tags import tags_of
from switchyard.cloud.sagemaker.variants import Variant, new_variant

LOG = logging.getLogger(__name__)
BUSY = {"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"}


class Endpoint:
    """One endpoint.

    Parameters
    ----------
    config : callable
        Given an endpoint configuration's name, returns what DescribeEndpointConfig says of it.
    model : callable
        Given a model's name, returns what DescribeModel says of it.
    """

    def __init__(
        self,
        context: Context,
        request: dict[str, Any],
        config: Callable[[str], dict[str, Any]],
        model: Callable[[str], dict[str, Any]],
    ) -> None:
        self._context = context
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
        self._definitions: list[dict[str, Any]] = configured["ProductionVariants"]
        self.async_config: dict[str, Any] | None = configured.get("AsyncInferenceConfig")
        self.deployed_at = self.created  # when its last deployment began
        self.is_confirmed = False  # whether who deployed it has seen it serve
        self._earlier_config: str | None = None
        self._failure: str | None = None
        self._variants: dict[str, Variant] = {}
        self._lock = threading.RLock()
        self._settled = threading.Event()

    def create(self) -> None:
        """Begin to serve, in the background."""
        self._settled.clear()
        threading.Thread(target=self._create, name=f"endpoint {self.name}", daemon=True).start()

    def update(self, config_name: str, keep: Set[str] = frozenset()) -> None:
        """Begin to move to another configuration, in the background.

        Parameters
        ----------
        keep : set of str
            Which properties of the variants that go on stay as they are now, whatever the configuration says:
            ``DesiredWeight``, ``DesiredInstanceCount``.

        Raises
        ------
        ValidationError
            The endpoint is busy, or there is no such configuration.
        """
        self._config(config_name)
        with self._lock:
            if self.status in BUSY:
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            self._settled.clear()
            self._move("Updating")
            self.deployed_at, self.is_confirmed = self.modified, False
        threading.Thread(
            target=self._update, args=(config_name, keep), name=f"endpoint {self.name}", daemon=True
        ).start()

    def set_weights(self, desired: list[dict[str, Any]]) -> None:
        """Begin to give variants other weights and instance counts, as UpdateEndpointWeightsAndCapacities does.

        Raises
        ------
        ValidationError
            The endpoint does not serve, is busy, or has no variant of a name.
        NotRunError
            A variant is to have no instance.
        """
        with self._lock:
            if self.status in BUSY:
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            unknown = [each["VariantName"] for each in desired if each["VariantName"] not in self._variants]
            if unknown:
                raise ValidationError(
                    f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint configuration '
                    f'"{self.config_name}".'
                )
            if any(each.get("DesiredInstanceCount") == 0 for each in desired):
                raise NotRunError("UpdateEndpointWeightsAndCapacities with a DesiredInstanceCount of 0")
            for each in desired:
                self._variants[each["VariantName"]].want(each.get("DesiredWeight"), each.get("DesiredInstanceCount"))
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

        A new endpoint becomes Failed; an updated one goes back to the configuration that it had.
        """
        reason = _ping_failure(next(iter(self._variants), "AllTraffic"), note)
        with self._lock:
            if self.status in {"Creating", "Updating"}:
                self._failure = reason
            elif self.status == "InService" and self._earlier_config is not None:
                self._settled.clear()
                self._move("RollingBack")
                self.config_name = self._earlier_config
                threading.Thread(target=self._go_back, args=(reason,), daemon=True).start()
            elif self.status == "InService":
                old, self._variants = self._variants, {}
                self.failure_reason = reason
                self._settle("Failed")
                threading.Thread(target=_stop, args=(old,), daemon=True).start()

    def close(self) -> None:
        """Let go of everything at once, at the cloud's own end."""
        for variant in self._variants.values():
            variant.close()

    def wait_until_settled(self, timeout: float) -> bool:
        """Return whether the endpoint has come to rest, after waiting at most `timeout` seconds."""
        return self._settled.wait(timeout)

    def choose(self, target_variant: str | None) -> Variant:
        """Pick the variant that answers a request, by the weights, and count the request in.

        Raises
        ------
        ValidationError
            Nothing serves, or there is no variant of that name.
        ThrottlingError
            The variant has as many requests under way as it takes.
        """
        with self._lock:
            variants = list(self._variants.values())
            if target_variant is not None:
                variants = [variant for variant in variants if variant.name == target_variant]
                if not variants:
                    raise ValidationError(f"Variant {target_variant} not found for Endpoint {self.name}.")
            if not variants:
                raise ValidationError(f"Endpoint {self.name} is {self.status}: it does not serve requests now.")
            weights = [variant.weight for variant in variants]
            chosen = random.choices(variants, weights if sum(weights) > 0 else None)[0]  # noqa: S311
            chosen.enter()
            return chosen

    def wanted(self) -> list[dict[str, Any]]:
        """Return the production variants that it needs instances for, as their definitions have them."""
        serving = [{**variant.definition, "InitialInstanceCount": variant.count} for variant in self.variants()]
        return serving or self._definitions

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

    def variants(self) -> list[Variant]:
        """Return the variants that serve now."""
        with self._lock:
            return list(self._variants.values())

    def describe(self) -> dict[str, Any]:
        """Answer DescribeEndpoint."""
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config_name,
            "ProductionVariants": [variant.describe() for variant in self.variants()] or None,
            "AsyncInferenceConfig": self.async_config,
            "EndpointStatus": self.status,
            "FailureReason": self.failure_reason,
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
            variants = self._start_variants(self.config_name)
        except Exception as error:
            self.failure_reason = _reason(error)
            self._settle("Failed")
            return
        with self._lock:
            self.failure_reason, self._failure = self._failure, None
            if self.failure_reason is None:
                self._variants = variants
                self._settle("InService")
                return
            self._settle("Failed")
        _stop(variants)

    def _update(self, config_name: str, keep: Set[str]) -> None:
        try:
            async_config = self._config(config_name).get("AsyncInferenceConfig")
            variants = self._start_variants(config_name)
            for before in self.variants():
                if (variant := variants.get(before.name)) is not None:
                    variant.want(
                        before.weight if "DesiredWeight" in keep else None,
                        before.count if "DesiredInstanceCount" in keep else None,
                    )
                    variant.adjust()
        except Exception as error:
            # SageMaker rolls back by itself: the endpoint goes on with the configuration that it had.
            self.failure_reason = _reason(error)
            self._settle("InService" if self._variants else "Failed")
            return
        with self._lock:
            self.failure_reason, self._failure = self._failure, None
            if self.failure_reason is None:
                variants, self._variants = self._variants, variants
                self._earlier_config, self.config_name = self.config_name, config_name
                self.async_config = async_config
            self._settle("InService")
        _stop(variants)

    def _change_weights(self) -> None:
        with self._lock:
            for variant in self._variants.values():
                variant.adjust()
            self._settle("InService")

    def _go_back(self, reason: str) -> None:
        """Serve the earlier configuration again; the new one serves until then."""
        try:
            variants = self._start_variants(self.config_name)
        except Exception as error:
            self.failure_reason = _reason(error)
            self._settle("Failed")
            return
        with self._lock:
            old, self._variants = self._variants, variants
            self.async_config = self._config(self.config_name).get("AsyncInferenceConfig")
            self._earlier_config, self.failure_reason = None, reason
            self._settle("InService")
        _stop(old)

    def _delete(self, on_gone: Callable[[], None]) -> None:
        with self._lock:
            old, self._variants = self._variants, {}
        _stop(old)
        on_gone()
        self._settled.set()

    def _start_variants(self, config_name: str) -> dict[str, Variant]:
        definitions = self._config(config_name)["ProductionVariants"]
        if sabotage := self._context.sabotage.pop(f"endpoint/{self.name}", None):
            raise ModelServerError(_ping_failure(definitions[0]["VariantName"], sabotage.note))
        variants = [
            new_variant(self._context, self.name, definition, self._model(definition["ModelName"]))
            for definition in definitions
        ]
        with ThreadPoolExecutor(max_workers=len(variants)) as pool:
            results = [pool.submit(variant.start) for variant in variants]
        errors = [(variant, result.exception()) for variant, result in zip(variants, results, strict=True)]
        failed = [(variant, error) for variant, error in errors if error is not None]
        if failed:
            _stop({variant.name: variant for variant in variants})
            variant, error = failed[0]
            if isinstance(error, ModelServerError):
                raise ModelServerError(_ping_failure(variant.name, f"Its last words: {error}"))
            raise error
        return {variant.name: variant for variant in variants}

    def _settle(self, status: str) -> None:
        self._move(status)
        self._settled.set()

    def _move(self, status: str) -> None:
        self.status = status
        self.modified = now()


def _ping_failure(variant: str, why: str) -> str:
    return (
        f"The primary container for production variant {variant} did not pass the ping health check. "
        f"Please check CloudWatch logs for this endpoint. {why}"
    )


def _reason(error: Exception) -> str:
    if not isinstance(error, ModelServerError | TransferError | UnknownImageError | ValidationError):
        LOG.error("an endpoint could not be started", exc_info=error)
    return str(error)


def _stop(variants: dict[str, Variant]) -> None:
    for variant in variants.values():
        variant.stop()
