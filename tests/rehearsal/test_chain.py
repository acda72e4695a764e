"""From dropped files to results: the whole chain, for each way to sort."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from ionbox_cloud import keys

from tests.rehearsal.abilities import look
from tests.rehearsal.conftest import KILLED, SORTS, Rehearsal
from tests.rehearsal.sandbox import MB_PER_PROCESSOR

SORTING = {
    "lambda": {"SegmentSpectra1769", "SegmentSpectra3008"},
    "map": {
        "SortSpans1769",
        "PlanMerge1769",
        "MergeSegments1769",
        "ChecksumIbd",
        "FinishSegments1769",
    },
    "fargate": {"SortSpectra"},
}


def called(rehearsal: Rehearsal, name: str) -> set[str]:
    return {call.function for call in rehearsal.calls[name]}


@pytest.mark.parametrize("sort", SORTS)
def test_the_table_has_the_bytes_of_the_laptops(
    rehearsal: Rehearsal, laptop_tables: dict[str, bytes], sort: str
) -> None:
    end = rehearsal.ends[sort]
    assert (end.status, end.error, end.cause) == ("SUCCEEDED", "", "")
    results = rehearsal.account.results()
    status = json.loads(results[f"executions/{end.name}/status.json"])
    assert status["status"] == "succeeded"
    assert results[f"{status['results']}/annotations.csv".replace("//", "/")] == laptop_tables[sort]


@pytest.mark.parametrize("sort", SORTS)
def test_the_spectra_were_sorted_as_was_asked(rehearsal: Rehearsal, sort: str) -> None:
    all_ways = set().union(*SORTING.values())
    ran = called(rehearsal, sort) & all_ways
    assert ran == SORTING[sort] if look().has_limits else ran <= SORTING[sort]


@pytest.mark.parametrize("name", [*SORTS, "cut"])
def test_somebody_is_told_once_how_it_ended(
    rehearsal: Rehearsal, said: Callable[[str], str], name: str
) -> None:
    mail = said(name)
    assert mail.count("Status: ") == 1
    assert ("Status: succeeded" in mail) == (name != "cut")


def test_an_ibd_that_is_cut_short_is_refused_in_a_sentence(
    rehearsal: Rehearsal, said: Callable[[str], str]
) -> None:
    end = rehearsal.ends["cut"]
    assert end.status == "FAILED"
    assert end.error == "InvalidDataset"
    assert "cut.ibd is truncated: it has" in said("cut")
    assert "and lacks 1000;" in said("cut")
    assert called(rehearsal, "cut") >= {"PlanRun1769", "ReportFailure"}
    assert not called(rehearsal, "cut") & {"SegmentSpectra1769", "BuildIons1769"}


def test_a_function_killed_for_its_memory_climbs(rehearsal: Rehearsal) -> None:
    if not look().has_limits:
        pytest.skip("this machine sets no limits: " + "; ".join(look().left_out))
    calls = [call for call in rehearsal.calls["lambda"] if call.function.startswith("Segment")]
    first, last = calls[0], calls[-1]
    assert first.function == KILLED
    assert '"Runtime.ExitError"' in first.error
    assert "signal: killed" in first.error
    assert (last.function, last.error) == ("SegmentSpectra3008", "")


def test_no_other_call_failed(rehearsal: Rehearsal) -> None:
    failed = {
        call.function: call.error
        for name in SORTS
        for call in rehearsal.calls[name]
        if call.error and call.function != KILLED
    }
    assert not failed


def test_functions_stay_below_their_memory(rehearsal: Rehearsal) -> None:
    """On Lambda they would be killed; here they would be, too, where there are limits."""
    for name in SORTS:
        for call in rehearsal.calls[name]:
            if call.function != "SortSpectra":
                assert call.peak_mb < rehearsal.account.functions.named(call.function).memory_mb


def test_a_call_records_how_long_its_process_took_to_start(rehearsal: Rehearsal) -> None:
    s3, bucket = rehearsal.account.client("s3"), rehearsal.account.outputs["WorkBucket"]
    starts = []
    for sort in SORTS:
        key = keys.record(rehearsal.ends[sort].name, "PlanRun", 0)
        written = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        (call,) = (each for each in rehearsal.calls[sort] if each.function.startswith("PlanRun"))
        # the process began after it was asked for; the system counts in hundredths of a second
        assert written["init_s"] <= call.init_s + 0.02
        assert (written["init_s"] > 0) == (call.init_s > 0)
        starts.append(written["init_s"])
    assert any(starts)


def test_the_same_files_again_start_nothing(rehearsal: Rehearsal) -> None:
    account, dataset = rehearsal.account, rehearsal.dataset
    ended = len(account.executions())
    n_calls = len(account.calls)
    account.drop({"lab/lambda.ibd": dataset.ibd, "lab/lambda.imzML": dataset.renamed("lambda")})
    account.wait_for_calls("Intake", 2, after=n_calls)
    account.settle()
    assert len(account.executions()) == ended
    assert not {call.function for call in account.calls[n_calls:]} & {"PlanRun1769", "AnnounceEnd"}


def test_a_task_is_asked_for_as_fargate_wants_it(rehearsal: Rehearsal) -> None:
    (request,) = rehearsal.account.tasks.requests
    assert request["launchType"] == "FARGATE"
    assert int(request["overrides"]["cpu"]) % 1024 == 0
    network = request["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "ENABLED"
    assert all(subnet.startswith("subnet-") for subnet in network["subnets"])
    assert int(request["overrides"]["memory"]) > MB_PER_PROCESSOR
