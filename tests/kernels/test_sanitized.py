"""The kernel tests again, under address and undefined-behaviour sanitizers.

Inputs of kernels are numpy arrays, and ``bytes`` of imzML and ibd. The sanitizer sees the end of
each, and a read or write beyond it ends the process. Python itself takes objects of up to 512 bytes
out of larger pieces of memory, whose ends are not theirs: where kernels read such (``ibd`` files of
a few peaks), Python runs with ``PYTHONMALLOC=malloc``, which is four times as slow. Large datasets
have no such, and their test sees to it; so they are sorted without.

gcc's sanitizers do not see all that clang relies on, such as unsigned indices that wrap; Lambda and
machines without a compiler get what clang makes. So the tests run under the sanitizer of the clang
in ``ziglang``, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import patience
from tests.kernels.builds import PROJECT, build_kernels, environment

SCIENCE = PROJECT / "tests" / "science"
SORTING = [SCIENCE / "sorting" / "test_peak_sorting.py"]
LARGE = f"{SORTING[0].relative_to(PROJECT)}::test_large_datasets_are_sorted_as_numpy_does"
IMZML = [SCIENCE / "imzml" / "test_imzml_scan.py"]
OTHERS = sorted(SCIENCE.rglob("test_*_kernel.py"))
REPORT = re.compile("ERROR: AddressSanitizer|.*runtime error:|.* panic:")

PLANTED = """
#include <stdint.h>
#include <stdlib.h>
int64_t planted_read(const int64_t *values, int64_t n);
int64_t planted_read(const int64_t *values, int64_t n) { return values[n]; }
int64_t planted_overflow(const int64_t *values, int64_t n);
int64_t planted_overflow(const int64_t *values, int64_t n) { return values[0] + n; }
int64_t planted_wrap(const int64_t *values, int64_t n);
int64_t planted_wrap(const int64_t *values, int64_t n)
{
    size_t i = (size_t)n;
    return (values + n)[i - (size_t)(2 * n)];
}
int64_t planted_use_after_free(const int64_t *values, int64_t n);
int64_t planted_use_after_free(const int64_t *values, int64_t n)
{
    volatile int64_t *copy = malloc((size_t)n * sizeof *copy);
    if (!copy) {
        return 0;
    }
    copy[0] = values[0];
    free((void *)copy);
    return copy[0];
}
"""
CALL_PLANTED = """
import ctypes, sys
import numpy as np
values = np.full(50, 2**63 - 1)
call = getattr(ctypes.CDLL(sys.argv[1]), sys.argv[2])
call(ctypes.c_void_p(values.ctypes.data), ctypes.c_int64(values.size))
"""

CALL_PLANTED_ON_BYTES = """
import ctypes, sys
values = bytes({length})
call = getattr(ctypes.CDLL(sys.argv[1]), sys.argv[2])
# past the end by a little more than what a bytes object has behind its text
call(ctypes.c_char_p(values), ctypes.c_int64(len(values) // 8 + 2))
"""


@dataclass(frozen=True)
class Sanitized:
    """A library built with sanitizers, and what must be loaded before it."""

    library: Path
    preload: tuple[str, ...] = ()

    def run(
        self, *arguments: str | Path, small_objects: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run Python under the sanitizers; ``small_objects`` says whether kernels read such."""
        variables = {
            "LD_PRELOAD": " ".join(self.preload),
            # Python leaks by design; short stacks of allocations and little quarantine save time
            "ASAN_OPTIONS": "detect_leaks=0:malloc_context_size=2:quarantine_size_mb=64",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc" if self.preload and small_objects else "default",
        }
        command = [sys.executable, *map(str, arguments)]
        return patience.run(command, cwd=PROJECT, env=environment(**variables))

    def run_tests(self, *tests: str | Path, small_objects: bool) -> None:
        """Run tests on this library; without the corpus, which takes long and tests parsing."""
        options = ["-v", "--capture=no", "-p", "no:cacheprovider", "-k", "not corpus"]
        ours: list[str | Path] = ["--kernels", self.library, "--fewer-examples", "12"]
        done = self.run("-m", "pytest", *options, *ours, *tests, small_objects=small_objects)
        report = REPORT.search(done.stderr)
        said = done.stderr[report.start() :][:3000] if report else done.stderr[-3000:]
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{said}"
        assert " passed" in done.stdout.splitlines()[-1]


def find_runtime(compiler: str) -> tuple[str, ...]:
    """Files of a compiler's sanitizer and C++ runtimes; none if it lacks the first.

    Where the C++ runtime is loaded after the sanitizer, exceptions of C++ libraries end in it.
    """
    if not shutil.which(compiler):
        return ()
    found = []
    for name in ("libasan.so", "libstdc++.so.6"):
        command = [compiler, f"-print-file-name={name}"]
        found.append(patience.run(command).stdout.strip())
    return tuple(found) if Path(found[0]).is_absolute() else ()


def build_with_planted(compiler: list[str], folder: Path, flags: list[str]) -> Path:
    """Build the kernels and four functions that do what kernels must not."""
    (folder / "planted.c").write_text(PLANTED)
    library: Path = build_kernels.build(
        compiler, folder, flags=[*flags, "-O1", str(folder / "planted.c")]
    )
    return library


@pytest.fixture(scope="module")
def by_gcc(tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    compiler = next((name for name in ("gcc", "cc") if find_runtime(name)), None)
    if compiler is None:
        reason = "no gcc with sanitizers here; install gcc (Linux) to run the kernels under them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("by_gcc")
    library = build_with_planted([compiler], folder, build_kernels.SANITIZE_FLAGS)
    return Sanitized(library, find_runtime(compiler))


@pytest.fixture(scope="module")
def by_clang(zig: list[str], tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    """The wheel has no address sanitizer."""
    folder = tmp_path_factory.mktemp("by_clang")
    return Sanitized(build_with_planted(zig, folder, ["-g", "-fsanitize=undefined"]))


@pytest.mark.parametrize("small_objects", [True, False])
@pytest.mark.parametrize(
    ("function", "report"),
    [
        ("planted_read", "AddressSanitizer: heap-buffer-overflow"),
        ("planted_use_after_free", "AddressSanitizer: heap-use-after-free"),
        ("planted_overflow", "runtime error: signed integer overflow"),
    ],
)
def test_gcc_catches_errors(
    function: str, report: str, small_objects: bool, by_gcc: Sanitized
) -> None:
    done = by_gcc.run("-c", CALL_PLANTED, by_gcc.library, function, small_objects=small_objects)
    assert done.returncode != 0
    assert report in done.stderr
    assert function in done.stderr


@pytest.mark.parametrize("function", ["planted_overflow", "planted_wrap"])
def test_clang_catches_errors(function: str, by_clang: Sanitized) -> None:
    done = by_clang.run("-c", CALL_PLANTED, by_clang.library, function)
    assert done.returncode != 0
    assert "overflow" in done.stderr
    assert function in done.stderr


@pytest.mark.parametrize("length", [8, 400, 600, 5000])
def test_gcc_sees_the_end_of_bytes(length: int, by_gcc: Sanitized) -> None:
    """Of short ones only where Python asks for memory object by object."""
    call = CALL_PLANTED_ON_BYTES.format(length=length)
    arguments = "-c", call, by_gcc.library, "planted_read"
    report = "AddressSanitizer: heap-buffer-overflow"
    assert report in by_gcc.run(*arguments, small_objects=True).stderr
    assert (report in by_gcc.run(*arguments, small_objects=False).stderr) == (length > 512)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_kernel_tests_pass_under_sanitizers(compiler: str, request: pytest.FixtureRequest) -> None:
    """Hypothesis tries fewer examples than without them."""
    assert len(OTHERS) > 3
    assert all(file.is_file() for file in [*OTHERS, *SORTING, *IMZML])
    sanitized: Sanitized = request.getfixturevalue(f"by_{compiler}")
    if compiler == "clang":  # has no address sanitizer here: whose memory it is tells it nothing
        sanitized.run_tests(*OTHERS, *SORTING, *IMZML, small_objects=False)
    else:
        sanitized.run_tests(*SORTING, f"--deselect={LARGE}", small_objects=True)
        sanitized.run_tests(*OTHERS, *IMZML, LARGE, small_objects=False)
