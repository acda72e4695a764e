"""The synthesised template and its assets, with ids and ARNs as an account gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
_PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}

Resource = dict[str, Any]


@dataclass(frozen=True)
class Asset:
    """A folder or file that is uploaded before the template.

    Attributes
    ----------
    path : Path
        Where it is.
    bucket, key : str
        Where it goes.
    is_zipped : bool
        Whether a zip of the folder is uploaded.
    """

    path: Path
    bucket: str
    key: str
    is_zipped: bool


class Template:
    """What `make synth` left in a folder.

    Parameters
    ----------
    folder : Path
        ``cdk.out``.
    region : str
        Region of the account.
    """

    def __init__(self, folder: Path, region: str) -> None:
        folder = folder.resolve()
        (path,) = folder.glob("*.template.json")
        self._folder = folder
        self._region = region
        self.stack_name = path.name.removesuffix(".template.json")
        self.document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        self.physical: dict[str, str] = {}

    @property
    def resources(self) -> dict[str, Resource]:
        """All resources by logical id."""
        found: dict[str, Resource] = self.document["Resources"]
        return found

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Resources of a type (``S3::Bucket``) by logical id."""
        return {name: r for name, r in self.resources.items() if r["Type"] == f"AWS::{kind}"}

    def assets(self) -> Iterator[Asset]:
        """Yield all assets but the template itself."""
        manifest = self._folder / f"{self.stack_name}.assets.json"
        for file in json.loads(manifest.read_text("utf-8"))["files"].values():
            (place,) = file["destinations"].values()
            path = self._folder / file["source"]["path"]
            if not path.name.endswith(".template.json"):
                yield Asset(
                    path,
                    self._fill(place["bucketName"]),
                    place["objectKey"],
                    file["source"]["packaging"] == "zip",
                )

    def asset_of(self, key: str) -> Path:
        """Return the folder of an uploaded asset."""
        return next(asset.path for asset in self.assets() if asset.key == key)

    def value(self, node: Any) -> str:
        """Return a value as CloudFormation makes it, from the ids of `physical`.

        Raises
        ------
        KeyError
            If a function of CloudFormation is not known here.
        """
        if not isinstance(node, dict):
            return str(node)
        ((function, argument),) = node.items()
        match function:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                return self._attribute(*argument)
            case "Fn::Join":
                return str(argument[0]).join(map(self.value, argument[1]))
            case "Fn::Sub":
                return self._fill(argument)
        raise KeyError(f"{function} is not known to the rehearsal")

    def values(self, nodes: Mapping[str, Any]) -> dict[str, str]:
        """Return the values of a mapping."""
        return {name: self.value(node) for name, node in nodes.items()}

    def _fill(self, text: str) -> str:
        return re.sub(r"\$\{([\w:]+)\}", lambda name: self._reference(name[1]), text)

    def _reference(self, name: str) -> str:
        if name == "AWS::Region":
            return self._region
        return _PSEUDO[name] if name in _PSEUDO else self.physical[name]

    def _attribute(self, name: str, attribute: str) -> str:
        kind, physical = self.resources[name]["Type"], self.physical[name]
        if physical.startswith("arn:") or attribute not in ("Arn",):
            return physical
        queue = physical.rpartition("/")[2]
        resource = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{physical}",
            "AWS::SQS::Queue": self.arn("sqs", queue),
            "AWS::Lambda::Function": self.arn("lambda", f"function:{physical}"),
            "AWS::ECS::Cluster": self.arn("ecs", f"cluster/{physical}"),
            "AWS::Logs::LogGroup": self.arn("logs", f"log-group:{physical}:*"),
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{physical}",
        }
        return resource[kind]

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this account and region."""
        return f"arn:aws:{service}:{self._region}:{ACCOUNT}:{resource}"
