"""Model cards: documents about models, with their versions. They are stored; nothing is exported.

Source: CreateModelCard, UpdateModelCard, ListModelCardVersions (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.sagemaker.errors import ConflictError, ResourceNotFoundError, ValidationError
from switchyard.cloud.sagemaker.handlers import Handler
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.store import Store, now
from switchyard.cloud.sagemaker.tags import tags_of


@dataclass(frozen=True)
class Version:
    """One version of a model card."""

    card: ModelCard
    number: int
    content: str
    status: str
    created: datetime.datetime

    @property
    def name(self) -> str:
        """Return the card's name."""
        return self.card.name

    @property
    def arn(self) -> str:
        """Return what no other version has."""
        return f"{self.card.arn}/{self.number:09}"

    @property
    def modified(self) -> datetime.datetime:
        """Return when it was made: a version is not changed."""
        return self.created

    def describe(self) -> dict[str, Any]:
        """Answer DescribeModelCard."""
        return {
            "ModelCardArn": self.card.arn,
            "ModelCardName": self.card.name,
            "ModelCardVersion": self.number,
            "Content": self.content,
            "ModelCardStatus": self.status,
            "SecurityConfig": self.card.security,
            "CreationTime": self.card.created,
            "CreatedBy": {},
            "LastModifiedTime": self.created,
            "LastModifiedBy": {},
        }

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListModelCardVersions."""
        names = "ModelCardName ModelCardArn ModelCardStatus ModelCardVersion CreationTime LastModifiedTime"
        described = self.describe()
        return {name: described[name] for name in names.split()}


class ModelCard:
    """A model card."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.name: str = request["ModelCardName"]
        self.arn = arn("sagemaker", f"model-card/{self.name.lower()}")
        self.tags = tags_of(request)
        self.security: dict[str, Any] | None = request.get("SecurityConfig")
        self.created = now()
        self.versions: list[Version] = []
        self.change(request["Content"], request["ModelCardStatus"])

    @property
    def status(self) -> str:
        """Return the last version's status."""
        return self.versions[-1].status

    @property
    def modified(self) -> datetime.datetime:
        """Return when the last version was made."""
        return self.versions[-1].created

    def change(self, content: str, status: str) -> None:
        """Make a new version.

        Raises
        ------
        ValidationError
            The content is no JSON object.
        """
        try:
            document = json.loads(content)
        except ValueError as error:
            raise ValidationError(f"The content of a model card has to be JSON: {error}") from None
        if not isinstance(document, dict):
            raise ValidationError("The content of a model card has to be a JSON object")
        self.versions.append(Version(self, len(self.versions) + 1, content, status, now()))

    def describe(self) -> dict[str, Any]:
        """Answer DescribeModelCard for the last version."""
        return self.versions[-1].describe()

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListModelCards."""
        return {key: value for key, value in self.versions[-1].summary().items() if key != "ModelCardVersion"}


class ModelCards:
    """The operations on model cards."""

    def __init__(self) -> None:
        self.cards: Store[ModelCard] = Store(
            lambda name: ResourceNotFoundError(f"Model card '{name}' does not exist."),
            lambda there: ConflictError(f"Model card with name '{there.name}' already exists."),
        )
        has_status = {"ModelCardStatus": lambda each, status: each.status == status}
        cards = Listing("ModelCardSummaries", filters=has_status)
        versions = Listing(
            "ModelCardVersionSummaryList",
            filters=has_status,
            sorts={"Version": lambda version: version.number},
            by="Version",
        )
        self.operations: dict[str, Handler] = {
            "CreateModelCard": self._create,
            "DescribeModelCard": self._describe,
            "UpdateModelCard": self._update,
            "DeleteModelCard": self._delete,
            "ListModelCards": lambda request: cards.answer(self.cards, request),
            "ListModelCardVersions": lambda request: versions.answer(self._find(request).versions, request),
        }

    def _find(self, request: dict[str, Any]) -> ModelCard:
        return self.cards.find(request["ModelCardName"])

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        card = ModelCard(request)
        self.cards.add(card)
        return {"ModelCardArn": card.arn}

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        card = self._find(request)
        number = request.get("ModelCardVersion") or len(card.versions)
        if not 1 <= number <= len(card.versions):
            raise ResourceNotFoundError(f"Model card '{card.name}' has no version {number}.")
        return card.versions[number - 1].describe()

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        card = self._find(request)
        if request.get("Content") and card.status == "Archived":
            raise ConflictError(f"Model card '{card.name}' is archived.")
        last = card.versions[-1]
        card.change(request.get("Content") or last.content, request.get("ModelCardStatus") or last.status)
        return {"ModelCardArn": card.arn}

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        self.cards.remove(self._find(request))
        return {}
