"""Templates synthesised with empty layers: what the stack says, in seconds.

Node.js takes longest to read the CDK. So one of pytest's processes synthesises for all.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdk.node import provide_node

provide_node()
# The CDK's own validator takes most of a synthesis, and what it finds are warnings that no test
# reads: cfn-lint validates the templates.
os.environ["CDK_VALIDATION"] = "false"

from aws_cdk import App, Validations  # noqa: E402
from cdk_nag import AwsSolutionsChecks  # noqa: E402

from cdk.app import read_context  # noqa: E402
from cdk.settings import StackSettings  # noqa: E402
from cdk.stack import IonboxStack  # noqa: E402
from tests.once import alone  # noqa: E402

ACCOUNT, REGION = "123456789012", "eu-central-1"

Resource = dict[str, Any]


@dataclass(frozen=True)
class Synthesis:
    """What came out."""

    folder: Path
    template: dict[str, Any]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Resources of a type (``S3::Bucket``) by logical id."""
        resources = self.template["Resources"].items()
        return {name: found for name, found in resources if found["Type"] == f"AWS::{kind}"}

    def properties(self, logical_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.template["Resources"][logical_id]["Properties"]
        return found

    def flat(self, value: Any) -> Any:
        """A value as CloudFormation would make it, with invented ids and ARNs."""
        if isinstance(value, list):
            return [self.flat(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                return self._reference(argument)
            if function == "Fn::GetAtt":
                return self._arn(argument[0])
            if function == "Fn::Join":
                return argument[0].join(map(str, self.flat(argument[1])))
            if function == "Fn::Sub":
                return re.sub(r"\$\{([\w:]+)\}", lambda name: self._reference(name[1]), argument)
        return {key: self.flat(each) for key, each in value.items()}

    def _reference(self, name: str) -> str:
        pseudo = {"Partition": "aws", "Region": REGION, "AccountId": ACCOUNT, "URLSuffix": "a.com"}
        if name.startswith("AWS::"):
            return pseudo[name.removeprefix("AWS::")]
        kind = self.template["Resources"][name]["Type"]
        by_arn = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::ECS::TaskDefinition")
        return self._arn(name) if kind in by_arn else name.lower()

    def _arn(self, name: str) -> str:
        service = self.template["Resources"][name]["Type"].split("::")[1].lower()
        if service == "s3":
            return f"arn:aws:s3:::{name.lower()}"
        kind = {"lambda": "function:", "stepfunctions": "stateMachine:"}.get(service, "")
        service = {"stepfunctions": "states"}.get(service, service)
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{name}"


def synthesise(**settings: Any) -> Synthesis:
    """Synthesise with some settings other than those of cdk.json; the same ones only once."""
    return _synthesise(json.dumps(settings))


@functools.cache
def _synthesise(settings: str) -> Synthesis:
    name = hashlib.sha256(settings.encode()).hexdigest()[:16]
    with alone(_shared_folder()) as folder:
        done = folder / f"{name}.done"
        if not done.exists():
            _synthesise_into(folder / name, json.loads(settings))
            done.touch()
    out = folder / name / "cdk.out"
    (template,) = out.glob("*.template.json")
    return Synthesis(out, json.loads(template.read_text("utf-8")))


def _synthesise_into(folder: Path, settings: dict[str, Any]) -> None:
    app = App(context=read_context() | settings, outdir=str(folder / "cdk.out"))
    stack = IonboxStack(
        app, StackSettings.from_context(app.node.get_all_context()), empty_layers(folder)
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert (folder / "cdk.out" / f"{stack.stack_name}.template.json").is_file()


@functools.cache
def _shared_folder() -> Path:
    """The same for all processes of one run of pytest, and for none of another one."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return Path(tempfile.mkdtemp(prefix="ionbox-synth-"))
    folder = Path(tempfile.gettempdir()) / f"ionbox-synth-{run}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def empty_layers(folder: Path) -> Mapping[str, Path]:
    """Folders that stand for built layers and code."""
    layers = {name: folder / name for name in ("science", "cloud", "functions")}
    for name, layer in layers.items():
        (layer / "python").mkdir(parents=True)
        (layer / "python" / f"{name}.py").write_text(f"NAME = {name!r}\n")
    return layers
