"""Production variants: each a model that serves, on instances or without.

Sources: ProductionVariant, ProductionVariantServerlessConfig (Amazon SageMaker API Reference); "Serverless inference"
(Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from dataclasses import replace
from typing import Any

from switchyard.cloud.logs import LogStream
from switchyard.cloud.sagemaker.container import Container
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.errors import ThrottlingError
from switchyard.cloud.sagemaker.hosting import Hosted, Question, Reply, host
from switchyard.cloud.sagemaker.images import UnknownImageError
from switchyard.cloud.sagemaker.s3 import TransferError
from switchyard.cloud.sagemaker.serving import HEALTH_CHECK_SECONDS, ModelServerError

DRAIN_SECONDS = 60.0
# Copies of requests that a shadow variant has under way; beyond, it gets none, so that a slow one does no harm.
MOST_COPIES = 64
# AWS does not say after how long without a request a serverless endpoint has no container any more.
IDLE_SECONDS = 300.0
LEAST_IDLE_SECONDS = 1.0
_numbers = itertools.count(1)


class Variant:
    """One production variant that serves.

    Parameters
    ----------
    endpoint : str
        The endpoint's name.
    config : str
        The endpoint configuration's name.
    definition : dict
        The ProductionVariant of the endpoint configuration.
    model : dict
        What DescribeModel says of its model.
    """

    def __init__(
        self, context: Context, endpoint: str, config: str, definition: dict[str, Any], model: dict[str, Any]
    ) -> None:
        self.name: str = definition["VariantName"]
        self.definition = definition
        self.weight: float = definition.get("InitialVariantWeight", 1.0)
        self.count: int = definition.get("InitialInstanceCount", 1)
        self._desired = (self.weight, self.count)
        self.dimensions = {"EndpointName": endpoint, "VariantName": self.name}
        # The variants of two configurations go by one name while an endpoint moves; this tells them apart.
        self.config_dimensions = {**self.dimensions, "EndpointConfigName": config}
        self._context = context
        self._model = model
        self._number = next(_numbers)
        self.log = self._new_log("")
        self._hosted: Hosted = host(context, model, self._place)
        self._under_way = 0
        self._idle = threading.Condition()

    @property
    def role_arn(self) -> str:
        """Return the role of its model."""
        return str(self._model["ExecutionRoleArn"])

    def start(self) -> None:
        """Start its containers, if it has instances; raises what `ModelServer.start` raises."""
        if self.count:
            self._hosted.start(self._health_check_seconds)

    def want(self, weight: float | None, count: int | None) -> None:
        """Say which weight and how many instances it is to have; what is None stays."""
        self._desired = (self.weight if weight is None else weight, self.count if count is None else count)

    def prepare(self) -> None:
        """Start its containers, if it has no instance and is to have some; raises what `ModelServer.start` raises."""
        if self._desired[1] and not self.count:
            self._hosted = host(self._context, self._model, self._place)
            self._hosted.start(self._health_check_seconds)

    def adjust(self) -> bool:
        """Give it the weight and the instances that it is to have; return whether it has none any more."""
        was, (self.weight, self.count) = self.count, self._desired
        return was > 0 and self.count == 0

    def enter(self) -> None:
        """Count a request in; raises ThrottlingError when there are too many."""
        with self._idle:
            self._under_way += 1

    def enter_copy(self) -> bool:
        """Count a copy of a request in, unless there are too many."""
        with self._idle:
            if self._under_way >= MOST_COPIES:
                return False
            self._under_way += 1
            return True

    def leave(self) -> None:
        """Count a request out."""
        with self._idle:
            self._under_way -= 1
            self._idle.notify_all()

    async def ask(self, question: Question) -> Reply:
        """Answer a question; raises ValidationError when it cannot be put to this model."""
        return await self._hosted.ask(question)

    def stop(self) -> None:
        """End its containers once the requests under way have been answered."""
        self.drain()
        self.close()

    def drain(self) -> None:
        """Wait until the requests under way have been answered."""
        with self._idle:
            self._idle.wait_for(lambda: self._under_way == 0, DRAIN_SECONDS)

    def close(self) -> None:
        """End its containers at once."""
        self._hosted.stop()

    def describe(self) -> dict[str, Any]:
        """Answer for this variant in DescribeEndpoint."""
        return {
            "VariantName": self.name,
            "CurrentWeight": self.weight,
            "DesiredWeight": self._desired[0],
            "CurrentInstanceCount": self.count,
            "DesiredInstanceCount": self._desired[1],
        }

    @property
    def _health_check_seconds(self) -> float:
        return float(self.definition.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_SECONDS))

    def _place(self, container: str) -> tuple[Container, LogStream]:
        folder = f"endpoint-{self.dimensions['EndpointName']}-{self.name}-{next(_numbers)}"
        log = self._new_log(container) if container else self.log
        return Container(self._context.home / "containers" / folder), log

    def _new_log(self, container: str) -> LogStream:
        """Return the log of a container; where there are several, each has its own."""
        stream = f"{self.name}/i-{self._number:017x}{f'/{container}' if container else ''}"
        may = self._context.identity.authorizer.of(self._model["ExecutionRoleArn"])
        group = f"/aws/sagemaker/Endpoints/{self.dimensions['EndpointName']}"
        return LogStream(group, stream, may, looks_first=True)


class ServerlessVariant(Variant):
    """A variant that has a container only while it is asked, and takes only so many requests at a time."""

    def __init__(
        self, context: Context, endpoint: str, config: str, definition: dict[str, Any], model: dict[str, Any]
    ) -> None:
        super().__init__(context, endpoint, config, definition, model)
        self.config: dict[str, Any] = definition["ServerlessConfig"]
        self._idle_seconds = max(IDLE_SECONDS * context.time_scale, LEAST_IDLE_SECONDS)
        self._stays = bool(self.config.get("ProvisionedConcurrency"))
        self._starting = threading.Lock()
        self._is_up = False
        self._last_asked = time.monotonic()
        self._closed = threading.Event()

    def start(self) -> None:
        """See that its container comes up; without requests it goes again."""
        super().start()
        self._is_up = True
        if not self._stays:
            threading.Thread(target=self._go_when_idle, daemon=True).start()

    def enter(self) -> None:
        """Count a request in.

        Raises
        ------
        ThrottlingError
            As many as MaxConcurrency are under way.
        """
        with self._idle:
            if self._under_way >= self.config["MaxConcurrency"]:
                raise ThrottlingError("Rate exceeded")
            self._under_way += 1

    def leave(self) -> None:
        """Count a request out."""
        self._last_asked = time.monotonic()
        super().leave()

    async def ask(self, question: Question) -> Reply:
        """Answer a question; when there is no container, wait until one has started."""
        began = time.perf_counter()
        if self._is_up:
            return await super().ask(question)
        try:
            await asyncio.to_thread(self._wake)
        except (ModelServerError, TransferError, UnknownImageError) as error:
            return Reply(503, f"the container did not come up: {error}".encode())
        setup = (round((time.perf_counter() - began) * 1e6), "Microseconds")
        return replace(await super().ask(question), metrics={"ModelSetupTime": setup})

    def close(self) -> None:
        """End its container, and let none come up again."""
        self._closed.set()
        with self._starting:
            self._is_up = False
            super().close()

    def describe(self) -> dict[str, Any]:
        """Answer for this variant in DescribeEndpoint."""
        shares = {"CurrentWeight": self.weight, "DesiredWeight": self._desired[0]}
        config = {"CurrentServerlessConfig": self.config, "DesiredServerlessConfig": self.config}
        return {"VariantName": self.name, **shares, **config}

    def _wake(self) -> None:
        with self._starting:
            if self._is_up:
                return
            if self._closed.is_set():
                raise ModelServerError("its endpoint has ended")
            self._hosted = host(self._context, self._model, self._place)
            self._hosted.start(self._health_check_seconds)
            self._is_up = True

    def _go_when_idle(self) -> None:
        left = self._idle_seconds
        while not self._closed.wait(left):
            left = self._last_asked + self._idle_seconds - time.monotonic()
            if left <= 0:
                self._go()
                left = self._idle_seconds

    def _go(self) -> None:
        with self._starting:
            with self._idle:
                if self._under_way or not self._is_up:
                    return
                self._is_up = False  # who comes now waits for `_starting`, and then for a container of its own
            self._hosted.stop()


def new_variant(
    context: Context, endpoint: str, config: str, definition: dict[str, Any], model: dict[str, Any]
) -> Variant:
    """Return a variant of the kind that its definition asks for, not started yet."""
    kind = ServerlessVariant if definition.get("ServerlessConfig") else Variant
    return kind(context, endpoint, config, definition, model)
