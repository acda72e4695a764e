"""Copies of files that share blocks with the original where the file system can."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from ionbox.local.cancelling import check

_CANNOT_SHARE = {errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM}
"""What a file system answers that cannot copy by itself: to another one, or at all."""


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, its times and permissions; the target's folder is made if it is not there."""
    check()
    if target.exists() and source.samefile(target):
        raise shutil.SameFileError(f"{source} and {target} are one file")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _share(source, target):
        shutil.copyfile(source, target)
    shutil.copystat(source, target)


def _share(source: Path, target: Path) -> bool:
    """Copy a file by asking the file system to; return whether it did.

    Btrfs and XFS then share the file's blocks until one of the two is written to: nothing is
    copied, and what a user does to the one is not seen in the other, as it would be with a hard
    link.
    """
    if not hasattr(os, "copy_file_range"):
        return False  # macOS
    with source.open("rb") as read, target.open("wb") as written:
        left = source.stat().st_size
        while left > 0:
            try:
                n = os.copy_file_range(read.fileno(), written.fileno(), left)
            except OSError as error:
                if error.errno in _CANNOT_SHARE:
                    return False
                raise
            if n == 0:
                return False
            left -= n
    return True
