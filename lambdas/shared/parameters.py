"""What a recipe's clients and functions look up: SSM parameters under ``/<project>/<recipe>/``."""

from __future__ import annotations

from shared.aws import ClientError, client, error_code


def endpoint_parameter(project: str, recipe: str) -> str:
    """Name the parameter that says which endpoint clients are to ask."""
    return f"/{project}/{recipe}/endpoint"


def package_parameter(group: str, recipe: str) -> str:
    """Name the parameter that says which model package of a group, `<project>-<recipe>`, serves."""
    return f"/{group.removesuffix(f'-{recipe}')}/{recipe}/model-package"


def read_parameter(name: str) -> str | None:
    """Give a parameter's value; None when there is none."""
    try:
        return str(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return None
        raise


def write_parameter(name: str, value: str) -> None:
    """Make a parameter, or give it another value."""
    client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def delete_parameter(name: str) -> None:
    """Delete a parameter; one that is gone is no error."""
    try:
        client("ssm").delete_parameter(Name=name)
    except ClientError as error:
        if error_code(error) != "ParameterNotFound":
            raise
