"""What Intake tells people: only what no run will tell them."""

from __future__ import annotations

from ionbox_cloud.events.drops import Ignored
from ionbox_cloud.events.notices import Topic
from ionbox_cloud.planning.database_tables import RegisteredDatabase


def complain_of_database(topic: Topic, record: RegisteredDatabase) -> None:
    """Tell people that a molecule table cannot be used."""
    topic.tell(
        f"ionbox: database {record.name} cannot be used as it is",
        f"{record.message}\n\nWhat to do: correct {record.key} and drop it again, or set "
        f'"skip_bad_rows": true in the config of a run.',
    )


def complain_of_key(topic: Topic, drop: Ignored) -> None:
    """Tell people that an object was not taken because of its key, and why."""
    topic.tell("ionbox: a file was not taken", f"{drop.key}\n\n{drop.reason}.")
