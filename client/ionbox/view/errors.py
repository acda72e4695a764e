"""What cannot be shown, and why.

::

    InvalidInput             (ionbox_science.errors)
    └── Unanswerable         a sentence for people
        ├── BadQuestion      the question cannot be understood
        ├── NotFound         there is no such thing in this run
        └── Gone             what it needs is no longer where it was, or was replaced
"""

from __future__ import annotations

from http import HTTPStatus

from ionbox_science.errors import InvalidInput


class Unanswerable(InvalidInput):
    """A question about a run that has no answer."""

    status = HTTPStatus.BAD_REQUEST


class BadQuestion(Unanswerable):
    """Something in the question is missing, no number, or out of range."""


class NotFound(Unanswerable):
    """There is no such image, pixel or database in the run."""

    status = HTTPStatus.NOT_FOUND


class Gone(Unanswerable):
    """Segments or ibd are not there any more, or not what they were."""

    status = HTTPStatus.GONE
