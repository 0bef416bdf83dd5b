"""Creates the resources of a template: ours run here, the rest are moto's own CloudFormation models."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.functions import Function, Functions
from switchyard.cloud.identity import Identity
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.properties import bucket_attributes, configure_bucket, in_camel_case, substituted
from switchyard.cloud.resource import Created, Creator, Creators, UnsupportedTypeError, generated_name, no_attributes
from switchyard.cloud.template import LOCAL_BUCKET

LOG = logging.getLogger(__name__)
# Nothing comes of these here.
_WITHOUT_EFFECT = {
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CDK::Metadata",
}


class Provisioner:
    """Creates resources, one at a time.

    Parameters
    ----------
    stack_name : str
        Generated names begin with it.
    rooms : sequence of mappings
        The creators of rooms that make their own resources.
    """

    def __init__(
        self, stack_name: str, identity: Identity, functions: Functions, rooms: Sequence[Creators] = ()
    ) -> None:
        self._stack_name = stack_name
        self._identity = identity
        self._functions = functions
        self._ours: dict[str, Creator] = {
            "AWS::Lambda::Alias": self._function_version,
            "AWS::Lambda::Function": self._function,
            "AWS::Lambda::Version": self._function_version,
            "AWS::S3::Bucket": self._bucket,
            "AWS::S3::BucketPolicy": self._bucket_policy,
            "AWS::SNS::Subscription": self._subscription,
            "AWS::StepFunctions::StateMachine": self._state_machine,
        }
        for creators in rooms:
            self._ours.update(creators)

    def create(self, logical_id: str, kind: str, properties: dict[str, Any]) -> Created:
        """Create one resource from its resolved properties.

        Raises
        ------
        UnsupportedTypeError
            Neither we nor moto know the type.
        TemplateError
            The resource was refused; the message names it.
        """
        try:
            if kind in _WITHOUT_EFFECT:
                return Created(self._generated(logical_id), no_attributes(kind))
            if kind in self._ours:
                return self._ours[kind](logical_id, properties)
            return self._by_moto(logical_id, kind, properties)
        except ClientError as error:
            message = error.response["Error"].get("Message", str(error))
            raise TemplateError(f"{logical_id} ({kind}) was refused: {message}") from None
        except KeyError as error:
            raise TemplateError(f"{logical_id} ({kind}) lacks the property {error}") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise TemplateError(f"{logical_id} ({kind}) has a property of a wrong form: {error}") from error

    def _generated(self, logical_id: str) -> str:
        return generated_name(self._stack_name, logical_id)

    def _function(self, logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("FunctionName") or self._generated(logical_id)[-64:]
        function = Function(
            name=name,
            handler=properties["Handler"],
            code=_local_path(logical_id, properties["Code"], "S3Bucket", "S3Key"),
            role_arn=properties["Role"],
            runtime=properties.get("Runtime", "python3.12"),
            timeout=int(properties.get("Timeout", 3)),
            memory_size=int(properties.get("MemorySize", 128)),
            environment={
                key: str(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()
            },
            description=properties.get("Description", ""),
            layers=tuple(properties.get("Layers", [])),
            log_group=properties.get("LoggingConfig", {}).get("LogGroup", ""),
            is_traced=properties.get("TracingConfig", {}).get("Mode") == "Active",
            dead_letter_arn=properties.get("DeadLetterConfig", {}).get("TargetArn", ""),
        )
        if not function.code.is_dir():
            raise TemplateError(f"{logical_id}: there is no folder {function.code} with the function's code")
        if not self._functions.can_assume_role(function):
            raise TemplateError(f"{logical_id}: The role defined for the function cannot be assumed by Lambda.")
        self._functions.register(function)
        return Created(name, {"Arn": function.arn}.__getitem__)

    def _function_version(self, logical_id: str, properties: dict[str, Any]) -> Created:
        # There is one version here, $LATEST, and every qualifier leads to it.
        function = self._functions.get(properties["FunctionName"])
        if function is None:
            raise TemplateError(f"{logical_id}: there is no function {properties['FunctionName']}")
        qualified = f"{function.arn}:{properties.get('Name', 1)}"
        return Created(qualified, {"Version": "1", "AliasArn": qualified}.__getitem__)

    def _bucket(self, logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("BucketName") or self._generated(logical_id).lower()[-63:]
        s3 = self._identity.client("s3")
        s3.create_bucket(Bucket=name)
        configure_bucket(s3, name, properties)
        return Created(name, bucket_attributes(name).__getitem__)

    def _bucket_policy(self, logical_id: str, properties: dict[str, Any]) -> Created:
        bucket: str = properties["Bucket"]
        policy = json.dumps(properties["PolicyDocument"])
        self._identity.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
        return Created(bucket, no_attributes(logical_id))

    def _subscription(self, logical_id: str, properties: dict[str, Any]) -> Created:
        answer = self._identity.client("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties["Endpoint"],
            ReturnSubscriptionArn=True,
        )
        return Created(answer["SubscriptionArn"], no_attributes(logical_id))

    def _state_machine(self, logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("StateMachineName") or self._generated(logical_id)[-80:]
        client = self._identity.client("stepfunctions")
        answer = client.create_state_machine(
            name=name,
            definition=_definition(logical_id, properties),
            roleArn=properties["RoleArn"],
            type=properties.get("StateMachineType", "STANDARD"),
            tags=[{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])],
            loggingConfiguration=in_camel_case(properties.get("LoggingConfiguration", {"Level": "OFF"})),
            tracingConfiguration=in_camel_case(properties.get("TracingConfiguration", {"Enabled": False})),
        )
        created: str = answer["stateMachineArn"]
        return Created(created, {"Arn": created, "Name": name}.__getitem__)

    def _by_moto(self, logical_id: str, kind: str, properties: dict[str, Any]) -> Created:
        # Functions, models and endpoints are here, so what moto would make of them nobody would find.
        model = None if kind.startswith(("AWS::Lambda::", "AWS::SageMaker::")) else _moto_model(kind)
        if model is None:
            raise UnsupportedTypeError(kind)
        name = properties.get(model.cloudformation_name_type() or "") or self._generated(logical_id)
        document = {"Type": kind, "Properties": properties, "LogicalId": logical_id}
        try:
            resource = model.create_from_cloudformation_json(name, document, ACCOUNT_ID, REGION)
        except Exception as error:  # whatever moto makes of properties that it does not expect
            LOG.warning("%s (%s) could not be made", logical_id, kind, exc_info=True)
            raise UnsupportedTypeError(f"{kind}: {type(error).__name__}: {error}") from error

        def attribute(wanted: str) -> Any:
            if wanted == "Arn" and isinstance(getattr(resource, "arn", None), str):
                # A log group's ARN ends with the streams' place: that is what policies are to name.
                return f"{resource.arn}:*" if kind == "AWS::Logs::LogGroup" else resource.arn
            from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

            try:
                return resource.get_cfn_attribute(wanted)
            except UnformattedGetAttTemplateException:
                raise KeyError(wanted) from None

        return Created(str(resource.physical_resource_id), attribute)


def _definition(logical_id: str, properties: dict[str, Any]) -> str:
    if "DefinitionString" in properties:
        text = str(properties["DefinitionString"])
    elif "Definition" in properties:
        text = json.dumps(properties["Definition"])
    else:
        path = _local_path(logical_id, properties["DefinitionS3Location"], "Bucket", "Key")
        try:
            text = path.read_text()
        except OSError as error:
            raise TemplateError(f"{logical_id}: the definition {path} cannot be read: {error.strerror}") from None
    try:
        return substituted(text, properties.get("DefinitionSubstitutions", {}))
    except TemplateError as error:
        raise TemplateError(f"{logical_id}: {error}") from None


def _local_path(logical_id: str, location: dict[str, Any], bucket: str, key: str) -> Path:
    if location.get(bucket) != LOCAL_BUCKET:
        raise TemplateError(f"{logical_id}: only code and definitions on this machine can be loaded, not {location}")
    return Path(location[key])


def _moto_model(kind: str) -> Any:
    service = kind.split("::")[1].lower() if kind.count("::") == 2 else ""
    try:
        importlib.import_module(f"moto.{service}.models")
    except ImportError:
        return None
    from moto.core.common_models import CloudFormationModel

    def known(model: Any) -> bool:
        try:
            return bool(model.cloudformation_type() == kind)
        except NotImplementedError:
            return False

    return next((model for model in _subclasses(CloudFormationModel) if known(model)), None)


def _subclasses(model: Any) -> list[Any]:
    found = []
    for subclass in model.__subclasses__():
        found += [subclass, *_subclasses(subclass)]
    return found
