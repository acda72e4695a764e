"""``make synth`` as it is run: a process of its own, the real layers, nobody logged in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from layers.compile_sources import find_python, find_stale
from tests import patience


def run_app(
    project: Path, out: Path, context: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the app as ``make synth``; with a context, as the CDK's command line does.

    The command line's runs are not validated by the CDK, which takes longer than all the rest.
    """
    secret = ("AWS_", "CDK_", "JSII_")
    environment = {key: each for key, each in os.environ.items() if not key.startswith(secret)}
    environment["CDK_OUTDIR"] = str(out)
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    if context is not None:
        environment["CDK_CONTEXT_JSON"] = json.dumps(context)
        environment["CDK_VALIDATION"] = "false"
    return patience.run([sys.executable, "-m", "cdk.app"], cwd=project, env=environment)


@pytest.fixture(scope="module")
def synthesised(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("synth") / "cdk.out"
    done = run_app(project, out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_says_what_it_made_and_what_comes_next(synthesised: tuple[Path, str]) -> None:
    _, said = synthesised
    assert "ionbox.template.json: stack 'ionbox', " in said
    assert "functions of" in said
    assert "make deploy" in said


def test_the_real_layers_are_what_is_deployed(synthesised: tuple[Path, str]) -> None:
    out, _ = synthesised
    folders = [path for path in out.iterdir() if path.name.startswith("asset.")]
    assert len(folders) == 3
    contents = {path.name for folder in folders for path in folder.iterdir()}
    assert {"python", "annotate_segments", "plan_run"} <= contents
    for folder in folders:
        assert not list(find_stale(folder))
        compiled = len(list(folder.rglob("*.pyc")))
        assert compiled == (len(list(folder.rglob("*.py"))) if find_python() else 0)
    assert [path for folder in folders for path in folder.glob("python/ionbox_science/*.so")], (
        "the kernels"
    )


def test_equal_sources_are_not_deployed_again(
    synthesised: tuple[Path, str], project: Path, tmp_path: Path
) -> None:
    out, _ = synthesised
    context = json.loads((project / "cdk.json").read_text("utf-8"))["context"]
    done = run_app(project, tmp_path / "cdk.out", context)
    assert done.returncode == 0, done.stderr
    name = "ionbox.template.json"
    assert (tmp_path / "cdk.out" / name).read_bytes() == (out / name).read_bytes()


def test_a_mistake_in_the_settings_is_one_sentence(project: Path, tmp_path: Path) -> None:
    done = run_app(project, tmp_path / "cdk.out", {"fargat": True})
    assert done.returncode == 1
    assert done.stderr.startswith(
        "ionbox cannot be synthesised: unknown setting 'fargat'; did you mean fargate?"
    )
