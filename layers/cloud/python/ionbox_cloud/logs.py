"""The one structured log of all functions; whoever logs a run first adds its id to it."""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger(service="ionbox")
