"""What can be wrong before a command gets to its work, each in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from botocore.exceptions import EndpointConnectionError, TokenRetrievalError
from ionbox.account import Account, translate
from ionbox.errors import OperateError, UserMustAct
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from tests import patience
from tests.client.operating import Cloud, Command, refusal


def test_help_is_shown_without_loading_what_only_commands_need() -> None:
    code = (
        "import sys; from ionbox.cli.main import build_parser; build_parser(); "
        "print({'boto3', 'rich', 'numpy'} & set(sys.modules))"
    )
    shown = patience.run([sys.executable, "-c", code])
    assert shown.stdout == "set()\n"


@pytest.mark.parametrize(
    "command",
    [
        *("deploy", "doctor", "submit", "list", "status"),
        *("logs", "cancel", "redrive", "fetch", "destroy"),
    ],
)
def test_help_of_each_command_has_examples(operate: Command, command: str) -> None:
    ended = operate(command, "--help")
    assert ended.code == 0
    assert f"  ionbox {command}" in ended.out
    for flag in ("--stack", "--profile", "--region"):
        assert flag in ended.out


def test_without_credentials_it_says_how_to_log_in(own_environment: None, operate: Command) -> None:
    ended = operate("list", "--region", "eu-central-1")
    assert ended.code == 1
    assert "no AWS credentials found; run 'aws configure' or 'aws sso login'" in ended.err


def test_a_profile_that_does_not_exist_is_named(own_environment: None, operate: Command) -> None:
    ended = operate("list", "--profile", "lab")
    assert ended.code == 1
    assert "there is no AWS profile 'lab'" in ended.err


def test_without_a_region_it_names_the_flag(own_environment: None, operate: Command) -> None:
    ended = operate("status", "brain")
    assert ended.code == 1
    assert "add --region NAME" in ended.err


def test_a_stack_that_is_not_there_is_named_with_its_place(cloud: Cloud, operate: Command) -> None:
    ended = operate("list", "--stack", "other")
    assert ended.code == 1
    assert "there is no stack 'other' in eu-central-1 of account 123456789012" in ended.err
    assert "ionbox deploy" in ended.err


def test_another_kind_of_stack_is_not_taken_for_ionbox(cloud: Cloud, operate: Command) -> None:
    cloud.make_stack("website", {"Url": "https://example.org"})
    ended = operate("list", "--stack", "website")
    assert ended.code == 1
    assert "has no output InboxBucket, WorkBucket" in ended.err


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (refusal("AccessDenied", "not authorized"), 1, "no permission for SomeCall; ask whoever"),
        (refusal("ExpiredToken"), 1, "AWS does not accept the credentials (ExpiredToken); log in"),
        (refusal("ThrottlingException"), 3, "wait a minute and try again"),
        (refusal("Strange", "odd"), 3, "AWS refused SomeCall: Strange: odd"),
        (EndpointConnectionError(endpoint_url="https://x"), 3, "AWS cannot be reached"),
        (TokenRetrievalError(provider="sso", error_msg="old"), 1, "the AWS login has expired"),
    ],
)
def test_what_aws_refuses_is_a_sentence_with_a_remedy(
    installed: Cloud, operate: Command, error: Exception, code: int, sentence: str
) -> None:
    installed.fakes["stepfunctions"] = _Broken(error)
    ended = operate("list")
    assert ended.code == code
    assert sentence in ended.err


def _s3_error(status: int, code: str) -> BaseError:
    """An error as obstore raises it."""
    return BaseError(
        f"Generic S3 error: Error performing GET https://x - Server returned {status}: "
        f'<?xml version="1.0"?>\n<Error><Code>{code}</Code></Error>\n\nDebug source:\n…'
    )


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            _s3_error(403, "AccessDenied"),
            1,
            "no permission for S3; ask whoever manages the account",
        ),
        (_s3_error(400, "ExpiredToken"), 1, "AWS does not accept the credentials (ExpiredToken)"),
        (_s3_error(404, "NoSuchBucket"), 1, "no such bucket; the stack was removed or repaired"),
        (_s3_error(503, "SlowDown"), 3, "wait a minute and try again"),
        (_s3_error(400, "Strange"), 3, "AWS refused S3: Strange: object 'executions/"),
        (PermissionDeniedError("The operation lacked"), 1, "no permission for S3; ask whoever"),
        (UnauthenticatedError("path: SSO"), 1, "the AWS login has expired; run 'aws sso login'"),
        (BaseError("Generic S3 error: HTTP error: error sending"), 3, "AWS cannot be reached"),
        (BaseError("Received redirect: configured region"), 1, "add --region NAME"),
        (BaseError("Generic LocalFileSystem error (os error 13)"), 1, "': no permission"),
    ],
)
def test_what_storage_refuses_is_a_sentence_with_a_remedy(
    installed: Cloud,
    operate: Command,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
    sentence: str,
) -> None:
    def get(*_: object) -> None:
        raise error

    installed.start("abc-1", "brain")
    monkeypatch.setattr("obstore.get", get)
    ended = operate("list")
    assert ended.code == code
    assert sentence in ended.err
    assert "\n" not in ended.err.strip()


class _Broken:
    """A client that fails whatever is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _: str) -> Callable[..., None]:
        def method(*_: object, **__: object) -> None:
            raise self._error

        return method


def test_errors_are_told_apart_by_who_must_act() -> None:
    assert isinstance(translate(refusal("AccessDenied")), UserMustAct)
    assert not isinstance(translate(refusal("SlowDown")), UserMustAct)
    assert isinstance(translate(refusal("SlowDown")), OperateError)


def test_with_debug_the_error_stays_what_it_is(
    installed: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    from botocore.exceptions import ClientError
    from ionbox.cli.main import main

    installed.fakes["stepfunctions"] = _Broken(refusal("AccessDenied"))
    with pytest.raises(ClientError):
        main(["list", "--debug"])


def test_the_outputs_of_the_stack_are_all_it_needs(installed: Cloud) -> None:
    found = Account().find_installation("ionbox")
    assert (found.inbox, found.work, found.results) == ("the-inbox", "the-work", "the-results")
    assert (found.max_runs, found.max_lambda_mb, found.cluster) == (5, 10240, "the-cluster")
    assert found.state_machine == installed.state_machine
