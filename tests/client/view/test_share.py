"""``ionbox share``: an expiring link, and what ends it."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from ionbox.cli import share_command

from tests.client.operating import RESULTS, Cloud, Command, traces_in_results, write_files
from tests.client.presigned import Forbidden, follow

PAGE = b"<!doctype html><title>report</title>"


@pytest.fixture
def shared(installed: Cloud) -> Cloud:
    """A run that succeeded, with its report."""
    installed.start("run-1", "brain")
    installed.leave_traces("run-1", "brain")
    installed.put(RESULTS, "results/d1/r-run-1/report.html", PAGE)
    return installed


def test_the_link_names_the_report_and_its_end(shared: Cloud, operate: Command) -> None:
    ended = operate("share", "brain", "--days", "2")
    assert ended.code == 0, ended.err
    link, *words = ended.out.splitlines()
    address, query = urlsplit(link), parse_qs(urlsplit(link).query)
    assert address.scheme == "https"
    assert address.netloc.startswith(f"{RESULTS}.s3")
    assert address.path == "/results/d1/r-run-1/report.html"
    assert query["X-Amz-Expires"] == [str(2 * 86400)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["response-content-type"] == ["text/html; charset=utf-8"]
    assert query["response-content-disposition"] == ["inline"]
    assert words[0].startswith("works for whoever has it until 20")
    assert words[-1] == "to end it earlier, delete the report or the access key that signed it"


def test_whoever_has_the_link_gets_the_report_until_it_ends(
    shared: Cloud, operate: Command
) -> None:
    link = operate("share", "brain", "--days", "2").out.splitlines()[0]
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    get = functools.partial(follow, server=shared.s3_url, secret=secret)
    now = datetime.now(UTC)
    for when in (now, now + timedelta(days=1, hours=23)):
        page, headers = get(link, when=when)
        assert page == PAGE
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Content-Disposition"] == "inline"
    with pytest.raises(Forbidden, match="expired"):
        get(link, when=now + timedelta(days=2, minutes=1))
    for changed in (
        link.replace("report.html", "run.json"),
        link.replace("X-Amz-Expires=172800", "X-Amz-Expires=604800"),
    ):
        assert changed != link
        with pytest.raises(Forbidden, match="Signature"):
            get(changed, when=now)


@pytest.mark.parametrize("days", ["0", "8", "-1", "nan"])
def test_other_lives_are_refused(shared: Cloud, operate: Command, days: str) -> None:
    ended = operate("share", "brain", f"--days={days}")
    assert ended.code == 1
    assert "S3 makes links for at most 7 days" in ended.err


def test_a_run_without_report_has_no_link(installed: Cloud, operate: Command) -> None:
    installed.start("run-1", "brain")
    installed.leave_traces("run-1", "brain")
    ended = operate("share", "brain")
    assert ended.code == 1
    assert "no report.html; annotating the dataset again with --force writes it" in ended.err


def test_a_run_without_results_has_no_link(installed: Cloud, operate: Command) -> None:
    installed.start("run-1", "broken")
    ended = operate("share", "broken")
    assert ended.code == 1
    assert "run run-1 has no results: it is failed" in ended.err


def test_a_login_that_ends_earlier_ends_the_link() -> None:
    now = datetime.now(UTC)
    ends, expiry = now + timedelta(days=7), now + timedelta(hours=1)
    (line, _) = share_command.describe_end(ends, SimpleNamespace(_expiry_time=expiry, token="t"))
    assert line.startswith(f"works for whoever has it until {expiry.astimezone():%Y-%m-%d %H:%M}: ")
    assert "then the login that signed it expires" in line
    (line, _) = share_command.describe_end(ends, SimpleNamespace(_expiry_time=None, token=None))
    assert line.startswith(f"works for whoever has it until {ends.astimezone():%Y-%m-%d %H:%M}; ")


def test_a_temporary_login_of_unknown_end_is_said(
    shared: Cloud, operate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert "your login is a temporary one: the link ends with it" in operate("share", "brain").out


def test_local_results_are_a_file_to_mail(tmp_path: Path, operate: Command) -> None:
    (tmp_path / "report.html").write_bytes(PAGE)
    (tmp_path / "run.json").write_text("{}")
    ended = operate("share", tmp_path)
    assert ended.code == 0
    assert ended.out.startswith(f"{tmp_path / 'report.html'} (0.0 MB) is all there is to share")
    assert "without a network" in ended.out
    (tmp_path / "report.html").unlink()
    assert "has no report.html" in operate("share", tmp_path).err


def test_runs_of_a_work_folder_are_files_too(
    tmp_path: Path, own_environment: None, operate: Command
) -> None:
    name = "20261120-100000-abcdef01"
    write_files(tmp_path / "results", *traces_in_results(name, "brain"))
    write_files(tmp_path / "results", (f"results/d1/r-{name}/report.html", PAGE))
    ended = operate("share", name, "--work", tmp_path)
    assert ended.code == 0, ended.err
    assert f"r-{name}/report.html (0.0 MB) is all there is to share" in ended.out


def test_the_library_still_tells_when_a_login_ends() -> None:
    from botocore.credentials import RefreshableCredentials

    ends = datetime.now(UTC) + timedelta(hours=1)
    made = RefreshableCredentials("a", "b", "c", ends, refresh_using=dict, method="test")
    assert made._expiry_time == ends
    assert boto3.Session("a", "b").get_credentials().token is None
