"""What can go wrong between states, on top of the science ring's refusals.

A class name is what the state machine's Retry and Catch go by, and what operators read. Two
branches are treated differently: invalid input (the user must act; never retried) and transient
errors (retried).

::

    IonboxError                 (ionbox_science.errors)
    ├── InvalidInput            (ionbox_science.errors) the user must act; never retried
    ├── TransientError          worth trying again; every task of the state machine retries it
    │   ├── StoreUnavailable    object storage did not answer properly
    │   └── TaskStopped         a Fargate task was told to end before it was done
    └── InternalError           a mistake of ours; stops the run with what is known
        ├── AccessDenied        storage refuses us, or its disk is full
        ├── InvalidMessage      a message, a record or the environment is not as it must be
        ├── UnusableObject
        │   ├── MissingObject   an object an earlier state must have written is not there
        │   └── DamagedObject   an object is not what was written
        ├── NotRepaired         an object cannot be used, though it was computed anew
        ├── UnsafeKey           a key would lead out of the folder that its object is copied to
        ├── MissingOutput       a Map item left neither output nor failure record
        ├── ItemFailure         a Map item failed; raised again under the name it failed with
        ├── NamelessError       stands for any error whose words must not get into logs
        └── NotDelivered        programs could not be told of the end of a run

StoreUnavailable and AccessDenied are each a StorageError, too: it has S3's word for the reason.
"""

from __future__ import annotations

import json

from ionbox_science.errors import IonboxError


class TransientError(IonboxError):
    """The same call may well succeed later."""


class StorageError(IonboxError):
    """Storage did not do what it was asked.

    Attributes
    ----------
    code : str
        What S3 calls the reason, such as ``SlowDown``; empty if it was not S3 that refused.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StoreUnavailable(StorageError, TransientError):  # noqa: N818 (the name is what operators read)
    """Object storage refused or dropped a request after its own retries."""


class TaskStopped(TransientError):  # noqa: N818 (the name is what operators read)
    """A Fargate task was stopped from outside: by AWS, which needs the host, or by a person."""


class InternalError(IonboxError):
    """Something that should not happen, whatever the input."""


class AccessDenied(StorageError, InternalError):  # noqa: N818
    """Storage does not let us read or write, and will not if asked again."""


class InvalidMessage(InternalError):  # noqa: N818
    """A message or record lacks a field, has one too many or of the wrong type; or a variable does.

    Variables are those of the environment: missing, or not what `ionbox_cloud.environment` can
    read.
    """


class UnusableObject(InternalError):  # noqa: N818
    """An object cannot be used; what is computed is then computed anew (`ionbox_cloud.repair`).

    Attributes
    ----------
    key : str
        Key of the object; empty where it is not one object that is missing.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class MissingObject(UnusableObject):
    """An object that must exist does not."""


class DamagedObject(UnusableObject):
    """An object is not what was written: cut short, overwritten, or with other bytes."""

    @staticmethod
    def of(key: str, reason: str) -> DamagedObject:
        """Make the error of an object, with a few words on what is wrong with it."""
        return DamagedObject(f"object '{key}' is damaged: {reason}", key)


class NotRepaired(InternalError):  # noqa: N818
    """An object was computed anew because it could not be used, and cannot be used again."""


class UnsafeKey(InternalError):  # noqa: N818
    """An object's key cannot be a file's path below a folder; somebody else wrote the object."""


class MissingOutput(InternalError):  # noqa: N818
    """A Map item ended without output and without a record of its failure."""


class ItemFailure(InternalError):  # noqa: N818
    """A Map item failed; subclasses made on the fly carry the recorded error name."""

    @staticmethod
    def named(name: str, message: str) -> ItemFailure:
        """Make a failure whose class name, and so its name in the state machine, is ``name``."""
        failure: ItemFailure = type(name, (ItemFailure,), {})(message)
        return failure


class NamelessError(InternalError):
    """An error without its words; subclasses made on the fly carry its class name."""

    @staticmethod
    def of(error: Exception, text: str) -> NamelessError:
        """Make the error that stands for another one, with other words."""
        nameless: NamelessError = type(type(error).__name__, (NamelessError,), {})(text)
        return nameless


class NotDelivered(InternalError):  # noqa: N818
    """EventBridge did not take the event that tells programs of the end of a run."""


def describe_cause(cause: str) -> str:
    """Return the message in an error's cause as it is, which Lambda wraps in JSON."""
    try:
        message = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return cause
    return str(message)
