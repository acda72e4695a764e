"""A dataset that is dropped into the inbox."""

from __future__ import annotations

from typing import Any

from tests.handlers.aws_account import Account

PAIR: tuple[str, str] = ("20261123/mouse.imzML", "20261123/mouse.ibd")


def drop_pair(account: Account) -> list[dict[str, Any]]:
    return [account.drop(key, f"bytes of {key}".encode()) for key in PAIR]


class Crashed(Exception):  # noqa: N818
    """What a test breaks a handler off with, between two of its steps."""
