"""Signals: noted where they would hurt, raised where a run can end well."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from ionbox.local.cancelling import Cancelled, check, deferred, raised

from tests.patience import PATIENCE_S, run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    """The handlers of people's shells, and after each test those from before it."""
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in SIGNALS[1:]:
        signal.signal(number, signal.SIG_DFL)
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_until_it_is_asked_for(number: signal.Signals) -> None:
    done = []
    with pytest.raises(Cancelled) as cancelled, raised(), deferred():
        check()
        signal.raise_signal(number)
        done.append("what must not be interrupted")
        check()
        done.append("the rest")
    assert cancelled.value.exit_code == 128 + number
    assert done == ["what must not be interrupted"]


def test_the_first_signal_counts() -> None:
    with pytest.raises(Cancelled) as cancelled, raised(), deferred():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        check()
    assert cancelled.value.number == signal.SIGTERM


def test_no_signal_is_lost_at_the_end_of_a_block() -> None:
    with pytest.raises(Cancelled), raised(), deferred():
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_may_be_too_late() -> None:
    with raised(), deferred() as signals:
        signal.raise_signal(signal.SIGTERM)
        signals.forget()
        check()
    check()


def test_a_block_within_another_leaves_it_the_signals() -> None:
    done = []
    with pytest.raises(Cancelled), raised(), deferred():
        with deferred():
            signal.raise_signal(signal.SIGTERM)
        done.append("cleared up")
        check()
    assert done == ["cleared up"]


def test_an_error_of_the_block_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="wrong"), raised(), deferred():
        signal.raise_signal(signal.SIGTERM)
        raise ValueError("wrong")


@pytest.mark.parametrize("number", SIGNALS[1:])
def test_a_command_is_ended_by_any_of_them(number: signal.Signals) -> None:
    with pytest.raises(Cancelled), raised():
        signal.raise_signal(number)


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with raised(), deferred():
        signal.raise_signal(signal.SIGHUP)
        check()
    assert signal.signal(signal.SIGHUP, signal.SIG_DFL) is signal.SIG_IGN


def test_another_thread_has_no_signals_to_defer() -> None:
    done = []

    def work() -> None:
        with raised(), deferred():
            check()
            done.append("worked")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE_S)
    assert done == ["worked"]


def test_a_script_ends_by_the_signal_that_would_have_ended_it() -> None:
    code = (
        "import signal\n"
        "from ionbox.local.cancelling import check, deferred\n"
        "with deferred():\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('cleared up', flush=True)\n"
        "    check()\n"
        "print('not reached')\n"
    )
    ended = run([sys.executable, "-c", code])
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "cleared up\n")
