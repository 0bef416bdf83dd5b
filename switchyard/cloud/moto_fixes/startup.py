"""What moto reads, over and over, before it can answer."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def load_errors_of_cloudformation_alone() -> None:
    """Who asks a resource for an attribute imports an exception, and with it all of moto's CloudFormation: 0.4 s."""
    import moto

    name = "moto.cloudformation.exceptions"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, f"{moto.__path__[0]}/cloudformation/exceptions.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


class _LazyBackends:
    """The backends of EC2, which is imported once somebody asks for one."""

    def __getitem__(self, account_id: str) -> Any:
        from moto.ec2 import ec2_backends

        return ec2_backends[account_id]


def load_ec2_lazily() -> None:
    """SSM imports EC2 with its 15 MB of JSON, for commands to instances: 0.3 s before the first parameter is read."""
    name = "moto.ec2"
    if name in sys.modules:
        return
    stand_in = ModuleType(name)
    stand_in.ec2_backends = _LazyBackends()  # type: ignore[attr-defined]
    sys.modules[name] = stand_in
    try:
        import moto.ssm.models  # noqa: F401
    finally:
        del sys.modules[name]


def list_regions_once() -> None:
    """Each service's whole description is read only to list its regions, 30 ms a service; S3 is in all of them."""
    from functools import cache

    from boto3 import Session
    from moto.core.base_backend import AccountSpecificBackend

    @cache
    def regions() -> list[str]:
        session = Session()
        return [
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions("s3", partition_name=partition)
        ]

    AccountSpecificBackend._generate_regions = lambda self, service_name: list(regions())


def list_services_once() -> None:
    """The folders of moto's services are listed anew, one by one, at every single request: 0.6 ms of it."""
    from moto import backends

    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules


def read_service_descriptions_once() -> None:
    """moto opens a session of its own for each service, and botocore reads its files anew for each session."""
    from botocore.loaders import Loader

    for name in ("list_available_services", "load_data_with_path"):
        setattr(Loader, name, _shared(getattr(Loader, name)))


def _shared(method: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[Any, ...], Any] = {}

    def shared(self: Any, *arguments: Any, **options: Any) -> Any:
        key = (tuple(self.search_paths), arguments, tuple(sorted(options.items())))
        if key not in known:
            known[key] = method(self, *arguments, **options)
        return known[key]

    return shared
