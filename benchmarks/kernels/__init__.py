"""Benchmarks of single kernels, one file each.

A file defines ``TITLE`` and ``cases``, see `Kernel`; nothing else needs to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.measure import measure_best

_REPEATS = 3
_TOLERANCE = 1e-6

Contenders = Mapping[str, Callable[[], npt.ArrayLike]]
"""Who computes the same thing, by name: ionbox first, then its oracle or the library it replaces.
All return equal arrays."""


class Kernel(Protocol):
    """What a file of this folder defines."""

    TITLE: str

    def cases(self, *, tiny: bool) -> Mapping[str, Contenders]:
        """Return the contenders for each kind of input, by name."""


@dataclass(frozen=True)
class KernelResult:
    """CPU seconds of each contender on one kind of input."""

    title: str
    case: str
    cpu_s: Mapping[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """How many times ionbox's CPU seconds each of the others takes."""
        ours, *others = self.cpu_s
        return {name: self.cpu_s[name] / max(self.cpu_s[ours], 1e-9) for name in others}


def run_kernels(*, tiny: bool) -> Iterator[KernelResult]:
    """Run all kernels of this folder.

    Raises
    ------
    RuntimeError
        If contenders disagree: a comparison of their times would mean nothing.
    """
    for module in pkgutil.iter_modules(__path__):
        kernel: Kernel = importlib.import_module(f"{__name__}.{module.name}")
        for case, contenders in kernel.cases(tiny=tiny).items():
            yield _run_case(kernel.TITLE, case, contenders)


def _run_case(title: str, case: str, contenders: Contenders) -> KernelResult:
    measured = {name: measure_best(run, _REPEATS) for name, run in contenders.items()}
    (ours, (expected, _)), *others = measured.items()
    for name, (result, _) in others:
        if not np.allclose(result, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise RuntimeError(f"{title}, {case}: {ours} and {name} give different answers")
    return KernelResult(title, case, {name: cpu_s for name, (_, cpu_s) in measured.items()})
