import threading
from pathlib import Path

import pytest

from tests.local.toys import NewThreads, Toy


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture
def new_threads() -> NewThreads:
    """Names the threads that were not there when the test began."""
    before = set(threading.enumerate())
    return lambda: [thread.name for thread in threading.enumerate() if thread not in before]
