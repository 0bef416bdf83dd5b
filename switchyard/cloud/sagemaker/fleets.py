"""A fleet: the variants of one endpoint configuration, which come up and go together.

Sources: CreateEndpointConfig (Amazon SageMaker API Reference); "Blue/green deployments" (Amazon SageMaker Developer
Guide).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.data_capture import DataCapture
from switchyard.cloud.sagemaker.serving import ModelServerError
from switchyard.cloud.sagemaker.variants import Variant, new_variant


class Choice(NamedTuple):
    """Who has to do with a request.

    Parameters
    ----------
    variant : Variant
        Answers it.
    shadow : Variant or None
        Gets a copy, whose answer nobody sees.
    capture : DataCapture or None
        Keeps request and answers.
    """

    variant: Variant
    shadow: Variant | None
    capture: DataCapture | None


class Fleet:
    """The variants of a configuration, not started yet.

    Parameters
    ----------
    endpoint : str
        The endpoint's name.
    config : dict
        What DescribeEndpointConfig says of the configuration.
    model : callable
        Given a model's name, returns what DescribeModel says of it.

    Raises
    ------
    ValidationError
        A model is not there.
    """

    def __init__(
        self, context: Context, endpoint: str, config: dict[str, Any], model: Callable[[str], dict[str, Any]]
    ) -> None:
        self.config = config
        self.config_name: str = config["EndpointConfigName"]
        self._context = context
        self._endpoint = endpoint
        self.variants, self.shadows = (
            {
                definition["VariantName"]: new_variant(
                    context, endpoint, self.config_name, definition, model(definition["ModelName"])
                )
                for definition in config.get(kind) or []
            }
            for kind in ("ProductionVariants", "ShadowProductionVariants")
        )
        self.capture: DataCapture | None = None
        if capture := config.get("DataCaptureConfig"):
            self.capture = DataCapture(
                context.identity,
                endpoint,
                capture,
                role_arn=self.role_arn,
                time_scale=context.time_scale,
                note=next(iter(self.variants.values())).log.note,
            )

    @property
    def role_arn(self) -> str:
        """Return the role in whose name it works: its models'."""
        return next(iter(self.variants.values())).role_arn

    def start(self) -> None:
        """Start every variant; when one does not come up, none is left running.

        Raises
        ------
        ModelServerError, TransferError, UnknownImageError
            Why it did not.
        """
        if sabotage := self._context.sabotage.pop(f"endpoint/{self._endpoint}", None):
            raise ModelServerError(ping_failure(next(iter(self.variants)), sabotage.note))
        variants = self.all()
        with ThreadPoolExecutor(max_workers=len(variants)) as pool:
            results = [pool.submit(variant.start) for variant in variants]
        errors = [(variant, result.exception()) for variant, result in zip(variants, results, strict=True)]
        failed = [(variant, error) for variant, error in errors if error is not None]
        if failed:
            self.stop()
            variant, error = failed[0]
            if isinstance(error, ModelServerError):
                raise ModelServerError(ping_failure(variant.name, f"Its last words: {error}"))
            raise error

    def all(self) -> list[Variant]:
        """Return the production variants and the shadow variants."""
        return [*self.variants.values(), *self.shadows.values()]

    def retain(self, before: Fleet, properties: Set[str]) -> None:
        """Let variants that were there before keep ``DesiredWeight``, ``DesiredInstanceCount`` or both."""
        earlier_variants = {variant.name: variant for variant in before.all()}
        for variant in self.all():
            if (earlier := earlier_variants.get(variant.name)) is not None:
                variant.want(
                    earlier.weight if "DesiredWeight" in properties else None,
                    earlier.count if "DesiredInstanceCount" in properties else None,
                )
                variant.adjust()

    def choose(self, target_variant: str | None) -> Choice | None:
        """Pick the variant that answers a request, and count it in; by the weights unless one is asked for.

        Returns
        -------
        Choice or None
            None if the variant that is asked for is not here.

        Raises
        ------
        ThrottlingError
            The variant has as many requests under way as it takes.
        """
        if target_variant is not None:
            if (chosen := self.variants.get(target_variant)) is None:
                return None
        else:
            variants = [variant for variant in self.variants.values() if variant.count] or list(self.variants.values())
            weights = [variant.weight for variant in variants]
            chosen = random.choices(variants, weights if sum(weights) > 0 else None)[0]  # noqa: S311
        chosen.enter()
        return Choice(chosen, self._shadow_of(chosen), self.capture)

    def _shadow_of(self, chosen: Variant) -> Variant | None:
        """Pick the shadow variant that gets a copy, and count that in: its weight is a part of the production's."""
        for shadow in self.shadows.values():
            if random.random() * chosen.weight < shadow.weight and shadow.enter_copy():  # noqa: S311
                return shadow
        return None

    def describe(self, status: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer for its variants in DescribeEndpoint, each with a VariantStatus if one is given."""
        extra = {} if status is None else {"VariantStatus": [status]}
        return {
            "ProductionVariants": [{**each.describe(), **extra} for each in self.variants.values()],
            "ShadowProductionVariants": [{**each.describe(), **extra} for each in self.shadows.values()] or None,
        }

    def instances(self) -> int:
        """Return how many instances its production variants have."""
        return sum(variant.count for variant in self.variants.values())

    def stop(self) -> None:
        """End every variant once the requests under way have been answered."""
        for variant in self.all():
            variant.stop()
        if self.capture is not None:
            self.capture.close()

    def close(self) -> None:
        """End every variant at once."""
        for variant in self.all():
            variant.close()


def definitions(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the variants of an endpoint configuration, production and shadow."""
    return [*config["ProductionVariants"], *(config.get("ShadowProductionVariants") or [])]


def ping_failure(variant: str, why: str) -> str:
    """Return what SageMaker says of a variant whose model did not come up."""
    return (
        f"The primary container for production variant {variant} did not pass the ping health check. "
        f"Please check CloudWatch logs for this endpoint. {why}"
    )
