"""Messages that were written for the command line, put into the words of Python.

One message serves both: "add --region NAME" is right in a terminal, and a script should read
"add region='NAME'". `in_python` is around what the Python client does, `say_in_python` rewrites one
text.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from ionbox_science.errors import IonboxError

from ionbox.errors import NoResults, OperateError

# What stands in quotes stays: it is a command to type, or a name that somebody gave. A flag stands
# by itself, so the -- inside a path is not one.
_QUOTED = r"(?<![^\s(])'[^'\n]*'"
_FLAG = re.compile(
    rf"{_QUOTED}|(?<![^\s(])--([a-z]+(?:-[a-z]+)*)(?![\w/.-]*[\w/-])(?: ([A-Z]{{3,}}|positive))?"
)
_SWITCHES = {"accept-profile", "force", "skip-bad-rows"}
# flags whose arguments have other names in Python
_OWN = {
    "replace": "replace_other=True",
    "database": "databases=['FILE']",
    "no-check": "check=False",
}


def say_in_python(text: str) -> str:
    """Write the flags in a text as keyword arguments; paths and quoted commands stay.

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
    """Let errors that are raised in a block speak of keyword arguments instead of flags.

    `NoResults` is left as it is: its message names commands and paths, and no flag to translate.
    """
    try:
        yield
    except NoResults:
        raise
    except (IonboxError, OperateError) as error:
        error.args = tuple(say_in_python(str(part)) for part in error.args)
        raise
