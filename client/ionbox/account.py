"""The AWS account: credentials, clients, and the installed stack as its outputs describe it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from ionbox_cloud.errors import AccessDenied, StorageError
from ionbox_science import __version__

from ionbox.errors import OperateError, UserMustAct
from ionbox.where import Where

if TYPE_CHECKING:
    from ionbox_cloud.store import Store

N_CONNECTIONS = 32
"""Requests that may be under way at once."""

_NO_CREDENTIALS = (
    "no AWS credentials found; run 'aws configure' or 'aws sso login', or name a profile with "
    "--profile NAME"
)
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
}


@dataclass(frozen=True)
class Installation:
    """An installed stack: the names of its parts.

    Attributes
    ----------
    stack : str
        Name of the CloudFormation stack.
    inbox, work, results : str
        Names of the buckets.
    state_machine : str
        ARN of the state machine.
    run_queue, dead_letters : str
        URLs of the queue of waiting runs and of the one for events that nobody could handle.
    cluster : str
        Name of the ECS cluster of the sort task.
    log_prefix : str
        What the names of all log groups begin with.
    version : str
        Version of ionbox that was deployed.
    max_runs : int
        Runs at once.
    max_lambda_mb : int
        Memory of the largest function.
    default_config : dict
        Settings of runs that say nothing else.
    """

    stack: str
    inbox: str
    work: str
    results: str
    state_machine: str
    run_queue: str
    dead_letters: str
    cluster: str
    log_prefix: str
    version: str
    max_runs: int
    max_lambda_mb: int
    default_config: dict[str, Any]


_OUTPUTS = {
    "inbox": "InboxBucket",
    "work": "WorkBucket",
    "results": "ResultsBucket",
    "state_machine": "StateMachineArn",
    "run_queue": "RunQueueUrl",
    "dead_letters": "DeadLetterQueueUrl",
    "cluster": "ClusterName",
    "log_prefix": "LogGroupPrefix",
    "version": "IonboxVersion",
    "max_runs": "MaxRuns",
    "max_lambda_mb": "MaxLambdaMb",
    "default_config": "DefaultConfig",
}


class Account:
    """Credentials and region, and a client for each service, made when first asked for.

    Parameters
    ----------
    profile, region : str or None
        As in the AWS command line; None for its defaults.
    """

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self.profile = profile
        try:
            # boto3 reads AWS_DEFAULT_REGION only; AWS's own command line reads both
            region = region or os.environ.get("AWS_REGION")
            self._session = boto3.Session(profile_name=profile, region_name=region)
        except ProfileNotFound as error:
            raise UserMustAct(
                f"there is no AWS profile '{profile}'; 'aws configure list-profiles' shows yours"
            ) from error
        self._clients: dict[str, Any] = {}

    @property
    def session(self) -> boto3.Session:
        """The login, with the region in it."""
        return self._session

    @property
    def region(self) -> str:
        """The region that is used."""
        region = self._session.region_name
        if not region:
            raise UserMustAct("no AWS region set; add --region NAME, for example eu-central-1")
        return str(region)

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._clients:
            config = Config(
                retries={"mode": "standard", "max_attempts": 6},
                max_pool_connections=N_CONNECTIONS,
                request_checksum_calculation="when_required",
                user_agent_extra=f"ionbox/{__version__}",
            )
            self._clients[service] = self._session.client(
                service, region_name=self.region, config=config
            )
        return self._clients[service]

    def open_bucket(self, place: str) -> Store:
        """Open a bucket, or ``BUCKET/FOLDER`` as a store of its own, to read it.

        Raises
        ------
        UserMustAct
            If there are no credentials, or no region is set.
        """
        from ionbox_cloud.store import Store

        endpoint = self.client("s3").meta.endpoint_url
        with plain_errors():
            credentials = self._session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            credentials.get_frozen_credentials()  # a login that has expired should say so here
        is_aws = "amazonaws.com" in endpoint
        return Store.open_bucket(f"s3://{place}", self._session, None if is_aws else endpoint)

    @functools.cached_property
    def number(self) -> str:
        """The account's twelve digits."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def describe_stack(self, name: str) -> dict[str, Any] | None:
        """Return what CloudFormation says of a stack, None if there is none of that name."""
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return dict(stacks[0])

    def find_installation(self, stack: str) -> Installation:
        """Read the outputs of the stack.

        Raises
        ------
        UserMustAct
            If there is no such stack, or it is not a working installation of ionbox.
        """
        described = self.describe_stack(stack)
        if described is None:
            raise UserMustAct(
                f"there is no stack '{stack}' in {self.region} of account {self.number}; install "
                "it with 'ionbox deploy', or name another place with --stack, --region, --profile"
            )
        outputs = read_outputs(described)
        missing = [output for output in _OUTPUTS.values() if output not in outputs]
        if missing:
            raise UserMustAct(
                f"stack '{stack}' is in state {described['StackStatus']} and has no output "
                f"{', '.join(missing)}; 'ionbox deploy' repairs or updates an installation of "
                "ionbox, --stack names another"
            )
        values: dict[str, Any] = {field: outputs[output] for field, output in _OUTPUTS.items()}
        for field in ("max_runs", "max_lambda_mb", "default_config"):
            values[field] = json.loads(values[field])
        return Installation(stack=stack, **values)


