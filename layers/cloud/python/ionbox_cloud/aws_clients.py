"""Clients of the control plane, made once per process."""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=30
)


@functools.cache
def open_client(service: str) -> Any:
    """Return the client of a service."""
    return boto3.client(service, config=_CONFIG)
