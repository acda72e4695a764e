"""moto's interpreter without what it imports for services that the state machine does not use.

moto is made to play all of AWS inside the libraries that send requests. The interpreter is a small
part of it that wants next to nothing of the others, and would bring them along: moto's EC2, from
which a task of AWS Batch takes one enumeration, as 1.5 CPU seconds and 90 MB; moto's logs with its
S3; boto3, requests, werkzeug and whatever reads and writes requests, as long again as the
interpreter itself. Stand-ins take their places while it is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import operator
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from enum import Enum
from importlib.machinery import PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

from ionbox.local.functions import ACCOUNT
from ionbox.local.uncollected import uncollected

_INTERPRETER = "moto.stepfunctions.parser.models"


class JobStatus(Enum):
    """What moto's task of AWS Batch wants of moto's Batch."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Later:
    """Stands for something of a module, which is imported once it is used."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def _import(self) -> Any:
        return operator.attrgetter(self._name)(importlib.import_module(self._module))

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._import()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._import(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._import())

    def __getitem__(self, key: Any) -> Any:
        return self._import()[key]


def _later(module: str, *names: str) -> dict[str, Any]:
    return {name: Later(module, name) for name in names}


STAND_INS: Mapping[str, Mapping[str, Any]] = {
    "boto3": _later("boto3", "Session", "client"),
    "botocore.client": _later("botocore.client", "BaseClient"),
    "botocore.config": _later("botocore.config", "Config"),
    "botocore.model": _later(
        "botocore.model", "ListShape", "Shape", "StringShape", "StructureShape"
    ),
    "botocore.paginate": _later("botocore.paginate", "TokenDecoder", "TokenEncoder"),
    "botocore.response": _later("botocore.response", "StreamingBody"),
    "botocore.session": _later("botocore.session", "Session"),
    "moto.batch": {},
    "moto.batch.utils": {"JobStatus": JobStatus},
    "moto.core.authorization": {
        "ActionAuthenticatorMixin": SimpleNamespace(
            set_initial_no_auth_action_count=Later(
                "moto.core.authorization",
                "ActionAuthenticatorMixin.set_initial_no_auth_action_count",
            )
        ),
        **_later(
            "moto.core.authorization",
            *("disable_iam_authentication", "enable_iam_authentication"),
        ),
    },
    "moto.core.decorator": _later("moto.core.decorator", "mock_aws"),
    "moto.core.loaders": _later("moto.core.loaders", "create_loader"),
    "moto.core.model": _later("moto.core.model", "ServiceModel"),
    "moto.core.models": {
        "DEFAULT_ACCOUNT_ID": ACCOUNT,
        **_later("moto.core.models", "botocore_stubber", "patch_client", "patch_resource"),
    },
    "moto.core.request": _later("moto.core.request", "Request", "normalize_request"),
    "moto.core.responses": {"TYPE_RESPONSE": Any},
    "moto.core.versions": {"PYTHON_311": sys.version_info >= (3, 11)},
    "moto.logs": {},
    "moto.logs.models": _later("moto.logs.models", "LogEvent", "LogsBackend", "logs_backends"),
    "requests": _later("requests", "Response"),
    "requests.compat": {"Mapping": Mapping, "MutableMapping": MutableMapping},
    "werkzeug": {},
}
"""Modules, and what the interpreter takes of each. Their own modules are found where they are."""


def import_interpreter() -> None:
    """Import moto's interpreter, once; who imports what has a stand-in later gets it as it is."""
    if _INTERPRETER in sys.modules:
        return
    before = set(sys.modules)
    try:
        with _standing_in(), uncollected():
            importlib.import_module(_INTERPRETER)
    except Exception:  # noqa: BLE001 (whatever another moto wants more of what has stand-ins)
        # then the whole is imported, later and by those who want it
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "moto":
                del sys.modules[name]


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Let an attribute of one of moto's modules or classes have another value in a block.

    As ``mock.patch.object``, which brings asyncio along.
    """
    kept = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


@contextlib.contextmanager
def _standing_in() -> Iterator[None]:
    names = STAND_INS.keys() - sys.modules.keys()
    for name in names:
        module = ModuleType(name)
        module.__path__ = [] if "." in name else _find_submodules(name)
        vars(module).update(STAND_INS[name])
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _find_submodules(name: str) -> list[str]:
    """Return where the submodules of a package are, without importing it."""
    found = PathFinder.find_spec(name)
    return list(found.submodule_search_locations or ()) if found else []
