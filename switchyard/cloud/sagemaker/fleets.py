"""A fleet: the variants of one endpoint configuration, which come up and go together.

Sources: CreateEndpointConfig (Amazon SageMaker API Reference); "Blue/green deployments" (Amazon SageMaker Developer
Guide).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.serving import ModelServerError
from switchyard.cloud.sagemaker.variants import Variant, new_variant


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
        self.variants: dict[str, Variant] = {
            definition["VariantName"]: new_variant(
                context, endpoint, self.config_name, definition, model(definition["ModelName"])
            )
            for definition in config["ProductionVariants"]
        }

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
        variants = list(self.variants.values())
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

    def retain(self, before: Fleet, properties: Set[str]) -> None:
        """Let variants that were there before keep ``DesiredWeight``, ``DesiredInstanceCount`` or both."""
        for name, earlier in before.variants.items():
            if (variant := self.variants.get(name)) is not None:
                variant.want(
                    earlier.weight if "DesiredWeight" in properties else None,
                    earlier.count if "DesiredInstanceCount" in properties else None,
                )
                variant.adjust()

    def choose(self, target_variant: str | None) -> Variant | None:
        """Pick the variant that answers a request, by the weights unless one is asked for; None if it is not here."""
        if target_variant is not None:
            return self.variants.get(target_variant)
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights if sum(weights) > 0 else None)[0]  # noqa: S311

    def stop(self) -> None:
        """End every variant once the requests under way have been answered."""
        for variant in self.variants.values():
            variant.stop()

    def close(self) -> None:
        """End every variant at once."""
        for variant in self.variants.values():
            variant.close()


def ping_failure(variant: str, why: str) -> str:
    """Return what SageMaker says of a variant whose model did not come up."""
    return (
        f"The primary container for production variant {variant} did not pass the ping health check. "
        f"Please check CloudWatch logs for this endpoint. {why}"
    )
