"""Files for objects: the one way from a key to a path below a folder.

Keys come from storage, and whoever may write to a bucket chooses them; in a path ``..``, ``//`` and
links have meanings that keys do not. Whoever copies objects to a folder asks `path_below` where.
"""

from __future__ import annotations

import re
from pathlib import Path

from ionbox_cloud.errors import UnsafeKey

# What is no part of a path, or more than one: on Windows, too, for a folder may be passed on.
_UNSAFE = re.compile(r"|\.{1,2}|[A-Za-z]:.*|.*[\x00-\x1f\x7f\\].*", re.DOTALL)
# obstore writes an object to a folder under such a name first; in keys it writes # as %23
_HALF_WRITTEN = re.compile(r".*#\d+", re.DOTALL)


def is_half_written(name: str) -> bool:
    """Say whether a file in a folder of objects is half written, now or for ever.

    Examples
    --------
    >>> is_half_written("segment-00001.bin#1")
    True
    """
    return _HALF_WRITTEN.fullmatch(name) is not None


def path_below(folder: Path, key: str) -> Path:
    r"""Return the path of an object's file below a folder.

    Parameters
    ----------
    folder : Path
        The folder; it need not exist, and may itself be a link.
    key : str
        Key of the object, relative to the folder: names with ``/`` between them.

    Raises
    ------
    UnsafeKey
        If the path would lead out of the folder, also through a link in it, or if the key has an
        empty name, ``.``, ``..``, a drive, a backslash or a control character in it.

    Examples
    --------
    >>> path_below(Path("results"), "ion_images.zarr/zarr.json").as_posix()
    'results/ion_images.zarr/zarr.json'
    """
    if any(_UNSAFE.fullmatch(name) for name in key.split("/")):
        raise UnsafeKey(
            f"object {key!r} cannot be a file below {folder}; nothing was written to it"
        )
    path = folder / key
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnsafeKey(
            f"object {key!r} would be written through a link that leads out of {folder}; remove "
            "the link, or give another folder"
        )
    return path
