"""Files of a dataset that are no files, or have names that are no text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ionbox.cli.main import main
from ionbox.datasets.files import dropped_files, find_dataset
from ionbox_science.errors import InvalidDatabase, InvalidDataset


@pytest.fixture
def imzml(tmp_path: Path) -> Path:
    path = tmp_path / "brain.imzML"
    path.write_text("<mzML/>", "utf-8")
    return path


@pytest.mark.parametrize("suffix", [".ibd", ".json"])
def test_a_pipe_is_not_waited_for(imzml: Path, suffix: str) -> None:
    os.mkfifo(imzml.with_suffix(suffix))
    with pytest.raises(InvalidDataset, match=rf"brain\{suffix} is a pipe; give a file"):
        find_dataset(imzml)


def test_a_pipe_as_imzml_is_no_missing_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "brain.imzML")
    with pytest.raises(InvalidDataset, match="is a pipe; give a file that can be read twice"):
        find_dataset(tmp_path / "brain.imzML")


def test_a_folder_and_a_device_are_named(imzml: Path) -> None:
    imzml.with_suffix(".ibd").mkdir()
    with pytest.raises(InvalidDataset, match=r"brain\.ibd is a folder"):
        find_dataset(imzml)
    imzml.with_suffix(".ibd").rmdir()
    imzml.with_suffix(".ibd").symlink_to(os.devnull)
    with pytest.raises(InvalidDataset, match=r"brain\.ibd is a device or socket"):
        find_dataset(imzml)


@pytest.mark.parametrize("command", ["check", "annotate"])
def test_a_name_that_is_not_utf_8_is_refused_in_a_sentence(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / os.fsdecode(b"gewebe-\xfc.imzML")
    path.write_text("<mzML/>", "utf-8")
    more = ["--out", str(tmp_path / "out")] if command == "annotate" else []
    with pytest.raises(SystemExit) as end:
        main([command, str(path), *more])
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert "the name is not UTF-8; rename the files" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", [b"m\xe9tabolites.tsv", b"a\x1bb.tsv"])
def test_a_table_needs_a_name_that_is_text(imzml: Path, tmp_path: Path, name: bytes) -> None:
    table = tmp_path / os.fsdecode(name)
    table.write_text("id\tname\tformula\n", "utf-8")
    with (
        pytest.raises(InvalidDatabase, match=r"the name (is not UTF-8|has control characters)"),
        dropped_files(tmp_path / "inbox", find_dataset(imzml), [table], ()),
    ):
        pass


def test_a_table_from_a_pipe_is_refused(imzml: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table.tsv")
    with (
        pytest.raises(InvalidDatabase, match="is a pipe; write the table to a file first"),
        dropped_files(tmp_path / "inbox", find_dataset(imzml), [tmp_path / "table.tsv"], ()),
    ):
        pass


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    (folder / "brain.imzML").write_text("<mzML/>", "utf-8")
    assert find_dataset(folder / "brain.imzML").ibd == folder / "brain.ibd"


@pytest.mark.parametrize("flag", ["--work"])
def test_a_work_folder_needs_a_path_that_is_text(
    imzml: Path, tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    work = str(tmp_path / os.fsdecode(b"\xff"))
    with pytest.raises(SystemExit) as end:
        main(["annotate", str(imzml), "--out", str(tmp_path / "out"), flag, work])
    assert end.value.code == 1
    assert "--work: " in capsys.readouterr().err
