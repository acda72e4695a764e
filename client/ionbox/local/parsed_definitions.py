"""State machines that were parsed before, so that a run need not parse one again.

moto reads a definition with a parser in pure Python: about a CPU second for ours, and twice, when
the machine is made and when it is started. What comes of it, a tree of objects, is kept in a file,
which loads in some milliseconds.

The files are Python pickles, which can hold any code. So they lie in the user's own cache, and are
read only if nobody else can have written them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ionbox.local.lean_moto import replaced
from ionbox.local.uncollected import uncollected

_MOST_KEPT = 16
"""A machine has a definition for each number of workers and each set of functions."""

_STALE_S = 86_400

_Parse = Callable[[str], tuple[Any, Any]]


@contextlib.contextmanager
def remembered(folder: Path) -> Iterator[None]:
    """Let moto find parsed definitions in a folder, and leave those there that it parses.

    Whatever is wrong with the folder, a definition is parsed then, as without it.

    Parameters
    ----------
    folder : Path
        Where the files are; made if there is something to keep.
    """
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    definitions = _Definitions(folder, AmazonStateLanguageParser.parse)
    with replaced(AmazonStateLanguageParser, "parse", staticmethod(definitions.parse)):
        yield


class _Definitions:
    def __init__(self, folder: Path, parse: _Parse) -> None:
        self._folder = folder
        self._parse = parse
        self._pickled: dict[str, bytes] = {}

    def parse(self, definition: str) -> tuple[Any, Any]:
        """Stand for moto's parser: each caller gets objects of its own, and no syntax tree."""
        name = _name(definition)
        pickled = self._pickled.get(name) or _read(self._folder / name)
        if pickled is not None:
            # one of another moto or Python has another name; but whatever fails, fails here
            with contextlib.suppress(Exception):
                program = pickle.loads(pickled)
                self._pickled[name] = pickled
                return program, None
        program, tree = _parse_quickly(definition, self._parse)
        # a full disk, a home that cannot be written to, a moto whose objects are no data
        with contextlib.suppress(Exception):
            self._pickled[name] = pickle.dumps(program)
            _write(self._folder / name, self._pickled[name])
        return program, tree


def _parse_quickly(definition: str, parse: _Parse) -> tuple[Any, Any]:
    """Parse with ANTLR's quick way of prediction (SLL), and with its thorough one if that fails.

    Where the quick one succeeds, it finds the same. Source: Parr, Harwell and Fisher 2014,
    doi:10.1145/2660193.2660202.
    """
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
    from moto.stepfunctions.parser.asl.parse import asl_parser

    def make_parser(stream: Any) -> ASLParser:
        parser = ASLParser(stream)
        prediction = parser._interp
        prediction.predictionMode = type(prediction.predictionMode).SLL
        return parser

    try:
        with replaced(asl_parser, "ASLParser", make_parser), uncollected():
            return parse(definition)
    except Exception:  # noqa: BLE001 (whatever is wrong, the thorough one says it, or finds it right)
        return parse(definition)


def _name(definition: str) -> str:
    """Return a file's name: another definition, moto or Python has another one."""
    import moto

    made_by = f"moto {moto.__version__}, Python {sys.version}"
    return hashlib.sha256(f"{made_by}\n{definition}".encode()).hexdigest()


def _read(path: Path) -> bytes | None:
    """Read what `_write` wrote; None if it is not there, not whole, or may be somebody else's."""
    try:
        with path.open("rb") as file:
            if not (_is_ours(os.fstat(file.fileno())) and _is_ours(path.parent.stat())):
                return None
            content = file.read()
        os.utime(path)  # those used last are kept
    except OSError:
        return None
    digest, pickled = content[:32], content[32:]
    return pickled if hashlib.sha256(pickled).digest() == digest else None


def _is_ours(status: os.stat_result) -> bool:
    """Tell whether nobody else may write to it: not to the file, nor put another in the folder."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(path: Path, pickled: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
            file.write(hashlib.sha256(pickled).digest() + pickled)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _drop_oldest(path.parent)


def _drop_oldest(folder: Path) -> None:
    used = {path: path.stat().st_mtime for path in folder.iterdir()}
    temporary = [path for path in used if path.name.startswith(".")]
    kept = sorted(used.keys() - temporary, key=used.__getitem__)
    # of processes that were killed
    stale = [path for path in temporary if used[path] < time.time() - _STALE_S]
    for path in (*kept[:-_MOST_KEPT], *stale):
        path.unlink(missing_ok=True)
