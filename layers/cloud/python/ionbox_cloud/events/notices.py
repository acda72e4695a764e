"""Telling people (SNS) and programs (EventBridge).

Intake tells of what no run will tell of; AnnounceEnd of how each run ended.
"""

from __future__ import annotations

import json
from typing import Any

from ionbox_cloud.errors import NotDelivered

SOURCE = "ionbox"
"""The ``source`` of our events on EventBridge."""

SUBJECT_LENGTH = 99  # SNS: fewer than 100 printable ASCII characters


class Topic:
    """The topic where people are told.

    Parameters
    ----------
    client : botocore client
        Client of SNS.
    arn : str
        ARN of the topic.
    """

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def tell(self, subject: str, text: str) -> None:
        """Send a message; what SNS does not allow in a subject is replaced or cut off."""
        plain = "".join(sign if " " <= sign <= "~" else "?" for sign in subject)
        self._client.publish(TopicArn=self._arn, Subject=plain[:SUBJECT_LENGTH], Message=text)


class EventBus:
    """The event bus where programs are told.

    Parameters
    ----------
    client : botocore client
        Client of EventBridge.
    name : str
        Name of the event bus.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def tell(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Send an event of ours; ``detail`` is what its receivers read.

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
        # PutEvents answers 200 even if it takes no entry
        if answer["FailedEntryCount"]:
            refusal = answer["Entries"][0]
            raise NotDelivered(
                f"event '{detail_type}': {refusal.get('ErrorCode')}: {refusal.get('ErrorMessage')}"
            )
