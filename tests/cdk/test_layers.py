"""Code and layers as deployed: small enough, complete, and importable by Lambda's Python."""

from __future__ import annotations

import _imp
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
from elftools.elf.elffile import ELFFile

from layers.compile_sources import find_python, find_stale
from tests import patience

Done = subprocess.CompletedProcess[str]

LAYERS = ("science", "cloud")
BUILT = ("functions", *LAYERS)

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


def build(project: Path, out: Path, *options: str, **variables: str) -> Done:
    command: list[str | Path] = [
        sys.executable,
        project / "layers" / "build_layers.py",
        out,
        *options,
    ]
    return patience.run(command, env={**os.environ, **variables})


@pytest.fixture(scope="session")
def layers(project: Path) -> Path:
    """The built layers, those that make synth takes."""
    out = project / "build" / "layers" / "x86_64"
    done = build(project, out)
    assert done.returncode == 0, done.stderr
    return out


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def python_of_lambda() -> str:
    found = find_python()
    if found is None:
        pytest.skip("there is no Python 3.13 to compile and import the layers with")
    return found


def sources(folder: Path) -> dict[Path, Path]:
    """Every source, and where Python looks for what it was compiled to."""
    return {
        path: path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc"
        for path in folder.rglob("*.py")
    }


def test_layers_and_code_fit_on_lambda(layers: Path, project: Path) -> None:
    done = build(project, layers)
    lines = done.stdout.splitlines()
    sizes = [re.fullmatch(r".+: (\w+), ([\d.]+) MB unzipped", line) for line in lines]
    found = {size[1]: float(size[2]) for size in sizes if size}
    assert found.keys() == {"code", *LAYERS}
    on_disk = [path for path in layers.rglob("*") if path.is_file() and path.parent != layers]
    assert sum(found.values()) == pytest.approx(
        sum(path.stat().st_size for path in on_disk) / (1 << 20), abs=0.2
    )
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
        compiled = [path for path in files if ".cpython-" in path and path.endswith(".so")]
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
    for name in BUILT:
        assert digests(tmp_path / name) == digests(layers / name)


def test_what_did_not_change_is_not_built_again(layers: Path, project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in layers.rglob("*")}
    assert "Building" not in build(project, layers).stderr
    assert {path: path.stat().st_mtime_ns for path in layers.rglob("*")} == before


def test_what_is_compiled_is_what_the_sources_say(layers: Path) -> None:
    """Lambda's Python runs it without a look at the source."""
    python_of_lambda()
    for name in BUILT:
        assert not list(find_stale(layers / name))
        compiled = sources(layers / name)
        assert compiled.keys()
        assert set(compiled.values()) == set((layers / name).rglob("*.pyc"))
        for source, path in compiled.items():
            code, written = source.read_bytes(), path.read_bytes()
            # of Python 3.13; not to be compared with its source; of this source (PEP 552)
            assert written[:8] == b"\xf3\r\r\n" + b"\1\0\0\0"
            assert written[8:16] == _imp.source_hash(0x0A0D0DF3, code)


def test_what_is_compiled_has_the_places_of_lambda(layers: Path, project: Path) -> None:
    python_of_lambda()
    for name, place in (("functions", b"/var/task/"), ("cloud", b"/opt/python/")):
        for source, path in sources(layers / name).items():
            if source.stat().st_size:
                assert place in path.read_bytes()
                assert str(project).encode() not in path.read_bytes()


def test_what_somebody_changed_in_a_built_folder_is_built_again(
    layers: Path, project: Path, tmp_path: Path
) -> None:
    python_of_lambda()
    for name in BUILT:
        shutil.copytree(layers / name, tmp_path / name)
        shutil.copy(layers / f"{name}.built-from", tmp_path)
    changed = tmp_path / "functions" / "intake" / "handler.py"
    changed.write_text("def lambda_handler(event, context): return {}\n")
    done = build(project, tmp_path)
    assert "Building the code" in done.stderr
    assert "Building the cloud layer" not in done.stderr
    assert digests(tmp_path / "functions") == digests(layers / "functions")


