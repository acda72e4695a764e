"""``ionbox annotate`` and what its results folder is used for, as typed by users."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ionbox.cli.main import main

from tests import patience
from tests.client.cli.typing_commands import write_database, write_dataset
from tests.client.ion_images import open_array, read_array, rows_of_ions
from tests.client.operating import Command, Ended


class TestAnnotate:
    def test_lists_all_problems_of_all_files_at_once(self, ionbox: Command, tmp_path: Path) -> None:
        dataset = write_dataset(tmp_path)
        dataset.with_suffix(".ibd").write_bytes(b"")
        database = write_database(tmp_path, ["1\tglucose\tC6H12O6", "2\tsalt\tNa.Cl"])
        ended = ionbox("annotate", dataset, "--database", database, "--out", "out", "--ppm", "-1")
        assert ended.code == 1
        for problem in (
            "error: small.ibd is empty",
            "error: ppm (command line): expected a number from 0.001 to 1,000",
            "error: analyzer: the imzML does not say",
            "error: database 'sugars': 1 of 2 rows cannot be used",
            "  line 3: 'Na.Cl'",
        ):
            assert problem in ended.err
        status = json.loads((tmp_path / "out" / "status.json").read_text())
        assert status["status"] == "invalid_input"

    def test_a_folder_of_something_else_is_left_alone(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "chapter1.txt").write_text("x")
        ended = ionbox(
            "annotate",
            write_dataset(tmp_path),
            *("--database", write_database(tmp_path), "--out", "thesis"),
        )
        assert ended.code == 1
        assert "thesis is not empty" in ended.err
        assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter1.txt"]

    def test_a_foreign_file_with_the_name_of_ours_makes_no_results_folder(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "run.json").write_text('{"job": 7}')
        ended = ionbox(
            *("annotate", write_dataset(tmp_path), "--out", "thesis"),
            *("--database", write_database(tmp_path)),
        )
        assert ended.code == 1
        assert "thesis is not empty and no results folder" in ended.err

    def test_results_of_another_dataset_are_left_alone(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        older = '{"run_id": "r1", "dataset": {"name": "brain"}}'
        (tmp_path / "out" / "run.json").write_text(older)
        ended = ionbox(
            *("annotate", write_dataset(tmp_path), "--out", "out"),
            *("--database", write_database(tmp_path)),
        )
        assert ended.code == 1
        assert "--out: out has the results of 'brain', not of 'small'" in ended.err
        assert (tmp_path / "out" / "run.json").read_text() == older

    def test_a_name_with_control_characters_is_refused(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        dataset = write_dataset(tmp_path)
        named = dataset.rename(tmp_path / "a\tb\x1b[2J.imzML")
        for command in (["check"], ["annotate", "--out", "out"]):
            ended = ionbox(command[0], named, *command[1:])
            assert ended.code == 1
            assert "has control characters; rename the files" in ended.err
            assert "\x1b" not in ended.err

    def test_a_failure_beside_older_results_says_whose_they_are(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "run.json").write_text('{"run_id": "0123abcd"}')
        ended = ionbox(
            *("annotate", write_dataset(tmp_path), "--database", write_database(tmp_path)),
            *("--out", "out", "--ppm", "0"),
        )
        assert ended.code == 1
        assert "out still holds the results of run 0123abcd" in ended.err
        status = json.loads((tmp_path / "out" / "status.json").read_text())
        assert status["older_results"] == "0123abcd"

    def test_all_missing_settings_are_named_with_their_flags(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        dataset = write_dataset(tmp_path, polarity=None)
        ended = ionbox(
            *("annotate", dataset, "--database", write_database(tmp_path), "--out", "out")
        )
        for flag in ("--polarity positive or negative", "--analyzer,", "--resolving-power,"):
            assert f"the imzML does not say; add {flag}" in ended.err

    @pytest.mark.parametrize("name", ["database.xlsx", "database.gz"])
    def test_a_database_that_is_no_table_is_named_for_what_it_is(
        self, ionbox: Command, tmp_path: Path, name: str
    ) -> None:
        start = {"database.xlsx": b"PK\x03\x04", "database.gz": b"\x1f\x8b"}[name]
        (tmp_path / name).write_bytes(start + b"\0" * 50)
        ended = ionbox(
            *("annotate", write_dataset(tmp_path), "--database", tmp_path / name, "--out", "out")
        )
        assert "save it as CSV or TSV" in ended.err

    def test_without_a_database_it_names_the_flag(self, ionbox: Command, tmp_path: Path) -> None:
        ended = ionbox("annotate", write_dataset(tmp_path), "--out", "out")
        assert ended.code == 1
        assert "--database FILE" in ended.err

    def test_ctrl_c_says_how_to_resume(
        self, ionbox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ionbox.datasets.annotate.annotate", interrupted)
        ended = ionbox("annotate", write_dataset(tmp_path), "--out", "out")
        assert ended.code == 130
        assert "the same command resumes" in ended.err


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a simulated dataset and the lipids it was drawn from."""
    folder = tmp_path_factory.mktemp("simulated")

    def run(*arguments: str) -> None:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0

    lipids = folder / "lipids.tsv"
    run("lipids", str(lipids))
    lines = lipids.read_text().splitlines(keepends=True)
    lipids.write_text("".join(lines[:1] + lines[1::20]))
    section = ["simulate", str(folder / "section.imzML"), "--database", str(lipids)]
    run(*section, "--width", "12", "--height", "10", "--ions", "60", "--noise", "20", "--seed", "7")
    return folder


