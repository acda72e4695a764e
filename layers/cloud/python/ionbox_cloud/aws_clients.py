"""Clients of AWS services (Step Functions, SQS, SNS, EventBridge).

Intake, StartRuns and AnnounceEnd use them, and nobody else: handlers of states touch only objects,
through `ionbox_cloud.store`, which asks S3 for checksums with one.
"""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

# Seconds. Requests are small and answered at once: what takes longer is worth another try, not more
# patience, since a function is billed while it waits.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=30
)


@functools.cache
def open_client(service: str) -> Any:
    """Return the client of a service by boto3's name for it; one per process and service."""
    return boto3.client(service, config=_CONFIG)
