"""What is built for AWS Lambda runs on Amazon Linux 2023, and computes the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import SymbolTableSection

from tests.kernels.builds import run_examples

NEWEST_GLIBC = (2, 34)


@pytest.fixture
def elf(for_lambda: Path) -> Iterator[ELFFile]:
    with for_lambda.open("rb") as file:
        yield ELFFile(file)


def needed_versions(elf: ELFFile) -> set[str]:
    """The symbol versions a library asks of others, such as GLIBC_2.14."""
    section = elf.get_section_by_name(".gnu.version_r")
    assert isinstance(section, GNUVerNeedSection)
    return {version.name for _, versions in section.iter_versions() for version in versions}


def test_asks_for_no_newer_glibc_than_lambda_has(elf: ELFFile) -> None:
    versions = needed_versions(elf)
    assert versions
    for version in versions:
        kind, _, number = version.partition("_")
        assert kind == "GLIBC", f"{version} is not on Lambda"
        assert tuple(map(int, number.split("."))) <= NEWEST_GLIBC, version


def test_needs_nothing_but_the_c_library(elf: ELFFile) -> None:
    section = elf.get_section_by_name(".dynamic")
    assert isinstance(section, DynamicSection)
    needed = [vars(tag)["needed"] for tag in section.iter_tags("DT_NEEDED")]
    libraries = {name.partition(".so")[0] for name in needed}
    assert libraries <= {"libc", "libm", "libpthread", "ld-linux-x86-64"}


def test_is_for_64_bit_intel(elf: ELFFile) -> None:
    assert elf.header["e_machine"] == "EM_X86_64"
    assert elf.elfclass == 64
    assert elf.header["e_type"] == "ET_DYN"


def test_takes_functions_whose_rounding_shows_from_the_c_library(elf: ELFFile) -> None:
    """Zig has an ``exp`` and a ``log`` of its own, which round differently."""
    section = elf.get_section_by_name(".dynsym")
    assert isinstance(section, SymbolTableSection)
    symbols = {symbol.name: symbol for symbol in section.iter_symbols()}
    for name in ("exp", "log"):
        assert symbols[name]["st_shndx"] == "SHN_UNDEF"


def test_carries_no_debugging_symbols(elf: ELFFile) -> None:
    assert elf.get_section_by_name(".symtab") is None


def test_equals_the_local_build(for_lambda: Path, here: Path) -> None:
    assert run_examples(for_lambda) == run_examples(here)
