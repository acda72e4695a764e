"""What a function imports when it starts: people wait for it, and AWS bills it."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import pytest

from tests import patience
from tests.kernels.builds import PROJECT, environment

HANDLERS = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/handler.py"))

# boto3 is imported when a client is first wanted; the others are for people's machines or tests.
FOR_NONE = ("boto3", "cpyMSpec", "ionbox", "moto", "pandas", "rich", "scipy", "xarray", "zarr")

# Called for every object and every event, and mostly to do little.
LIGHT = ("intake", "record_failure", "start_runs")
ARRAYS = ("numpy", "numcodecs", "pyimzml", "ctypes", "ionbox_science.kernels")
HEAVY = (
    *ARRAYS,
    *("ionbox_science.config", "ionbox_science.imzml"),
    *("ionbox_science.scoring", "ionbox_science.theory", "ionbox_science.annotation"),
)

# Read the record of a run, which has its config.
OF_RECORDS = ("announce_end", "report_failure")

# Called for events; all others are called by the state machine.
OF_EVENTS = ("announce_end", "intake", "start_runs")
EVENT_CLASSES = "aws_lambda_powertools.utilities.data_classes"

IMPORT = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2] + ".handler")
print(json.dumps(sorted(sys.modules)))
"""


@functools.cache
def modules_of(handler: str) -> frozenset[str]:
    """All modules that a process has once it has imported a handler."""
    functions = str(Path(PROJECT) / "functions")
    done = patience.run([sys.executable, "-c", IMPORT, functions, handler], env=environment())
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout))


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_imports_nothing_that_it_does_not_use(handler: str) -> None:
    unwanted = FOR_NONE + (HEAVY if handler in LIGHT else ARRAYS if handler in OF_RECORDS else ())
    assert not modules_of(handler) & set(unwanted)


@pytest.mark.parametrize("handler", HANDLERS)
def test_classes_of_events_are_imported_where_there_are_events(handler: str) -> None:
    assert (EVENT_CLASSES in modules_of(handler)) == (handler in OF_EVENTS)


def test_a_light_function_can_do_what_it_put_off() -> None:
    """The other half: what is left out at the start is there when it is wanted."""
    code = (
        "from ionbox_cloud.store import Store; import sys, tempfile; "
        "assert 'numpy' not in sys.modules; "
        "store = Store.open('file://' + tempfile.mkdtemp()); import numpy as np; "
        "store.write_arrays('a', {'x': np.arange(3)}); print(store.read_arrays('a')['x'].tolist())"
    )
    done = patience.run([sys.executable, "-c", code], env=environment())
    assert done.stdout.strip() == "[0, 1, 2]", done.stderr
