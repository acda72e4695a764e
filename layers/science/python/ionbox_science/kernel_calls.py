"""Calls of the compiled kernels: arguments are checked, statuses raised, results returned.

``call_kernel("ionbox_find_windows", mz, 8, len(mz), ...)`` takes what the C function takes, in its
order, as `ionbox_science.kernel_signatures` declares it; the modules of the science ring wrap each
kernel in a function of their own. Arrays are handed over as they are, never copied; one that is not
what C expects (type, not contiguous, read-only where the kernel writes) is refused, since C would
read other numbers or memory that is not ours. Shapes are not checked: C is told lengths by
arguments, and the wrapping function answers for them.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ionbox_science.errors import InvalidDataset
from ionbox_science.kernel_signatures import DECLARATIONS, Variable, parse_declarations
from ionbox_science.kernels import library


class Status(enum.IntEnum):
    """What a kernel returns if it can fail; the same numbers as in ``status.h``."""

    OK = 0
    NO_MEMORY = 1
    INVALID = 2
    TOO_LARGE = 3
    CHANGED = 4


_FAILURES: dict[int, tuple[type[Exception], str]] = {
    Status.NO_MEMORY: (MemoryError, "a kernel cannot get the memory it needs"),
    Status.INVALID: (ValueError, "an argument, or an index in an array, is out of range"),
    Status.TOO_LARGE: (ValueError, "too many pixels"),
    Status.CHANGED: (
        InvalidDataset,
        "The ibd changed while it was being read: upload imzML and ibd again, then run again.",
    ),
}

_DECLARED = parse_declarations(DECLARATIONS)

_NUMBERS: dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "double": ctypes.c_double,
}
_DTYPES: dict[str, tuple[str, ...]] = {
    "void": ("float64", "float32"),  # m/z, pixels of an image
    "double": ("float64",),
    "float": ("float32",),
    "uint8_t": ("uint8", "bool"),
    "uint16_t": ("uint16",),
    "int32_t": ("int32",),
    "uint32_t": ("uint32",),
    "int64_t": ("int64",),
    "uint64_t": ("uint64",),
    "struct rows": ("uint64",),  # (..., 2): the next and the end of each group
}
"""numpy types that may stand for a pointer to a C type."""


def call_kernel(name: str, *arguments: object) -> int:
    """Call a kernel.

    Parameters
    ----------
    name : str
        Name of the C function.
    *arguments
        Numbers; arrays, contiguous and of the declared type; ``bytes`` for text; what `fill_struct`
        returns, or `stack_structs` of several; the address of a pattern context, which a kernel
        made.

    Returns
    -------
    int
        The count, or the address, that the kernel returns; 0 if it returns a status.

    Raises
    ------
    TypeError
        If there are too few or too many arguments, or one is not what the kernel takes.
    MemoryError, ValueError, InvalidDataset
        If the kernel returns a status other than OK: see `check_status`.
    KernelsMissing
        If the library cannot be loaded: see `ionbox_science.kernels.library`.

    Notes
    -----
    A call takes about a microsecond per argument, so kernels are for whole arrays. It releases the
    GIL, so that threads run in parallel.
    """
    function, converters, returns_status = _bind(name)
    if len(arguments) != len(converters):
        raise TypeError(f"{name} takes {len(converters)} arguments, not {len(arguments)}")
    result: int | None = function(
        *[convert(argument) for convert, argument in zip(converters, arguments, strict=True)]
    )
    if returns_status:
        check_status(result or Status.OK)
    elif result is None and function.restype is not None:
        check_status(Status.NO_MEMORY)  # NULL from a kernel that makes something
    return result or 0


def check_status(status: int) -> None:
    """Raise what a kernel's status stands for.

    Raises
    ------
    MemoryError
        For NO_MEMORY: working memory could not be allocated.
    ValueError
        For INVALID (an argument or an index is out of range), TOO_LARGE (more pixels than 32 bits
        number), and numbers that are no status.
    InvalidDataset
        For CHANGED: the second reading of the ibd found other peaks than the first.
    """
    if status != Status.OK:
        error, message = _FAILURES.get(status, (ValueError, f"a kernel answered {status}"))
        raise error(message)


class KernelStruct(ctypes.Structure):
    """Base of the kernels' structs; keeps alive the arrays that its pointers point to."""

    alive: tuple[object, ...]


def fill_struct(name: str, /, *, alive: object = None, **fields: object) -> KernelStruct:
    """Return a struct to call a kernel with.

    Parameters
    ----------
    name : str
        Name of the C struct.
    alive : object
        Kept alive with the struct besides the arrays: the owner of memory that one of them holds
        addresses of.
    **fields
        All fields by name, checked as the arguments of `call_kernel` are.

    Raises
    ------
    TypeError
        If a field is missing, unknown, or not what the struct holds.
    """
    struct_type, converters = _describe_struct(name)
    if converters.keys() != fields.keys():
        odd = ", ".join(sorted(converters.keys() ^ fields.keys()))
        raise TypeError(f"struct {name} has other fields: {odd}")
    struct = struct_type(**{field: converters[field](value) for field, value in fields.items()})
    struct.alive = (*fields.values(), alive)
    return struct


