"""Results do not depend on who compiled the kernels, nor on how hard the compiler tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernels.builds import build_kernels, run_examples


@pytest.fixture(scope="module")
def expected(here: Path) -> dict[str, str]:
    return run_examples(here)


def test_examples_use_every_kernel(expected: dict[str, str]) -> None:
    assert {name.split()[0].rstrip(",") for name in expected} == {
        *("patterns", "scores", "annotations", "images", "chaos", "header", "sorted", "merged"),
        *("picked", "checksums", "packed", "colocalization", "learned"),
    }
    assert len(set(expected.values())) > 0.8 * len(expected)  # the examples differ


@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-funroll-loops"]], ids=" ".join)
def test_optimising_does_not_change_a_bit(
    flags: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    library = build_kernels.build(build_kernels.find_compiler(), tmp_path, flags=flags)
    assert run_examples(library) == expected


def test_what_this_processor_can_do_more_does_not_change_a_bit(
    expected: dict[str, str], tmp_path: Path
) -> None:
    if not build_kernels.is_x86():
        pytest.skip("-march=native is not what ARM compilers call it")
    compiler = build_kernels.find_compiler()
    library = build_kernels.build(compiler, tmp_path, flags=["-march=native"])
    assert run_examples(library) == expected


def test_leaving_out_the_processor_does_not_change_a_bit(
    expected: dict[str, str], tmp_path: Path
) -> None:
    library = build_kernels.build(build_kernels.find_compiler(), tmp_path, x86=False)
    assert run_examples(library) == expected


@pytest.mark.parametrize("flags", [[], ["-O1"]], ids=["as built", "O1"])
def test_the_compiler_from_pypi_does_not_change_a_bit(
    flags: list[str], zig: list[str], expected: dict[str, str], tmp_path: Path
) -> None:
    """Not at -O0: zig then takes exp and log from its own library, which rounds differently."""
    assert run_examples(build_kernels.build(zig, tmp_path, flags=flags)) == expected


def test_fused_multiply_add_would_change_bits(expected: dict[str, str], tmp_path: Path) -> None:
    """The examples do see what the build must avoid."""
    # what contracts is one of gcc's expensive optimisations; the others are not needed here
    flags = ["-O1", "-fexpensive-optimizations", "-mfma", "-ffp-contract=fast"]
    if not build_kernels.is_x86() or " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no fused multiply-add, or is no x86-64")
    library = build_kernels.build(build_kernels.find_compiler(), tmp_path, flags=flags)
    assert run_examples(library) != expected
