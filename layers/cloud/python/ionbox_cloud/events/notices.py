"""Telling people (SNS) and programs (EventBridge)."""

from __future__ import annotations

import json
from typing import Any

from ionbox_cloud.errors import NotDelivered

SOURCE = "ionbox"
"""The ``source`` of our events on EventBridge."""

SUBJECT_LENGTH = 99  # SNS: fewer than 100 printable ASCII characters


class Topic:
    """Where people are told.

    Parameters
    ----------
    client : botocore client
        Of SNS.
    arn : str
        The topic.
    """

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def tell(self, subject: str, text: str) -> None:
        """Send a message; what a subject cannot hold is replaced or cut off."""
        plain = "".join(sign if " " <= sign <= "~" else "?" for sign in subject)
        self._client.publish(TopicArn=self._arn, Subject=plain[:SUBJECT_LENGTH], Message=text)


class EventBus:
    """Where programs are told.

    Parameters
    ----------
    client : botocore client
        Of EventBridge.
    name : str
        The event bus.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def tell(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Send an event.

        Raises
        ------
        NotDelivered
            If EventBridge did not take it.
        """
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
        }
        answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            refusal = answer["Entries"][0]
            raise NotDelivered(
                f"event '{detail_type}': {refusal.get('ErrorCode')}: {refusal.get('ErrorMessage')}"
            )
