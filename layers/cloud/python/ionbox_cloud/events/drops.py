"""What lies in the inbox: which key belongs to what, and what is complete.

A dataset is ``x.imzML`` and ``x.ibd`` in one folder, with an optional sidecar config ``x.json``;
the suffixes may have any case. ``databases/<name>.tsv`` or ``.csv`` is a molecule table. Everything
else is not ours. The files of a dataset arrive one by one, each with its own event, in any order;
an event does nothing until imzML and ibd are both there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

from ionbox_cloud.errors import MissingObject
from ionbox_cloud.messages import DatabaseFile, DatasetFiles
from ionbox_cloud.planning.database_tables import FOLDER, as_database
from ionbox_cloud.store import Store

_USUAL_SUFFIXES = (".imzML", ".ibd", ".json")
_KINDS = tuple(suffix.lower() for suffix in _USUAL_SUFFIXES)


@dataclass(frozen=True)
class DroppedDataset:
    """A complete dataset as it lies in the inbox now.

    Attributes
    ----------
    files : DatasetFiles
        Its name and keys.
    etags : tuple of str
        Content tags of imzML, ibd and, if there is one, sidecar.
    versions : tuple of str
        What tells each from an earlier upload of the same content.
    n_bytes : int
        Size of imzML and ibd together, bytes.
    """

    files: DatasetFiles
    etags: tuple[str, ...]
    versions: tuple[str, ...]
    n_bytes: int


@dataclass(frozen=True)
class Ignored:
    """An object that starts nothing, and why; ``warn`` if its owner surely meant something else."""

    key: str
    reason: str
    warn: bool = False


Drop = DroppedDataset | DatabaseFile | Ignored


def find_drop(inbox: Store, key_in_event: str) -> Drop:
    """Return what an object belongs to.

    Parameters
    ----------
    inbox : Store
        Where to look for the object and those that belong to it.
    key_in_event : str
        Key of an object that was created, perhaps long ago.

    Returns
    -------
    DroppedDataset, DatabaseFile or Ignored
        A complete dataset, a molecule table, or why there is nothing to do.

    Raises
    ------
    MissingObject
        If a file of the dataset is removed during the look; the event then comes again.
    """
    if not _is_ours(key_in_event):
        return Ignored(key_in_event, "neither part of a dataset nor a molecule table")
    if not _is_readable(key_in_event):
        # a warning, because S3 took the file and its owner waits for a result
        reason = "its path has an empty folder name, '.', '..' or control characters; upload it "
        return Ignored(key_in_event, reason + "under another", warn=True)
    key = _find_key(inbox, key_in_event)
    if key is None:
        return Ignored(key_in_event, "it is gone")
    return as_database(key) or _find_dataset(inbox, _split(key)[0])


def _is_ours(key: str) -> bool:
    if PurePosixPath(key).name.startswith("."):
        return False  # hidden, such as the ._x.imzML that macOS puts beside x.imzML
    if key.startswith(FOLDER):
        return as_database(key) is not None
    return _split(key)[1] in _KINDS


def _find_key(inbox: Store, key_in_event: str) -> str | None:
    """Return the key that an event means.

    EventBridge has it as it is, S3's other notifications have it URL-encoded, and powertools
    decodes it always, which turns ``a+b`` into ``a b``. So what is there decides.
    """
    candidates = dict.fromkeys([key_in_event, unquote_plus(key_in_event)])
    return next((key for key in candidates if _is_readable(key) and inbox.exists(key)), None)


def _find_dataset(inbox: Store, stem: str) -> DroppedDataset | Ignored:
    """Look for the files of a stem: the dataset if it is complete, else what it waits for."""
    kinds: dict[str, list[str]] = {suffix: [] for suffix in _KINDS}
    for key in inbox.list_beginning(f"{stem}."):
        same_stem, suffix = _split(key)
        if same_stem == stem and suffix in kinds:
            kinds[suffix].append(key)
    imzml, ibd, sidecar = (_choose(kinds[kind], kind) for kind in _KINDS)
    if imzml is None or ibd is None:
        absent = " and ".join(kind for kind in _KINDS[:2] if not kinds[kind])
        return Ignored(stem, f"waits for its {absent}")
    present = [key for key in (imzml, ibd, sidecar) if key is not None]
    found = [inbox.facts(key) for key in present]
    facts = [each for each in found if each is not None]
    if len(facts) < len(present):  # listed a moment ago, and gone
        raise MissingObject(f"one of {', '.join(present)} was removed just now")
    return DroppedDataset(
        DatasetFiles(PurePosixPath(imzml).stem, imzml, ibd, sidecar),
        tuple(each.etag for each in facts),
        tuple(each.version for each in facts),
        sum(each.n_bytes for each in facts[:2]),  # without the sidecar
    )


def _choose(keys: list[str], kind: str) -> str | None:
    """Choose among keys that differ in the case of their suffix: the usual one, else the first."""
    usual = _USUAL_SUFFIXES[_KINDS.index(kind)]
    return min(keys, key=lambda key: (not key.endswith(usual), key), default=None)


def _split(key: str) -> tuple[str, str]:
    """Return a key without its suffix, and the suffix in lower case."""
    suffix = PurePosixPath(key).suffix
    return key.removesuffix(suffix), suffix.lower()


def _is_readable(key: str) -> bool:
    """Say whether the storage library can address a key; S3 itself allows more."""
    has_control = any(sign < " " or sign == "\x7f" for sign in key)
    return not has_control and not {"", ".", ".."}.intersection(key.split("/"))
