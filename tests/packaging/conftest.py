from __future__ import annotations

import os
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests import patience
from tests.packaging.installed import Installed, install_wheel, make_environment


@pytest.fixture(scope="session")
def builder(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has what a build requires and nothing else, as pip's."""
    declared = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    environment = tmp_path_factory.mktemp("build")
    make_environment(environment, declared["build-system"]["requires"])
    return environment / "bin" / "python"


def build(builder: Path, source: Path, target: str, out: Path) -> Path:
    """Build the sdist or the wheel of a folder."""
    command: list[str | Path] = [builder, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = patience.run(command, cwd=source, env=environment)
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="session")
def sdist(builder: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, as a folder that was unpacked."""
    archive = build(builder, project, "sdist", tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture(scope="session")
def wheel(builder: Path, sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel for this machine, from the sdist."""
    return build(builder, sdist, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own, with what it says it needs and nothing else."""
    return install_wheel(wheel, tmp_path_factory.mktemp("installed"))
