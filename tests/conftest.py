"""Fixtures every level of tests may use."""

from __future__ import annotations

import gc
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from ionbox_science import kernels

from tests.moto_parser import remember_definitions
from tests.patience import PATIENCE_S
from tests.remembered import remember_models, remember_names

TESTS = Path(__file__).parent
PROJECT = TESTS.parent
REFERENCE = PROJECT.parent / "shared" / "reference"
# Compile each module once, not in each process that tests start, whatever the shell says: with
# pytest's work on assertions, that of the tests alone takes 8 s.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LONGEST = ("kernels", "packaging", "end_to_end", "browser", "cdk", "local", "client")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kernels", type=Path, help="test this library instead of make's")
    parser.addoption("--fewer-examples", type=int, default=1, metavar="N", help="one in N is tried")


def pytest_configure(config: pytest.Config) -> None:
    library: Path | None = config.getoption("--kernels")
    if library is not None:
        kernels.LIBRARY = library.resolve()
    one_in: int = config.getoption("--fewer-examples")
    hypothesis.settings.register_profile(
        "ionbox",
        max_examples=max(100 // one_in, 1),
        derandomize=bool(os.environ.get("CI")),  # there what fails fails again
        print_blob=True,
        # machines are shared: how long an example takes says nothing
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("ionbox")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Divide the numbers of examples that tests ask hypothesis for: no profile overrides these.

    Half a million objects of modules and tests come with the collection, and stay: garbage is not
    looked for among them, neither here nor ever after.
    """
    one_in: int = session.config.getoption("--fewer-examples")
    settings = hypothesis.settings

    def with_fewer(*args: Any, max_examples: int = 100, **options: Any) -> hypothesis.settings:
        return settings(*args, max_examples=max(max_examples // one_in, 1), **options)

    with pytest.MonkeyPatch.context() as patch:
        if one_in > 1:
            patch.setattr(hypothesis, "settings", with_fewer)
        gc.disable()
        try:
            return (yield)
        finally:
            gc.enable()
            gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest: at the end, workers wait for one file at most."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Spare botocore its files, and moto's parser where tests of the client were found.

    These run the state machine.
    """
    if "botocore" in sys.modules:
        remember_models()
    if any(name.startswith("ionbox.") for name in sys.modules):
        remember_definitions()


def pytest_unconfigure() -> None:
    """End the workers that runs of tests shared."""
    shared = sys.modules.get("tests.shared_workers")
    if shared is not None:
        with shared.WORKERS:
            pass


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The address of a server that plays AWS, one in each of pytest's processes.

    It shares what it holds with `moto.mock_aws`, which empties it.
    """
    from moto.server import ThreadedMotoServer

    from tests.moto_connections import keep_connections

    remember_names()
    keep_connections()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def aws_server(moto_server: str) -> str:
    """The same, with nothing in it that other modules left."""
    reset = urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST")
    with urllib.request.urlopen(reset, timeout=PATIENCE_S) as answer:
        assert answer.status == 200
    return moto_server


@pytest.fixture(scope="module")
def aws_variables(aws_server: str) -> dict[str, str]:
    """Environment variables that lead boto3 and obstore there."""
    return {
        "AWS_ENDPOINT_URL": aws_server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, here and in what the test starts, even where pytest was told to ignore it.

    ``nohup make test &`` does so, and so do some machines that run tests.
    """
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.fixture
def hangup() -> Iterator[None]:
    """A terminal that closes ends what the test starts, even where ``nohup`` has pytest go on."""
    kept = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, kept)


@pytest.fixture
def futures_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where obstore makes a future: its thread may abort a process that is just ending."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("awaits a future of obstore")

    import obstore

    for name in [name for name in dir(obstore) if name.endswith("_async")]:
        monkeypatch.setattr(obstore, name, fail)


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout's root."""
    return PROJECT


@pytest.fixture(scope="session")
def reference() -> Path:
    """Real datasets and what METASPACE's engine answers on them; not part of this repository."""
    if not REFERENCE.is_dir():
        pytest.skip(f"reference data not found at {REFERENCE}; tests/golden proves the essentials")
    return REFERENCE
