"""Benchmarks of single kernels, one file each.

A file defines ``TITLE``, ``GOALS`` and ``cases`` (see `Kernel`) and is found by being here. Its
contenders get the same input, take turns, and have to give the same answer.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.measure import measure_side_by_side

_TOLERANCE = 1e-6  # relative and absolute: other libraries sum in another order, or in float32

Answer = Sequence[npt.NDArray[Any]]
"""What a contender computes: arrays that all contenders have to agree on."""


@dataclass(frozen=True)
class Contender:
    """One of those who compute the same answer.

    Attributes
    ----------
    run : callable
        Computes the answer.
    share : float
        Part of the work that it does, below 1 where all of it would take too long: each array of
        its answer is the beginning of the others'. Its time is divided by this.
    """

    run: Callable[[], Answer]
    share: float = 1.0


Contenders = Mapping[str, Contender]
"""Contenders by name: ionbox first, then its oracle and the library it replaces."""


class Kernel(Protocol):
    """What a file of this folder defines."""

    TITLE: str
    GOALS: Mapping[str, float]
    """By contender, how many times ionbox's CPU seconds it is to take: the median of all cases."""

    def cases(self, *, tiny: bool) -> Iterator[tuple[str, Contenders]]:
        """Yield each kind of input by name, and its contenders."""


@dataclass(frozen=True)
class CaseResult:
    """CPU seconds of each contender for all of the work on one kind of input, ionbox first."""

    case: str
    cpu_s: Mapping[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """How many times ionbox's CPU seconds each of the others takes."""
        ours, *others = self.cpu_s
        return {name: self.cpu_s[name] / max(self.cpu_s[ours], 1e-9) for name in others}


@dataclass(frozen=True)
class KernelResult:
    """All cases of one kernel, and its goals."""

    title: str
    cases: Sequence[CaseResult]
    goals: Mapping[str, float]

    def median_ratio(self, contender: str) -> float:
        """Return the median of a contender's ratios over all cases."""
        return float(np.median([case.ratios[contender] for case in self.cases]))


def kernel_names() -> list[str]:
    """Return the names of this folder's files."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def run_kernel(name: str, *, tiny: bool) -> KernelResult:
    """Run all cases of a kernel.

    Raises
    ------
    RuntimeError
        If contenders disagree: a comparison of their times would mean nothing.
    """
    kernel: Kernel = importlib.import_module(f"{__name__}.{name}")
    n_rounds = 1 if tiny else 3
    cases = [_run_case(kernel.TITLE, *case, n_rounds) for case in kernel.cases(tiny=tiny)]
    return KernelResult(kernel.TITLE, cases, kernel.GOALS)


def _run_case(title: str, case: str, contenders: Contenders, n_rounds: int) -> CaseResult:
    runs = [contender.run for contender in contenders.values()]
    answers, costs = measure_side_by_side(runs, n_rounds)
    expected, *others = answers
    for name, answer in zip(list(contenders)[1:], others, strict=True):
        if not all(map(_agree, expected, answer)):
            raise RuntimeError(f"{title}, {case}: ionbox and {name} give different answers")
    shares = (contender.share for contender in contenders.values())
    whole = (cost / share for cost, share in zip(costs, shares, strict=True))
    return CaseResult(case, dict(zip(contenders, whole, strict=True)))


def _agree(expected: npt.NDArray[Any], array: npt.NDArray[Any]) -> bool:
    expected = expected[: len(array)]
    return np.array_equal(expected, array) or np.allclose(
        expected, array, rtol=_TOLERANCE, atol=_TOLERANCE
    )
