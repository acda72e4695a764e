"""Clients of AWS services (Step Functions, SQS, SNS, EventBridge).

Intake, StartRuns and AnnounceEnd use them, and nobody else: handlers of states touch only objects,
through `ionbox_cloud.store`, which asks S3 with one what it keeps with an object.
"""

from __future__ import annotations

import functools
from typing import Any

# Seconds. Requests are small and answered at once: what takes longer is worth another try, not more
# patience, since a function is billed while it waits. All tries of a request, and the pauses in
# between (of 1, 2 and 4 s at most), take less than the 120 s that StartRuns and AnnounceEnd have:
# they then fail with the service's silence and not with a timeout of their own.
CONNECT_S, READ_S, TRIES = 3, 15, 4


@functools.cache
def open_client(service: str) -> Any:
    """Return the client of a service by boto3's name for it; one per process and service."""
    import boto3  # 0.1 s, and states that work on a folder do without
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": TRIES},
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
    )
    return boto3.client(service, config=config)
