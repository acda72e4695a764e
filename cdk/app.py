"""Synthesise the stack: builds code and layers, then writes the CloudFormation template.

The CDK's command line runs this (``cdk deploy``, see ``cdk.json``). Run by itself, as by ``make
synth``, it takes the settings from ``cdk.json`` and needs neither that command line nor
credentials::

    .venv/bin/python -m cdk.app
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cdk.node import provide_node

provide_node()  # before the imports: aws_cdk starts Node.js when it is imported

from aws_cdk import App, Validations  # noqa: E402
from cdk_nag import AwsSolutionsChecks  # noqa: E402

from cdk.functions_table import PROJECT, FunctionsTable  # noqa: E402
from cdk.settings import InvalidSettings, StackSettings  # noqa: E402
from cdk.stack import IonboxStack  # noqa: E402

LAYERS = PROJECT / "build" / "layers"
OUT = PROJECT / "cdk.out"


def read_context() -> dict[str, Any]:
    """Return the context that the CDK's command line would pass on."""
    try:
        context: dict[str, Any] = json.loads((PROJECT / "cdk.json").read_text("utf-8"))["context"]
    except (ValueError, KeyError) as error:
        sys.exit(f"cdk.json cannot be read: {error!r}")
    return context


def build_layers(architecture: str) -> dict[str, Path]:
    """Build code and layers, what of them changed; return the folder of each, by name."""
    out = LAYERS / architecture
    command = [sys.executable, str(PROJECT / "layers" / "build_layers.py"), str(out)]
    command += ["--architecture", architecture]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        sys.exit(1)  # it said why
    return {folder.name: folder for folder in sorted(out.iterdir()) if folder.is_dir()}


def summarise(settings: StackSettings, template: Path) -> str:
    """Say in a few lines what was made, and what to do next."""
    kinds = Counter(
        resource["Type"] for resource in json.loads(template.read_text())["Resources"].values()
    )
    table = FunctionsTable.read(settings.max_lambda_mb)
    ladders = [entry.rungs_mb for entry in table.functions.values() if entry.is_ladder]
    sizes = sorted({rung_mb for ladder in ladders for rung_mb in ladder})
    task = "a Fargate task for large datasets" if settings.fargate else "no Fargate task"
    return "\n".join(
        [
            f"{os.path.relpath(template)}: stack '{settings.stack_name}', "
            f"{kinds.total()} resources",
            f"  {kinds['AWS::Lambda::Function']} functions of {len(table.functions)} handlers, "
            f"{len(ladders)} of them at {', '.join(map(str, sizes))} MB; {task}; all for "
            f"{settings.architecture}",
            "Next: ionbox deploy, or make deploy (installs it in the AWS account that your "
            "credentials are for; make bootstrap once before).",
        ]
    )


def main() -> None:
    """Read the settings, build the layers, write the template; say what was made if run by hand."""
    by_itself = "CDK_CONTEXT_JSON" not in os.environ
    app = (
        App(context=read_context(), outdir=os.environ.get("CDK_OUTDIR", str(OUT)))
        if by_itself
        else App()
    )
    try:
        settings = StackSettings.from_context(app.node.get_all_context())
    except InvalidSettings as error:
        sys.exit(f"ionbox cannot be synthesised: {error}")
    IonboxStack(app, settings, build_layers(settings.architecture))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    assembly = app.synth()
    if by_itself:
        template = Path(assembly.directory) / f"{settings.stack_name}.template.json"
        print(summarise(settings, template))


if __name__ == "__main__":
    main()
