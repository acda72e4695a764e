"""The one structured log of all functions, JSON lines.

`ionbox_cloud.handlers` adds state, execution, run and item to every line of a call.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger

logger = Logger(service="ionbox")
