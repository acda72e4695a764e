"""``make wheels``: built on this machine for machines of other kinds."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

import build_wheels

LIBRARY = "ionbox_science/libionbox_kernels.so"
OLDEST_GLIBC = (2, 17)
ELF_MACHINES = {"linux-x86_64": "EM_X86_64", "linux-aarch64": "EM_AARCH64"}
MACH_O = 0xFEEDFACF
MACH_O_PROCESSORS = {"macos-x86_64": 0x01000007, "macos-arm64": 0x0100000C}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build_wheels.main([str(folder)])
    return folder


def read_kernels(out: Path, name: str) -> bytes:
    """Read the library in the wheel of a platform."""
    (wheel,) = out.glob(f"ionbox-*-py3-none-{build_wheels.PLATFORMS[name].tags}.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(LIBRARY)


def test_there_is_an_sdist_and_a_wheel_per_platform(out: Path) -> None:
    assert len(list(out.glob("ionbox-*.tar.gz"))) == 1
    assert len(list(out.glob("ionbox-*.whl"))) == len(build_wheels.PLATFORMS) == 4


@pytest.mark.parametrize("name", ELF_MACHINES)
def test_those_for_linux_run_with_the_glibc_of_their_name(out: Path, name: str) -> None:
    elf = ELFFile(io.BytesIO(read_kernels(out, name)))
    assert elf.header["e_machine"] == ELF_MACHINES[name]
    section = elf.get_section_by_name(".gnu.version_r")
    assert isinstance(section, GNUVerNeedSection)
    versions = {version.name for _, needed in section.iter_versions() for version in needed}
    assert versions
    for version in versions:
        kind, _, number = version.partition("_")
        assert kind == "GLIBC"
        assert tuple(map(int, number.split("."))) <= OLDEST_GLIBC, version


@pytest.mark.parametrize("name", MACH_O_PROCESSORS)
def test_those_for_macos_are_for_its_processors(out: Path, name: str) -> None:
    magic, processor = struct.unpack_from("<2I", read_kernels(out, name))
    assert (magic, processor) == (MACH_O, MACH_O_PROCESSORS[name])


@pytest.mark.parametrize("name", build_wheels.PLATFORMS)
def test_each_has_the_kernels_by_name(out: Path, name: str) -> None:
    kernels = read_kernels(out, name)
    for function in (b"ionbox_match_spectra", b"ionbox_sources"):
        assert function in kernels