def open_account(where: Where) -> Account:
    return Account(where.profile, where.region)


def open_installation(where: Where) -> tuple[Account, Installation]:
    account = open_account(where)
    return account, account.find_installation(where.stack)


def read_outputs(described: dict[str, Any]) -> dict[str, str]:
    """Return the outputs of a stack by name."""
    return {out["OutputKey"]: out["OutputValue"] for out in described.get("Outputs", [])}


def error_code(error: ClientError) -> str:
    """Return the short name AWS gave an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what boto3 and the store raise into sentences that say what to do."""
    try:
        yield
    except (BotoCoreError, ClientError, StorageError) as error:
        raise translate(error) from error


def translate(error: Exception) -> OperateError:
    """Return an error of boto3 or of the store as one that says what to do."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return UserMustAct(_NO_CREDENTIALS)
    if isinstance(error, NoRegionError):
        return UserMustAct("no AWS region set; add --region NAME, for example eu-central-1")
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        return _translate_code(error_code(error), error.operation_name, message)
    if isinstance(error, StorageError):
        return _translate_storage(error)
    if isinstance(error, ConnectionError | HTTPClientError):
        return OperateError(f"AWS cannot be reached; check the network and try again ({error})")
    if any(word in type(error).__name__ for word in ("SSO", "Token", "Login", "Credential")):
        return UserMustAct(f"the AWS login has expired; run 'aws sso login' or the like ({error})")
    return OperateError(f"AWS call failed: {error}")


def _translate_storage(error: StorageError) -> OperateError:
    if error.code == "Unauthenticated":
        return UserMustAct(f"the AWS login has expired; run 'aws sso login' or the like ({error})")
    if error.code:
        return _translate_code(error.code, "S3", str(error))
    if isinstance(error, AccessDenied):
        return UserMustAct(str(error))  # a folder of this machine
    if "configured region" in str(error):
        return UserMustAct(f"the bucket is in another region; add --region NAME ({error})")
    if "S3 error" in str(error):
        return OperateError(f"AWS cannot be reached; check the network and try again ({error})")
    return OperateError(str(error))


def _translate_code(code: str, operation: str, message: str) -> OperateError:
    if code in _EXPIRED:
        return UserMustAct(
            f"AWS does not accept the credentials ({code}); log in again ('aws sso login', 'aws "
            "configure') or name another profile with --profile NAME"
        )
    if code in _DENIED:
        return UserMustAct(
            f"no permission for {operation}; ask whoever manages the account for it ({message})"
        )
    if code in _THROTTLED:
        return OperateError(
            f"AWS limits how often {operation} may be called and still refused after several "
            "tries; wait a minute and try again"
        )
    if code == "NoSuchBucket":
        return UserMustAct(
            f"{message}; the stack was removed or repaired meanwhile? 'ionbox doctor' tells"
        )
    return OperateError(f"AWS refused {operation}: {code}: {message}")
