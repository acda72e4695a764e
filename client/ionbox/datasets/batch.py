"""Several datasets in one command: which they are, where the results of each go, how each ended.

The datasets are annotated one after the other, each with all cores: that keeps the memory of one,
and the first results come early. What one costs to start, imports and workers, the next ones have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ionbox_science.errors import InvalidConfig, InvalidDataset, IonboxError

from ionbox.datasets.outcome import Outcome
from ionbox.errors import OperateError, UserMustAct
from ionbox.local.errors import LocalError
from ionbox.reading.out_folder import read_run_id


@dataclass(frozen=True)
class Member:
    """One dataset of several.

    Attributes
    ----------
    imzml : Path
        Its imzML.
    out : Path
        The folder for its results, named as the imzML is.
    """

    imzml: Path
    out: Path


@dataclass(frozen=True)
class MemberEnd:
    """How the run of one dataset ended.

    Attributes
    ----------
    member : Member
        The dataset.
    outcome : Outcome or None
        How the run ended; None if there was none.
    error : Exception or None
        Why there was none; else None.
    """

    member: Member
    outcome: Outcome | None
    error: Exception | None = None

    @property
    def succeeded(self) -> bool:
        """Whether there are results."""
        return self.outcome is not None and self.outcome.succeeded

    @property
    def message(self) -> str:
        """Why there are no results; empty if there are."""
        if self.outcome is None:
            return str(self.error)
        return "" if self.succeeded else self.outcome.status.message or "failed"

    @property
    def is_invalid(self) -> bool:
        """Whether the input must be corrected first."""
        if self.outcome is None:
            return isinstance(self.error, IonboxError | UserMustAct)
        return self.outcome.status.status == "invalid_input"


def find_members(given: Sequence[Path], out: Path) -> list[Member]:
    """Find the datasets of files and folders.

    Parameters
    ----------
    given : sequence of Path
        imzML files, and folders: all imzML files in them and in their folders are meant, but none
        in hidden folders and in ``out``, if that is one of their folders. An ibd that is named
        beside its imzML, as ``data/*`` does, is passed over.
    out : Path
        Gets a folder of results for each dataset.

    Raises
    ------
    InvalidDataset
        If a folder has no imzML, or two datasets have one name.
    InvalidConfig
        If ``out`` itself holds the results of a dataset.
    """
    if read_run_id(out):
        raise InvalidConfig(
            f"--out: {out} has the results of one dataset; several get a folder each in another one"
        )
    members: dict[str, Member] = {}
    for imzml in _files(given, out):
        # names that differ in case only are one folder on many disks
        other = members.setdefault(imzml.stem.casefold(), Member(imzml, out / imzml.stem))
        if other.imzml.resolve() != imzml.resolve():
            raise InvalidDataset(
                f"{other.imzml} and {imzml}: both results would go to {other.out}; rename one, or "
                "annotate them one by one"
            )
    return list(members.values())


_BESIDE = {".ibd", ".json"}


def _files(given: Sequence[Path], out: Path) -> Iterator[Path]:
    imzml = {path.with_suffix("") for path in given if path.suffix.lower() == ".imzml"}
    for path in given:
        if not path.is_dir():
            if path.suffix.lower() not in _BESIDE or path.with_suffix("") not in imzml:
                yield path
            continue
        is_below = out.resolve() != path.resolve() and out.resolve().is_relative_to(path.resolve())
        found = [
            file
            for file in sorted(path.rglob("*"))
            if file.suffix.lower() == ".imzml"
            and file.is_file()
            and not (is_below and file.resolve().is_relative_to(out.resolve()))
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not found:
            raise InvalidDataset(f"{path} has no imzML in it")
        yield from found


def annotate_member(member: Member, annotate: Callable[[Path, Path], Outcome]) -> MemberEnd:
    """Annotate one dataset of several; whatever is refused or fails leaves the others alone.

    Parameters
    ----------
    member : Member
        The dataset.
    annotate : callable
        Annotates an imzML, into a folder.

    Raises
    ------
    KeyboardInterrupt
        When interrupted: the same command goes on with what is missing.
    """
    try:
        return MemberEnd(member, annotate(member.imzml, member.out))
    except (IonboxError, LocalError, OperateError, OSError) as error:
        return MemberEnd(member, None, error)
