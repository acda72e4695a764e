"""What CloudFormation would only refuse in the middle of a deployment, cfn-lint refuses here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import patience
from tests.cdk.synthesis import Synthesis

IGNORED = (
    "W3005",  # dependencies that the CDK writes down twice
    "E3601",  # takes OutputPath of a Succeed state for a mistake; asl-validator reads definitions
)


def complaints(template: Path, *regions: str) -> str:
    command: list[str | Path] = [Path(sys.executable).with_name("cfn-lint")]
    command += ["--ignore-checks", *IGNORED]
    done = patience.run([*command, "--regions", "us-east-1", *regions, "--", template])
    assert bool(done.stdout.strip()) == bool(done.returncode), done.stderr
    return done.stdout


@pytest.mark.parametrize("fixture", ["stack", "with_all", "restricted"])
def test_templates_are_accepted(fixture: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(fixture)
    (template,) = synthesis.folder.glob("*.template.json")
    # the others say the same of what regions have
    more = ["eu-central-1"] if fixture == "stack" else []
    assert not complaints(template, *more)


def test_mistakes_are_found(stack: Synthesis, tmp_path: Path) -> None:
    broken: dict[str, Any] = json.loads(json.dumps(stack.template))
    resources = broken["Resources"]
    few = ("PlanRun1769", "KickQueue", "Topic", "TopicPolicyA1747468")  # all of them take 10 s
    broken["Resources"] = {name: resources[name] for name in few}
    broken["Resources"]["PlanRun1769"]["Properties"]["MemorySize"] = 99_999
    broken["Resources"]["KickQueue"]["Properties"]["FifoQeue"] = True
    broken["Resources"]["Topic"]["DependsOn"] = ["TopicPolicyA1747468"]  # which needs the topic
    template = tmp_path / "broken.template.json"
    template.write_text(json.dumps(broken), "utf-8")
    found = complaints(template)
    for word in ("99999 is greater", "FifoQeue", "Circular"):
        assert word in found
