"""The start of a process is paid for once, by the first call of it."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import pytest
from ionbox_cloud.call_records import CallRecord
from ionbox_cloud.environment import INITIALIZATION_VARIABLE
from ionbox_cloud.init_time import InitTime, process_age_s
from ionbox_cloud.planning.prices import price_call, read_prices

from tests import patience

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when it began")


@needs_proc
def test_the_age_of_a_process_counts_from_its_start() -> None:
    code = (
        "import time; time.sleep(0.3)\n"
        "from ionbox_cloud.init_time import process_age_s\n"
        "print(process_age_s())"
    )
    began = time.monotonic()
    done = patience.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    # the system counts in hundredths of a second
    assert 0.29 <= float(done.stdout) <= time.monotonic() - began + 0.02


@needs_proc
def test_the_first_call_takes_the_start_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INITIALIZATION_VARIABLE, "on-demand")
    init = InitTime()
    assert init.take() == 0.0
    init.end()
    assert 0.0 < init.take() <= process_age_s()
    assert init.take() == 0.0


@pytest.mark.parametrize("kind", ["", "provisioned-concurrency"])
def test_elsewhere_nothing_is_counted(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv(INITIALIZATION_VARIABLE, kind)
    init = InitTime()
    init.end()
    assert init.take() == 0.0


def test_the_start_is_paid_for_like_the_call() -> None:
    warm = CallRecord("PlanRun", 0, 2.0, 1.0, 100.0, 0, 1024)
    cold = replace(warm, init_s=1.5)
    more = price_call(cold, None) - price_call(warm, None)
    assert more == pytest.approx(1.5 * read_prices().lambda_gb_s)


def test_a_record_of_an_older_version_has_no_start() -> None:
    written = CallRecord("PlanRun", 0, 2.0, 1.0, 100.0, 0, 1024).to_json()
    del written["init_s"]
    assert CallRecord.from_json(json.loads(json.dumps(written))).billed_s == 2.0
