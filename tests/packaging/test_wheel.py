"""The wheel of this machine: built from the sdist, installed, used far from the checkout."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import pytest
from ionbox_science.kernels import digest_sources

from tests.packaging.installed import Installed
from tests.patience import PATIENCE_S, started

IN_THE_WHEEL = {
    "client/ionbox": "ionbox",
    "layers/science/python/ionbox_science": "ionbox_science",
    "layers/cloud/python/ionbox_cloud": "ionbox_cloud",
    "functions": "ionbox/functions",
    "statemachine": "ionbox/statemachine",
}
LIBRARY = "ionbox_science/libionbox_kernels.so"
SIMULATION = ["--width", 12, "--height", 10, "--ions", 20, "--noise", 50, "--seed", 1]
HOME = """
import sys, ionbox, ionbox_cloud, ionbox_science
from ionbox.local.functions import IONBOX
for path in (*(m.__file__ for m in (ionbox, ionbox_cloud, ionbox_science)), IONBOX.handlers):
    assert str(path).startswith(sys.prefix), path
print(*sys.path, sep="\\n")
"""
OPEN = """
import ionbox
run = ionbox.open("results")
print(len(run.results()), *run.isotope_images(*run.results().iloc[0].name)[0].shape)
"""
DIGEST = """
from ionbox_science import kernels
print(kernels.digest_in(kernels.library()))
"""
NO_KERNELS = """
from pathlib import Path
from ionbox.cli import main
from ionbox_science import kernels
kernels.LIBRARY = Path("none.so")
main.main(["check", "simulated.imzML"])
"""
DEPLOY = """
from ionbox.operate.install import make_command
make_command({})
"""


@pytest.fixture(scope="module")
def annotated(installed: Installed) -> str:
    """What annotating a simulated dataset prints; its results are in the working folder."""
    installed.succeed("ionbox", "lipids", "lipids.tsv")
    simulated = ["simulate", "simulated.imzML", "--database", "lipids.tsv", *SIMULATION]
    installed.succeed("ionbox", *simulated)
    run = ["annotate", "simulated.imzML", "--database", "lipids.tsv", "--out", "results"]
    return installed.succeed("ionbox", *run)


# --- what is in it --------------------------------------------------------------------------------


def test_its_name_says_that_any_python_3_takes_it_on_such_a_machine(wheel: Path) -> None:
    assert re.fullmatch(r"ionbox-[\d.]+-py3-none-(linux|macosx)_\w+\.whl", wheel.name)


def test_it_has_every_file_of_the_checkout_and_the_kernels(project: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {LIBRARY}
    for source, place in IN_THE_WHEEL.items():
        for path in (project / source).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                expected.add(f"{place}/{path.relative_to(project / source).as_posix()}")
    assert inside == expected


def test_the_sdist_is_a_whole_checkout(project: Path, sdist: Path) -> None:
    for name in ("Makefile", "cdk.json", "cdk/app.py", "layers/science/kernels/status.h", "tests"):
        assert (sdist / name).exists(), name
    assert digest_sources(sdist / "layers/science/kernels") == digest_sources(
        project / "layers/science/kernels"
    )


# --- what it does ---------------------------------------------------------------------------------


def test_nothing_of_it_lies_in_the_checkout(installed: Installed, project: Path) -> None:
    paths = installed.succeed("python", "-c", HOME).splitlines()
    assert not [path for path in paths if path.startswith(str(project))]


def test_it_checks_and_annotates(installed: Installed, annotated: str) -> None:
    checked = installed.succeed("ionbox", "check", "simulated.imzML")
    assert "simulated.imzML is ready to annotate" in checked
    assert re.search(r"^\d+ annotations; results in results$", annotated, re.MULTILINE)
    results = installed.folder / "results"
    assert json.loads((results / "status.json").read_text())["status"] == "succeeded"
    assert "</script>" in (results / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("annotated")
def test_python_reads_the_results(installed: Installed) -> None:
    n_annotations, *shape = map(int, installed.succeed("python", "-c", OPEN).split())
    assert n_annotations > 10
    assert shape == [10, 12]


@pytest.mark.usefixtures("annotated")
def test_it_exports(installed: Installed) -> None:
    installed.succeed("ionbox", "export", "results", "--to", "csv-pixels", "--out", "pixels.csv")
    assert len((installed.folder / "pixels.csv").read_text().splitlines()) > 120


@pytest.mark.usefixtures("annotated")
def test_it_serves_the_page(installed: Installed) -> None:
    serving = started(
        [installed.bin / "ionbox", "view", "results", "--no-browser"],
        cwd=installed.folder,
        env=installed.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    )
    with serving as viewer:
        assert viewer.stdout is not None
        (url,) = re.findall(r"http://\S+", viewer.stdout.readline())
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            assert b"</script>" in answer.read()
        address, _, token = url.partition("?")
        asked = f"{address}api/anymz?mz=500&ppm=5&{token}"
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            assert len(answer.read()) == 4 * 120


# --- what it says ---------------------------------------------------------------------------------


def test_its_kernels_say_what_they_were_compiled_from(installed: Installed, project: Path) -> None:
    digest = installed.succeed("python", "-c", DIGEST).strip()
    assert digest == digest_sources(project / "layers/science/kernels")


@pytest.mark.usefixtures("annotated")
def test_without_kernels_it_says_to_install_it_again(installed: Installed) -> None:
    done = installed.run("python", "-c", NO_KERNELS)
    assert done.returncode == 3
    assert done.stderr.startswith("error: the compiled kernels cannot be loaded (none.so: ")
    assert "install it again" in done.stderr
    assert "make kernels" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("annotated")
def test_what_an_extra_brings_is_named(installed: Installed) -> None:
    done = installed.run("ionbox", "export", "results", "--to", "anndata", "--out", "brain.h5ad")
    assert done.returncode == 1
    assert "where ionbox is installed: pip install 'ionbox[export]'\n" in done.stderr


def test_deploying_needs_a_checkout_and_says_so(installed: Installed) -> None:
    done = installed.run("python", "-c", DEPLOY)
    assert "is no checkout of ionbox" in done.stderr
    assert "clone the repository or unpack the sdist" in done.stderr
