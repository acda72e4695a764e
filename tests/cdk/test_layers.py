"""The layers as they are deployed: small enough, complete, and importable by Lambda's Python."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import patience

LAYERS = ("science", "cloud")

# Of Lambda's Python 3.13: boto3 and what it needs, and nothing else of ours or of the tests.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py")

IMPORT_EVERYTHING = """
import importlib, pathlib, sys
folders = sys.argv[1:]
sys.path[:0] = folders
functions = pathlib.Path(folders[0])
for path in sorted(functions.glob("*/*.py")):
    module = importlib.import_module(f"{path.parent.name}.{path.stem}")
    print(module.__name__)
import numcodecs.zstd, cpyMSpec, pyimzml.ImzMLParser, aws_lambda_powertools.metrics
from ionbox_science.kernels import LIBRARY, library
library()
print(LIBRARY)
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None) or ""
    if "site-packages" in file:
        sys.exit(f"{module.__name__} is not in the layers")
"""


def build(project: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, project / "layers" / "build_layers.py", out]
    return patience.run(command)


@pytest.fixture(scope="session")
def layers(project: Path) -> Path:
    """The built layers, those that make synth takes."""
    out = project / "build" / "layers"
    done = build(project, out)
    assert done.returncode == 0, done.stderr
    return out


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def python_of_lambda() -> str:
    if sys.version_info[:2] == (3, 13):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = [str(path) for path in sorted(pyenv.glob("versions/3.13*/bin/python"))]
    for found in filter(None, [shutil.which("python3.13"), *installed]):
        # a shim may stand for a version that is not chosen
        if patience.run([found, "-V"]).returncode == 0:
            return found
    pytest.skip("there is no Python 3.13 to import the layers with")


def test_layers_and_code_fit_on_lambda(layers: Path, project: Path) -> None:
    done = build(project, layers)
    lines = done.stdout.splitlines()
    sizes = [re.fullmatch(r".+: (\w+), ([\d.]+) MB unzipped", line) for line in lines]
    found = {size[1]: float(size[2]) for size in sizes if size}
    assert found.keys() == {"code", *LAYERS}
    assert sum(found.values()) < 250
    # where they stand today; a library more is worth a look
    assert found["science"] < 60
    assert found["cloud"] < 70


def test_a_layer_holds_packages_for_lambda_and_nothing_of_the_builder(layers: Path) -> None:
    for name in LAYERS:
        assert [path.name for path in (layers / name).iterdir()] == ["python"]
        files = digests(layers / name)
        assert not [path for path in files if "/tests/" in path or "/bin/" in path]
        assert not [path for path in files if path.endswith("/RECORD")]
        compiled = [path for path in files if ".cpython-" in path]
        assert compiled
        assert all(".cpython-313-x86_64-linux-gnu." in path for path in compiled)
    assert not [path for path in digests(layers / "cloud") if path.startswith("python/numpy/")]


def test_the_science_layer_has_the_kernels_for_lambda(layers: Path, project: Path) -> None:
    relative = "python/ionbox_science/libionbox_kernels.so"
    kernels = (layers / "science" / relative).read_bytes()
    assert kernels[:4] == b"\x7fELF"
    assert kernels != (project / "layers" / "science" / relative).read_bytes()


def test_layers_are_complete(layers: Path) -> None:
    """What is installed without its dependencies has them all the same."""
    paths = [str(layers / name / "python") for name in LAYERS]
    found = {
        re.sub(r"[-_.]+", "-", each.name).lower(): each
        for each in importlib.metadata.distributions(path=paths)
    }
    left_out = {"wheezy-template"}  # of pyimzML's writer
    for distribution in found.values():
        for requirement in distribution.requires or []:
            name, _, marker = requirement.partition(";")
            wanted = re.match(r"[A-Za-z0-9._-]+", name)
            assert wanted is not None
            if "extra" in marker or "python_version <" in marker or "platform" in marker:
                continue
            assert re.sub(r"[-_.]+", "-", wanted[0]).lower() in found.keys() | left_out, requirement


def test_equal_sources_make_equal_bytes(layers: Path, project: Path, tmp_path: Path) -> None:
    done = build(project, tmp_path)
    assert done.returncode == 0, done.stderr
    for name in LAYERS:
        assert digests(tmp_path / name) == digests(layers / name)


def test_what_did_not_change_is_not_built_again(layers: Path, project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in layers.rglob("*")}
    assert "Building" not in build(project, layers).stderr
    assert {path: path.stat().st_mtime_ns for path in layers.rglob("*")} == before


def test_lambdas_python_imports_every_handler(layers: Path, project: Path, tmp_path: Path) -> None:
    python = python_of_lambda()
    site_packages = Path(sysconfig.get_paths()["purelib"])
    for name in RUNTIME:
        (tmp_path / name).symlink_to(site_packages / name)
    folders = [project / "functions", *(layers / name / "python" for name in LAYERS), tmp_path]
    # isolated and without site-packages; -B: nothing is left where the layers are
    done = patience.run([python, "-I", "-S", "-B", "-c", IMPORT_EVERYTHING, *folders], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    imported = done.stdout.split()
    assert "annotate_segments.handler" in imported
    assert imported[-1] == str(
        layers / "science" / "python" / "ionbox_science" / "libionbox_kernels.so"
    )


def test_a_library_without_a_version_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "layers"
    (copy / "science").mkdir(parents=True)
    shutil.copy(project / "layers" / "build_layers.py", copy)
    (copy / "science" / "requirements.txt").write_text("numpy\nscipy\n")
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "scipy: named in layers/science/requirements.txt, but not pinned" in done.stderr
