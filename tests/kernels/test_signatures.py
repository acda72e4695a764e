"""The table of kernels equals the C sources and the library, and calls are checked against it."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from ionbox_science import kernel_calls
from ionbox_science.errors import InvalidDataset
from ionbox_science.imzml import scan
from ionbox_science.imzml.spectra import INTENSITY_TYPES
from ionbox_science.kernel_calls import Status, call_kernel, check_status, fill_struct
from ionbox_science.kernel_signatures import DECLARATIONS, parse_declarations
from ionbox_science.kernels import SOURCES
from ionbox_science.scoring import scores
from ionbox_science.theory import compositions, isotope_model

from tests.kernels.builds import PROJECT

TABLE = parse_declarations(DECLARATIONS)
SCIENCE = PROJECT / "layers" / "science" / "python" / "ionbox_science"


@pytest.fixture(scope="module")
def sources() -> str:
    return "\n".join(path.read_text() for path in sorted(SOURCES.rglob("*.[ch]")))


def enumerators(sources: str, *names: str) -> list[int]:
    """What C counts the named enumerators as."""
    values: dict[str, int] = {}
    for body in re.findall(
        r"\benum \w*\s*\{([^}]*)\}", re.sub(r"/\*.*?\*/", "", sources, flags=re.S)
    ):
        number = -1
        for item in filter(None, map(str.strip, body.split(","))):
            name, _, text = map(str.strip, item.partition("="))
            number = int(text) if text.isdecimal() else number + 1
            values[name] = number
    return [values[name] for name in names]


# --- the table ------------------------------------------------------------------------------------


def test_every_kernel_is_in_the_table_as_it_is_in_c(sources: str) -> None:
    assert dict(TABLE.functions) == dict(parse_declarations(sources).functions)
    assert len(TABLE.functions) == len(re.findall(r"^[^/*\n]*\bionbox_\w+\(", sources, re.M))


def test_every_struct_is_in_the_table_as_it_is_in_c(sources: str) -> None:
    in_c = parse_declarations(sources).structs
    assert {name: in_c[name] for name in TABLE.structs} == dict(TABLE.structs)
    taken = {
        parameter.type.removeprefix("struct ")
        for function in TABLE.functions.values()
        for parameter in function.parameters
        if parameter.type.startswith("struct ")
    }
    # rows are pairs in an array, and what a context holds is C's own business
    assert taken - {"rows", "pattern_context"} == set(TABLE.structs)
    assert [(field.name, field.type) for field in in_c["rows"]] == [
        ("next", "uint64_t"),
        ("stop", "uint64_t"),
    ]


def test_the_library_exports_what_the_table_says(here: Path) -> None:
    with here.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(section, SymbolTableSection)
        exported = {s.name for s in section.iter_symbols() if s.name.startswith("ionbox_")}
    assert exported - {"ionbox_sources"} == set(TABLE.functions)


def test_every_kernel_is_called_and_every_call_is_of_a_kernel() -> None:
    named = {
        name
        for path in SCIENCE.rglob("*.py")
        if path.name not in ("kernel_signatures.py", "kernel_calls.py")
        for name in re.findall(r'"(ionbox_[a-z]\w*)"', path.read_text())
    }
    assert named - {"ionbox_science", "ionbox_sources"} == set(TABLE.functions)


@pytest.mark.parametrize(
    ("changed", "to"),
    [
        ("double ppm", "float ppm"),
        ("const double *pattern_mz", "double *pattern_mz"),
        ("const uint32_t *order, int64_t n_order", "int64_t n_order, const uint32_t *order"),
        ("int64_t n_order", "int64_t n_order, int32_t more"),
        ("int32_t ionbox_score_ions", "int64_t ionbox_score_ions"),
        ("int64_t height, width", "int64_t width, height"),
    ],
)
def test_any_change_would_be_seen(changed: str, to: str, sources: str) -> None:
    assert changed in sources
    assert changed in DECLARATIONS
    in_c = parse_declarations(sources.replace(changed, to))
    assert (dict(in_c.functions), in_c.structs["score_job"]) != (
        dict(TABLE.functions),
        TABLE.structs["score_job"],
    )


def test_what_the_table_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a plain parameter: double \*\*mz"):
        parse_declarations("int32_t ionbox_odd(double **mz);")


# --- numbers with a name in both languages --------------------------------------------------------


def test_names_of_numbers_mean_the_same_in_c(sources: str) -> None:
    assert enumerators(sources, *(f"STATUS_{status.name}" for status in Status)) == list(Status)
    types = ("FLOAT32", "FLOAT64", "INT32", "INT64")
    assert enumerators(sources, *types) == list(INTENSITY_TYPES.values())
    kinds = ("TEXT", "SIGNED", "UNSIGNED")
    assert enumerators(sources, *kinds) == [getattr(scan, kind) for kind in kinds]
    analyzers = [f"ANALYZER_{name.upper()}" for name in isotope_model.ANALYZERS]
    assert enumerators(sources, *analyzers) == [0, 1, 2]
    outcomes = [compositions.READ, compositions.WITHOUT_PATTERN, compositions.DECLINED]
    assert enumerators(sources, "READ", "WITHOUT_PATTERN", "DECLINED") == outcomes
    assert enumerators(sources, "ION_DONE", "ION_WITHOUT_PATTERN", "ION_DECLINED") == outcomes
    assert enumerators(sources, "MAX_ISOTOPE_PEAKS") == [scores.MAX_ISOTOPE_PEAKS]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (Status.NO_MEMORY, MemoryError),
        (Status.INVALID, ValueError),
        (Status.TOO_LARGE, ValueError),
        (Status.CHANGED, InvalidDataset),
        (99, ValueError),
    ],
)
def test_a_status_is_raised(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_status(status)
    check_status(Status.OK)


# --- calls ----------------------------------------------------------------------------------------


def order(value: object, n: object, into: object) -> int:
    return call_kernel("ionbox_order_values", value, n, into)


VALUES, ORDER = np.array([3.0, 1.0, 2.0]), np.zeros(3, np.uint32)


def read_only(array: np.ndarray) -> np.ndarray:
    frozen = array.copy()
    frozen.flags.writeable = False
    return frozen


def test_a_kernel_is_called_with_what_it_takes() -> None:
    into = ORDER.copy()
    assert order(read_only(VALUES), np.int64(3), into) == 0
    assert into.tolist() == [1, 2, 0]
    assert call_kernel("ionbox_get_n_cells") == 20 * 4096 + 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((VALUES, 3), "takes 3 arguments, not 2"),
        ((VALUES.astype(np.float32), 3, ORDER), "value must be a contiguous array of float64"),
        (
            (VALUES.astype(">f8"), 3, ORDER),
            "value must be a contiguous array of float64, not .*>f8",
        ),
        ((np.zeros(6)[::2], 3, ORDER), r"value must be .*strides \(16,\)"),
        ((VALUES.tolist(), 3, ORDER), "value must be .* not list"),
        (
            (VALUES, 3, ORDER.astype(np.int32)),
            "order must be a contiguous writable array of uint32",
        ),
        ((VALUES, 3, read_only(ORDER)), "order must be a contiguous writable array"),
        ((VALUES, 2**63, ORDER), "n_values must fit 64 bits"),
        ((VALUES, 3.0, ORDER), "'float' object cannot be interpreted as an integer"),
    ],
)
def test_a_kernel_is_not_called_with_anything_else(
    arguments: tuple[object, ...], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        call_kernel("ionbox_order_values", *arguments)


def test_what_a_kernel_refuses_is_raised() -> None:
    with pytest.raises(ValueError, match="out of range"):
        order(VALUES, -1, ORDER)


def columns(**changed: object) -> kernel_calls.KernelStruct:
    fields = {"mz": np.ones(2), "intensity": np.ones(2, np.float32), "n_rows": 2, "mz_bytes": 8}
    return fill_struct("peak_columns", **{**fields, "pixel": np.zeros(2, np.uint32), **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mz": np.ones(2, np.int64)}, "mz must be a contiguous array of float64 or float32"),
        ({"pixel": np.ones(2, np.int64)}, "pixel must be a contiguous array of uint32"),
        ({"mz_bytes": 2**31}, "mz_bytes must fit 32 bits"),
        ({"colour": 1}, "has other fields: colour"),
    ],
)
def test_a_struct_takes_nothing_but_its_fields(changed: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        columns(**changed)


def test_a_struct_is_laid_out_as_c_does_and_keeps_its_arrays() -> None:
    struct = columns()
    assert ctypes.sizeof(struct) == 40
    assert any(isinstance(held, np.ndarray) for held in struct.alive)
    with pytest.raises(TypeError, match="peaks must be a struct peak_columns, not float"):
        call_kernel(
            "ionbox_extract_images", 1.0, *[np.zeros(0, np.int64)] * 2, 0, 0, np.zeros(0, "f")
        )
    with pytest.raises(TypeError, match="job must be a struct score_job, not peak_columns"):
        call_kernel("ionbox_score_ions", struct, ORDER, 0)


def test_text_is_bytes() -> None:
    with pytest.raises(TypeError, match="text must be bytes, not str"):
        call_kernel("ionbox_parse_formulas", "H2O", *range(11))