def stack_structs(structs: list[KernelStruct]) -> ctypes.Array[Any]:
    """Return structs of one kind as a C array; the caller keeps ``structs`` alive while it is used.

    The array has copies of their pointers, not of what these point to.
    """
    return (type(structs[0]) * len(structs))(*structs)


@functools.cache
def _struct_type(name: str) -> type[KernelStruct]:
    def type_of(field: Variable) -> Any:
        if field.is_pointer:
            return ctypes.c_void_p
        nested = field.type.removeprefix("struct ")
        return _NUMBERS.get(field.type) or _struct_type(nested)

    fields = [(field.name, type_of(field)) for field in _DECLARED.structs[name]]
    return type(name, (KernelStruct,), {"_fields_": fields})


@functools.cache
def _describe_struct(name: str) -> tuple[type[KernelStruct], dict[str, Callable[[Any], Any]]]:
    """Return a struct's type, and for each field the function that checks and converts it."""
    fields = _DECLARED.structs[name]
    converters = {field.name: _converter(f"struct {name}", field, held=True) for field in fields}
    return _struct_type(name), converters


@functools.cache
def _bind(name: str) -> tuple[Any, list[Callable[[Any], Any]], bool]:
    """Return a function of the library, a converter per argument, and whether it returns a status.

    Once per function and process: looking one up costs more than calling it.
    """
    declared = _DECLARED.functions[name]
    # By index, which makes a new function object: one fetched as an attribute is cached by ctypes
    # and would share its argtypes with every other user of the library.
    function = library()[name]
    function.argtypes = [
        ctypes.c_void_p if parameter.is_pointer else _NUMBERS[parameter.type]
        for parameter in declared.parameters
    ]
    is_address = declared.result.endswith("*")
    function.restype = ctypes.c_void_p if is_address else _NUMBERS.get(declared.result)
    converters = [_converter(name, parameter) for parameter in declared.parameters]
    return function, converters, declared.result == "int32_t"


def _converter(owner: str, variable: Variable, *, held: bool = False) -> Callable[[Any], Any]:
    """Return the function that checks a value and turns it into what ctypes takes for a variable.

    ``held`` says that the variable is a field of a struct: read-only arrays are accepted there, as
    it depends on the kernel that gets the struct whether it writes to them.
    """
    where = f"{owner}: {variable.name}"
    if not variable.is_pointer:
        if variable.type == "double":
            return float
        if variable.type in _NUMBERS:
            return functools.partial(
                _check_integer, where, 8 * ctypes.sizeof(_NUMBERS[variable.type])
            )
        return functools.partial(_check_struct, where, variable.type)
    if variable.type == "char":
        return functools.partial(_check_text, where)
    if variable.type in _DTYPES:
        dtypes = tuple(map(np.dtype, _DTYPES[variable.type]))
        is_written = not variable.is_const and not held
        return functools.partial(_check_array, where, dtypes, is_written)
    if variable.type.removeprefix("struct ") in _DECLARED.structs:
        return functools.partial(_point_at_struct, where, variable.type)
    return functools.partial(_check_integer, where, 64)  # the address of what only C looks into


def _check_integer(where: str, n_bits: int, value: Any) -> int:
    # ctypes itself would silently drop the bits that do not fit
    number = operator.index(value)
    if not -(1 << n_bits - 1) <= number < 1 << n_bits - 1:
        raise TypeError(f"{where} must fit {n_bits} bits, not {number}")
    return number


def _check_text(where: str, value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{where} must be bytes, not {type(value).__name__}")
    return value


def _check_array(
    where: str, dtypes: tuple[np.dtype[Any], ...], is_written: bool, value: npt.NDArray[Any]
) -> int:
    if (
        not isinstance(value, np.ndarray)
        or value.dtype not in dtypes
        or not value.flags.c_contiguous
        or (is_written and not value.flags.writeable)
    ):
        kind = " or ".join(map(str, dtypes))
        writable = " writable" if is_written else ""
        got = type(value).__name__
        if isinstance(value, np.ndarray):
            got = f"one of {value.dtype}, {value.shape}, strides {value.strides}"
        raise TypeError(f"{where} must be a contiguous{writable} array of {kind}, not {got}")
    # the same as value.ctypes.data, which makes an object first and costs more
    address: int = value.__array_interface__["data"][0]
    return address


def _check_struct(where: str, declared: str, value: Any) -> KernelStruct:
    if not isinstance(value, _struct_type(declared.removeprefix("struct "))):
        raise TypeError(f"{where} must be a {declared}, not {type(value).__name__}")
    return value


def _point_at_struct(where: str, declared: str, value: Any) -> Any:
    if isinstance(value, ctypes.Array):
        _check_struct(where, declared, value[0])
        return value
    return ctypes.byref(_check_struct(where, declared, value))
