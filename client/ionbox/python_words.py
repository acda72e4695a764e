"""Sentences that were written for the command line, in the words of Python."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from ionbox_science.errors import IonboxError

from ionbox.errors import NoResults, OperateError

# What is quoted is a command to type or a name that somebody gave, and a flag stands by itself:
# the -- in a path is none.
_QUOTED = r"(?<![^\s(])'[^'\n]*'"
_FLAG = re.compile(
    rf"{_QUOTED}|(?<![^\s(])--([a-z]+(?:-[a-z]+)*)(?![\w/.-]*[\w/-])(?: ([A-Z]{{3,}}|positive))?"
)
_SWITCHES = {"accept-profile", "force", "skip-bad-rows"}
_OWN = {"replace": "replace_other=True", "database": "databases=['FILE']"}


def say_in_python(text: str) -> str:
    """Write the flags in a sentence as arguments of functions; paths and commands stay.

    Examples
    --------
    >>> say_in_python("add --region NAME, or name another with --profile")
    "add region='NAME', or name another with profile=…"
    >>> say_in_python("keep both with --folder NAME, or replace it with --replace")
    "keep both with folder='NAME', or replace it with replace_other=True"
    >>> say_in_python("/data/brain--old holds nothing that 'ionbox annotate --out' wrote")
    "/data/brain--old holds nothing that 'ionbox annotate --out' wrote"
    """
    return _FLAG.sub(_say_flag, text)


def _say_flag(found: re.Match[str]) -> str:
    flag, value = found.groups()
    if flag is None:
        return found[0]
    name = flag.replace("-", "_")
    if flag in _OWN:
        return _OWN[flag]
    if flag in _SWITCHES:
        return f"{name}=True"
    return f"{name}='{value}'" if value else f"{name}=…"


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Let errors that are raised in a block speak of Python; what names results has no flags."""
    try:
        yield
    except NoResults:
        raise
    except (IonboxError, OperateError) as error:
        error.args = tuple(say_in_python(str(part)) for part in error.args)
        raise