@pytest.mark.parametrize("name", ["intake.cpython-311.pyc", "left.cpython-313.pyc"])
def test_what_another_python_left_is_stale(tmp_path: Path, name: str) -> None:
    (tmp_path / "intake.py").write_text("A = 1\n")
    left = tmp_path / "__pycache__" / name
    left.parent.mkdir()
    left.write_bytes(b"\xf3\r\r\n\1\0\0\0" + _imp.source_hash(0x0A0D0DF3, b"A = 1\n"))
    assert list(find_stale(tmp_path)) == [left]


def test_without_lambdas_python_nothing_is_compiled_and_it_says_so(
    project: Path, tmp_path: Path
) -> None:
    if sys.version_info[:2] == (3, 13):
        pytest.skip("this Python is Lambda's")
    layers = tmp_path / "layers"
    layers.mkdir()
    for name in ("build_layers.py", "compile_sources.py"):
        shutil.copy(project / "layers" / name, layers)
    shutil.copytree(project / "functions", tmp_path / "functions")
    (tmp_path / "requirements.txt").write_text("six==1.17.0\n")
    for name in LAYERS:
        (layers / name / "python" / "ours").mkdir(parents=True)
        (layers / name / "requirements.txt").write_text("six\n")
    (layers / "science" / "build_kernels.py").write_text("")
    # neither pyenv nor uv, and no other Python by its name
    hidden = {"PYENV_ROOT": str(tmp_path), "PATH": os.devnull, "UV_PYTHON_DOWNLOADS": "never"}
    hidden |= {"UV_PYTHON_PREFERENCE": "only-managed", "UV_PYTHON_INSTALL_DIR": str(tmp_path)}
    done = build(tmp_path, tmp_path / "out", PYTHON313="-", **hidden)
    assert done.returncode == 0, done.stderr
    assert "There is no Python 3.13 here to compile with: functions will take" in done.stderr
    assert (tmp_path / "out" / "functions" / "intake" / "handler.py").is_file()
    assert not list(tmp_path.rglob("out/**/*.pyc"))


def test_layers_for_arm_hold_nothing_for_other_processors(project: Path) -> None:
    out = project / "build" / "layers" / "arm64"
    done = build(project, out, "--architecture", "arm64")
    assert done.returncode == 0, done.stderr
    libraries = [path for path in out.rglob("*") if path.is_file() and ".so" in path.name]
    assert out / "science" / "python" / "ionbox_science" / "libionbox_kernels.so" in libraries
    for path in libraries:
        with path.open("rb") as file:
            assert ELFFile(file).header["e_machine"] == "EM_AARCH64", path
    for path in out.rglob("*"):
        if path.is_file() and path not in libraries:
            with path.open("rb") as file:
                assert file.read(4) != b"\x7fELF", path
    # there is no wheel of it; tests/kernels/test_without_cpymspec.py does without
    assert not list(out.rglob("cpyMSpec*"))
    assert not list(out.glob("science/python/*cffi*"))


def test_lambdas_python_imports_every_handler(layers: Path, project: Path, tmp_path: Path) -> None:
    python = python_of_lambda()
    site_packages = Path(sysconfig.get_paths()["purelib"])
    for name in RUNTIME:
        (tmp_path / name).symlink_to(site_packages / name)
    folders = [layers / "functions", *(layers / name / "python" for name in LAYERS), tmp_path]
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
    for name in ("build_layers.py", "compile_sources.py"):
        shutil.copy(project / "layers" / name, copy)
    (tmp_path / "functions").mkdir()
    (copy / "science" / "requirements.txt").write_text("numpy\nscipy\n")
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "scipy: named in layers/science/requirements.txt, but not pinned" in done.stderr
