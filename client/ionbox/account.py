"""The AWS account: credentials, clients, and the installed stack as its outputs describe it.

From a profile and a region (`ionbox.where.Where`) comes an `Account`, which makes boto3 clients and
opens buckets; from the name of a stack comes an `Installation` with the names of all its parts.
Everything in the client that talks to AWS goes through these two. `plain_errors` is around all such
calls: what boto3 and the store raise leaves it as an `ionbox.errors.OperateError`, a sentence that
says what to do.
"""

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
"""Requests that one client may have under way at once: the size of its pool of connections."""

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
        URLs of two queues: runs that wait for a free place, and events that nobody could handle.
    cluster : str
        Name of the ECS cluster of the sort task; ``none`` if deployed without Fargate.
    log_prefix : str
        What the names of all log groups begin with.
    version : str
        Version of ionbox that was deployed.
    max_runs : int
        How many runs may be on at the same time.
    max_lambda_mb : int
        Memory of the largest function, MB.
    default_config : dict
        Settings that hold for runs which do not choose their own.
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


# Fields of Installation, and the stack's outputs that fill them; cdk/ writes the outputs.
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

    Raises
    ------
    UserMustAct
        If there is no such profile. Credentials are not looked at before they are needed.
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
        """The boto3 session, for clients that need a configuration of their own."""
        return self._session

    @property
    def region(self) -> str:
        """Name of the region, such as ``eu-central-1``.

        Raises
        ------
        UserMustAct
            If none is set: not as an argument, in the environment or in the profile.
        """
        region = self._session.region_name
        if not region:
            raise UserMustAct("no AWS region set; add --region NAME, for example eu-central-1")
        return str(region)

    def client(self, service: str) -> Any:
        """Return boto3's client of a service such as ``s3``; it is made once and kept.

        Raises
        ------
        UserMustAct
            If no region is set.
        """
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
            If there are no credentials, the login has expired, or no region is set.
        """
        from ionbox_cloud.store import Store

        endpoint = self.client("s3").meta.endpoint_url
        with plain_errors():
            credentials = self._session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            credentials.get_frozen_credentials()  # a login that has expired should say so here
        # the store knows AWS's own addresses; another endpoint (a test's, say) must be passed on
        is_aws = "amazonaws.com" in endpoint
        return Store.open_bucket(f"s3://{place}", self._session, None if is_aws else endpoint)

    @functools.cached_property
    def number(self) -> str:
        """The account's twelve digits; asking for them is also the test of the credentials."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def describe_stack(self, name: str) -> dict[str, Any] | None:
        """Return what CloudFormation's ``DescribeStacks`` says; None if there is no such stack."""
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return dict(stacks[0])

    def find_installation(self, stack: str) -> Installation:
        """Read the outputs of a stack.

        Raises
        ------
        UserMustAct
            If there is no such stack in this account and region, or it lacks outputs: it is not
            ionbox's, or its installation failed.
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
    """Return the account that the command line's flags mean.

    Raises
    ------
    UserMustAct
        If there is no such profile.
    """
    return Account(where.profile, where.region)


def open_installation(where: Where) -> tuple[Account, Installation]:
    """Return the account and the installed stack that the command line's flags mean.

    Raises
    ------
    UserMustAct
        If there is no such profile, or no working installation of that name.
    """
    account = open_account(where)
    return account, account.find_installation(where.stack)


def read_outputs(described: dict[str, Any]) -> dict[str, str]:
    """Return the values of a stack's outputs by name, from what `Account.describe_stack` said."""
    return {out["OutputKey"]: out["OutputValue"] for out in described.get("Outputs", [])}


def error_code(error: ClientError) -> str:
    """Return the short name AWS gave an error, such as ``AccessDenied``; empty if it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what boto3 and the store raise in a block into sentences that say what to do.

    Raises
    ------
    UserMustAct
        If credentials, region, permissions or names must be corrected first.
    OperateError
        If AWS could not be reached or refused for another reason; trying again may help.
    """
    try:
        yield
    except (BotoCoreError, ClientError, StorageError) as error:
        raise translate(error) from error


def translate(error: Exception) -> OperateError:
    """Return the `OperateError` that says what an error of boto3 or of the store means."""
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
    # botocore has a dozen classes for a login that has lapsed, and no common one
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
    # what follows has no code: the store passes on only the text of its library's error
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
