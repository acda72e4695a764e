"""The science does without cpyMSpec, which has no wheel for ARM."""

from __future__ import annotations

import subprocess
import sys

from tests import patience
from tests.kernels.builds import PROJECT, environment

ANNOTATE = """
import sys

sys.modules["cpyMSpec"] = None  # as if it were not installed: importing it fails
from tests.builders import annotate
from tests.golden import planted

run = annotate(planted.read_planted(), planted.FORMULAS)
found = run.annotations
assert (run.patterns.mz[:, 0] > 0).all()
assert len(found.fdr) > 10
assert (found.msm > 0.5).any()
assert ((found.fdr > 0) & (found.fdr <= 1)).all()
print(found.ion.tolist(), found.msm.tolist(), found.fdr.tolist())
"""


def run(source: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", source]
    return patience.run(command, env=environment())


def test_patterns_scores_and_fdr_do_not_need_it() -> None:
    without = run(ANNOTATE)
    assert without.returncode == 0, without.stderr
    with_it = run(ANNOTATE.replace('sys.modules["cpyMSpec"] = None', "import cpyMSpec"))
    assert with_it.returncode == 0, with_it.stderr
    assert without.stdout == with_it.stdout


def test_it_is_installed_only_where_there_is_a_wheel() -> None:
    from packaging.requirements import Requirement

    lines = (PROJECT / "requirements.txt").read_text("utf-8").splitlines()
    [line] = [line for line in lines if line.startswith("cpyMSpec")]
    marker = Requirement(line.partition(" #")[0]).marker
    assert marker is not None
    for machine, wanted in {
        "x86_64": True,
        "AMD64": True,
        "arm64": False,
        "aarch64": False,
    }.items():
        assert marker.evaluate({"platform_machine": machine}) == wanted
