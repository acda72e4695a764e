from __future__ import annotations

from pathlib import Path

import pytest
from ionbox.simulation import lipids
from ionbox.simulation.lipids import write_lipids
from ionbox_science.theory.databases import parse_database
from ionbox_science.theory.lipids import SHIPPED_DATABASES, Lipid, enumerate_lipids


def test_written_database_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "lipids.tsv"
    n_written = write_lipids(path)
    database = parse_database(path.read_bytes(), "lipids")
    species = enumerate_lipids()
    assert n_written == len(species)
    assert list(database.names) == [lipid.name for lipid in species]
    assert list(database.formulas) == [lipid.formula for lipid in species]
    assert path.read_bytes() == SHIPPED_DATABASES["lipids"]()
    assert [file.name for file in path.parent.iterdir()] == ["lipids.tsv"]


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lipids.tsv"
    path.write_text("old")
    monkeypatch.setattr(lipids, "enumerate_lipids", lambda: [Lipid("a", "b", "\ud800")])
    with pytest.raises(UnicodeEncodeError):
        write_lipids(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