@pytest.fixture(scope="module")
def annotated(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A folder in which the dataset was annotated, with the cache, and what the command said."""
    folder = tmp_path_factory.mktemp("annotated")
    said, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as end,
    ):
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        main(TestResults.command(simulated))
    return folder, Ended(int(end.value.code or 0), said.getvalue(), errors.getvalue())


@pytest.fixture
def first(annotated: tuple[Path, Ended], tmp_path: Path) -> Ended:
    """The command was given once in the folder of the test, and said this."""
    folder, ended = annotated
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return ended


class TestResults:
    @staticmethod
    def command(simulated: Path, *more: object) -> list[str]:
        """The command that annotates the section, with a few decoys."""
        return [
            *("annotate", str(simulated / "section.imzML")),
            *("--database", str(simulated / "lipids.tsv"), "--out", "out", "--adduct=+H"),
            *("--decoys", "4", *map(str, more)),
        ]

    def annotate(self, ionbox: Command, simulated: Path, *more: object) -> Ended:
        ended: Ended = ionbox(*self.command(simulated, *more))
        return ended

    def test_are_there_and_the_second_run_reuses_them(
        self, ionbox: Command, simulated: Path, first: Ended, tmp_path: Path
    ) -> None:
        assert first.code == 0
        assert "FDR ≤ 5%" in first.out
        assert first.out.splitlines()[-2].endswith("annotations; results in out")
        assert first.out.splitlines()[-1] == "look at them: out/report.html"
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {
            *("annotations.csv", "ion_images.zarr", "diagnostics", "report.html"),
            *("spectrum_index.npz", "sources.json", "run.json", "status.json"),
        }
        second = self.annotate(ionbox, simulated)
        assert second.out.splitlines()[-2].endswith("results in out (computed by an earlier run)")
        assert second.out.splitlines()[:-2] == first.out.splitlines()[:-2]

    @pytest.mark.usefixtures("first")
    def test_of_other_settings_replace_them_and_say_so(
        self, ionbox: Command, simulated: Path
    ) -> None:
        wider = self.annotate(ionbox, simulated, "--ppm", "4")
        assert wider.out.splitlines()[-2].endswith("in out, replacing those of other settings")
        again = self.annotate(ionbox, simulated)
        assert again.out.splitlines()[-2].endswith(
            "in out (computed by an earlier run), replacing those of other settings"
        )

    def test_of_other_data_of_the_same_name_are_left_alone(
        self, ionbox: Command, simulated: Path, first: Ended, tmp_path: Path
    ) -> None:
        assert first.code == 0
        record = (tmp_path / "out" / "run.json").read_bytes()
        other = tmp_path / "other" / "section.imzML"
        other.parent.mkdir()
        lipids = simulated / "lipids.tsv"
        size = ("--width", "6", "--height", "5", "--ions", "20", "--noise", "5")
        assert ionbox("simulate", other, "--database", lipids, *size).code == 0
        ended = ionbox("annotate", other, "--database", lipids, "--out", "out")
        assert ended.code == 1
        assert "--out: out has the results of other data named 'section'" in ended.err
        assert (tmp_path / "out" / "run.json").read_bytes() == record

    def test_a_flag_overrides_the_files_own_word_with_a_warning(
        self, ionbox: Command, simulated: Path
    ) -> None:
        ended = self.annotate(ionbox, simulated, "--analyzer", "fticr")
        assert ended.code == 0
        assert "warning: analyzer: fticr (command line) overrides" in ended.err

    def test_a_pair_of_lithops_configs_is_understood(
        self, ionbox: Command, simulated: Path, tmp_path: Path
    ) -> None:
        dataset_config = {"polarity": "+", "isocalc_sigma": 0.000619, "num_decoys": 5}
        database_config = {"adducts": ["", "+H"], "modifiers": ["", "-H2O"]}
        (tmp_path / "ds_config.json").write_text(json.dumps(dataset_config))
        (tmp_path / "db_config.json").write_text(json.dumps(database_config))
        ended = ionbox(
            *("annotate", simulated / "section.imzML", "--database", simulated / "lipids.tsv"),
            *("--out", "out", "--config", "ds_config.json", "--config", "db_config.json"),
        )
        assert ended.code == 0
        config = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
        assert (config["isocalc_sigma"], config["decoys"]) == (0.000619, 5)
        assert config["adducts"] == ["[M]+", "+H"]
        assert config["neutral_losses"] == ["-H2O"]

    def test_adducts_may_be_written_as_in_the_table(
        self, ionbox: Command, simulated: Path, tmp_path: Path
    ) -> None:
        self.annotate(ionbox, simulated, "--adduct", "M+Na", "--adduct", "[M+K]+")
        config = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
        assert config["adducts"] == ["+H", "+Na", "+K"]

    @pytest.mark.usefixtures("first")
    def test_each_row_finds_its_images(self, tmp_path: Path) -> None:
        table = pd.read_csv(tmp_path / "out" / "annotations.csv", comment="#")
        images, image_of = read_array(tmp_path / "out"), rows_of_ions(tmp_path / "out")
        brightest = [float(images[image_of[ion], 0].max()) for ion in table["ion"]]
        np.testing.assert_allclose(brightest, table["maxIntensity"], rtol=1e-5)
        metadata: Any = open_array(tmp_path / "out").metadata
        assert metadata.dimension_names == ("ion", "isotope", "y", "x")

    def test_a_terminal_without_unicode_gets_a_summary(
        self, ionbox: Command, simulated: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1"))
        ended = self.annotate(ionbox, simulated)
        sys.stdout.flush()
        assert ended.code == 0
        assert b"FDR ? 5%" in raw.getvalue()

    def test_signed_values_need_no_equals_sign(
        self, ionbox: Command, simulated: Path, tmp_path: Path
    ) -> None:
        ended = self.annotate(ionbox, simulated, "--neutral-loss", "-H2O", "--adduct", "+Na")
        assert ended.code == 0
        config = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
        assert (config["adducts"], config["neutral_losses"]) == (["+H", "+Na"], ["-H2O"])


def test_colours_and_markup_stay_out_of_a_file(ionbox: Command, tmp_path: Path) -> None:
    (tmp_path / "[red]x.imzML").write_text("no xml")
    ended = ionbox("check", tmp_path / "[red]x.imzML")
    assert "\x1b[" not in ended.err + ended.out
    assert "[red]x.imzML" in ended.err


def test_no_colour_means_no_colour_on_a_terminal_either(
    ionbox: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31merror" in ionbox("check", "x.imzML").err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in ionbox("check", "x.imzML").err
    assert ";31m" not in ionbox("check", "x.imzML").err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="argparse"),
        pytest.param(["check", "small.imzML"], id="rich"),
        pytest.param(["check", "missing.imzML"], id="errors"),
    ],
)
def test_a_pipe_that_nobody_reads_ends_the_command_quietly(
    tmp_path: Path, arguments: list[str]
) -> None:
    write_dataset(tmp_path)
    code = "import sys; from ionbox.cli.main import main; main(sys.argv[1:])"
    reading, writing = os.pipe()
    os.close(reading)
    to_errors = arguments[-1].startswith("missing")
    with os.fdopen(writing) as pipe:
        ended = patience.run(
            [sys.executable, "-c", code, *arguments],
            stdout=pipe,
            stderr=pipe if to_errors else subprocess.PIPE,
            cwd=tmp_path,
            env={name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"},
        )
    assert ended.returncode == 141
    assert not ended.stderr
