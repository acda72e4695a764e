"""The command as people type it: what it prints, where, and its exit code."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from ionbox.cli.main import main

from tests import patience
from tests.imzml_builder import build_pair

PROMISED_FLAGS = (
    "--database --out --config --polarity --analyzer --resolving-power --resolving-power-mz "
    "--isocalc-sigma --adduct --neutral-loss --chem-mod --ppm --isotope-peaks --decoys "
    "--fdr-method --min-px --workers --work --centroid --accept-profile"
)


COMMANDS = [
    *("", "annotate", "check", "simulate", "lipids", "view", "why", "share", "export", "compare"),
    *("deploy", "doctor", "submit", "list", "status", "logs", "cancel", "redrive", "fetch"),
    "destroy",
]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def ionbox(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(int(end.value.code or 0), captured.out, captured.err)

    return run


def write_dataset(folder: Path, **kind: object) -> Path:
    pair = build_pair(**kind)  # type: ignore[arg-type] # whatever a test wants to vary
    path = folder / "small.imzML"
    path.write_bytes(pair.source)
    path.with_suffix(".ibd").write_bytes(pair.ibd)
    return path


def write_database(folder: Path, rows: Sequence[str] = ("1\tglucose\tC6H12O6",)) -> Path:
    path = folder / "sugars.tsv"
    path.write_text("\n".join(["id\tname\tformula", *rows]) + "\n")
    return path


class TestHelp:
    def test_names_every_command(self, ionbox) -> None:
        ended = ionbox("--help")
        assert ended.code == 0
        for command in COMMANDS[1:]:
            assert f"\n    {command} " in ended.out

    def test_of_annotate_names_every_flag_and_has_examples(self, ionbox) -> None:
        out = ionbox("annotate", "--help").out
        assert [flag for flag in PROMISED_FLAGS.split() if flag not in out] == []
        assert "examples:\n  ionbox annotate" in out

    @pytest.mark.parametrize("command", COMMANDS)
    def test_fits_a_terminal_and_has_examples_and_one_table_of_exit_codes(
        self, ionbox, monkeypatch, command: str
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        out = ionbox(*command.split(), "--help").out
        assert [line for line in out.splitlines() if len(line) > 80] == []
        name = command or "check"
        assert re.search(rf"^examples?:\n(  .*\n)*  ionbox {name}\b", out, re.M)
        assert out.count("exit codes") == 1
        own = {"compare": "0 the same   1 different   2 trouble"}
        assert own.get(command, "0 done   1 the input must be corrected") in out

    def test_is_shown_without_loading_numpy(self) -> None:
        code = (
            "import sys; from ionbox.cli.main import build_parser; build_parser(); "
            "print('numpy' in sys.modules)"
        )
        shown = patience.run([sys.executable, "-c", code])
        assert shown.stdout == "False\n"

    def test_an_unknown_flag_is_a_usage_error_of_its_command(self, ionbox) -> None:
        ended = ionbox("compare", "a", "b", "--metric", "msm")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("usage: ionbox compare ")
        assert ended.err.endswith("ionbox compare: error: unrecognized arguments: --metric msm\n")

    def test_no_command_is_a_usage_error_that_shows_the_commands(self, ionbox) -> None:
        ended = ionbox()
        assert (ended.code, ended.out) == (2, "")
        assert "\n    annotate " in ended.err


class TestCheck:
    def test_says_what_a_sound_dataset_is(self, ionbox, tmp_path: Path) -> None:
        ended = ionbox("check", write_dataset(tmp_path))
        assert (ended.code, ended.err) == (0, "")
        for line in (
            "spectra          3 (processed, centroid)",
            "grid             2 x 2 pixels, 75% of them measured",
            "peaks            9, m/z float64, intensity float32",
            "m/z range        100.5000 to 420.0000",
            "polarity         positive",
        ):
            assert line in ended.out
        last = ended.out.splitlines()[-1]
        assert last.endswith("is readable; to annotate it, add --analyzer, --resolving-power")

    def test_takes_the_config_beside_the_dataset_into_account(self, ionbox, tmp_path: Path) -> None:
        dataset = write_dataset(tmp_path)
        settings = {"analyzer": "Q Exactive", "resolving_power": 70_000}
        dataset.with_suffix(".json").write_text(json.dumps(settings))
        assert ionbox("check", dataset).out.splitlines()[-1].endswith("is ready to annotate")
        dataset.with_suffix(".json").write_text('{"ppmm": 3}')
        ended = ionbox("check", dataset)
        assert ended.code == 1
        assert "error: small.json: unknown setting 'ppmm'; did you mean 'ppm'?" in ended.err

    @pytest.mark.parametrize(
        ("settings", "polarity", "power"),
        [
            ({}, "positive", "not stated"),
            ({"resolving_power": 140_000}, "positive", "140,000 (small.json)"),
            (
                {"polarity": "negative", "resolving_power": 7e4, "resolving_power_mz": 400},
                "negative (small.json; the imzML says positive)",
                "70,000 (small.json), at m/z 400 (small.json)",
            ),
            (
                {"polarity": "positive", "isocalc_sigma": 0.0006},
                "positive (small.json)",
                "that of isocalc_sigma 0.0006 Da (small.json)",
            ),
        ],
    )
    def test_says_what_the_config_beside_the_dataset_states(
        self, ionbox, tmp_path: Path, settings: dict[str, object], polarity: str, power: str
    ) -> None:
        dataset = write_dataset(tmp_path)
        dataset.with_suffix(".json").write_text(json.dumps(settings))
        lines = ionbox("check", dataset).out.splitlines()
        assert f"polarity         {polarity}" in lines
        assert f"resolving power  {power}" in lines

    def test_m_z_that_are_no_numbers_are_an_error(self, ionbox, tmp_path: Path) -> None:
        spectra = [([100.5, float("nan"), 300.1], [1.0, 2.0, 3.0])]
        dataset = write_dataset(tmp_path, spectra=spectra, coordinates=[(1, 1)])
        ended = ionbox("check", dataset)
        assert ended.code == 1
        assert "spectrum index 0 has an m/z value of nan" in ended.err

    def test_names_file_place_and_remedy_of_a_truncated_ibd(self, ionbox, tmp_path: Path) -> None:
        dataset = write_dataset(tmp_path)
        ibd = dataset.with_suffix(".ibd")
        ibd.write_bytes(ibd.read_bytes()[:-1])
        ended = ionbox("check", dataset)
        assert ended.code == 1
        assert ended.err.startswith("error: small.ibd is truncated")
        assert "spectrum index 2" in ended.err
        assert "copy or upload it again" in ended.err

    def test_profile_spectra_are_an_error_unless_picked_or_accepted(
        self, ionbox, tmp_path: Path
    ) -> None:
        dataset = write_dataset(tmp_path, spectrum_type="profile")
        refused = ionbox("check", dataset)
        assert refused.code == 1
        assert "--centroid" in refused.err
        assert "--accept-profile" in refused.err
        for flag in ("--centroid", "--accept-profile"):
            accepted = ionbox("check", dataset, flag)
            assert accepted.code == 0
            assert accepted.err.startswith("warning: ")
        assert ionbox("check", dataset, "--centroid", "--accept-profile").code == 1

    def test_peaks_that_would_be_picked_are_counted(self, ionbox, tmp_path: Path) -> None:
        spectrum = [200.000, 200.001, 200.002, 200.003], [0.0, 3.0, 2.0, 0.0]
        pair = build_pair([spectrum] * 3, spectrum_type="profile")
        (tmp_path / "small.imzML").write_bytes(pair.source)
        (tmp_path / "small.ibd").write_bytes(pair.ibd)
        ended = ionbox("check", tmp_path / "small.imzML", "--centroid")
        assert "about 3 picked by ionbox from 12 points of profile spectra" in ended.out

    @pytest.mark.parametrize("name", ["missing.imzML", "small.ibd"])
    def test_the_wrong_file_is_one_sentence(self, ionbox, tmp_path: Path, name: str) -> None:
        write_dataset(tmp_path)
        ended = ionbox("check", tmp_path / name)
        assert ended.code == 1
        assert len(ended.err.splitlines()) == 1
        assert name in ended.err

    def test_every_public_file_gets_facts_or_sentences(self, ionbox, reference: Path) -> None:
        files = sorted((reference / "imzml-corpus").rglob("*.[iI][mM][zZ][mM][lL]"))
        assert len(files) == 68
        codes = {}
        for path in files:
            ended = ionbox("check", path)
            codes[path] = ended.code
            assert ended.code in (0, 1), path
            assert ended.code == 0 or any(
                line.startswith("error: ") and len(line) > 40 for line in ended.err.splitlines()
            ), path
        # The class expected of each file is in tests/science/imzml/test_imzml_corpus.py.
        assert sum(code == 0 for code in codes.values()) == N_FIT_FILES


N_FIT_FILES = 29


class TestOverwriting:
    @pytest.mark.parametrize("existing", ["measured.imzML", "measured.ibd"])
    def test_simulate_spares_measured_data(self, ionbox, tmp_path: Path, existing: str) -> None:
        (tmp_path / existing).write_text("precious")
        ended = ionbox("simulate", "measured.imzML", "--width", "2", "--height", "2", "--ions", "3")
        assert ended.code == 1
        assert "--force to replace it" in ended.err
        assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]

    def test_simulate_names_a_database_that_is_not_there(self, ionbox) -> None:
        ended = ionbox("simulate", "made.imzML", "--database", "nosuch.tsv")
        words = "error: --database: nosuch.tsv cannot be read (No such file or directory); give"
        assert ended.code == 1
        assert ended.err.startswith(words)

    def test_lipids_spares_other_databases(self, ionbox, tmp_path: Path) -> None:
        database = write_database(tmp_path)
        assert ionbox("lipids", database).code == 1
        assert "glucose" in database.read_text()
        assert ionbox("lipids", database, "--force").code == 0
        assert "glucose" not in database.read_text()


class TestAnnotate:
    def test_lists_all_problems_of_all_files_at_once(self, ionbox, tmp_path: Path) -> None:
        dataset = write_dataset(tmp_path)
        dataset.with_suffix(".ibd").write_bytes(b"")
        database = write_database(tmp_path, ["1\tglucose\tC6H12O6", "2\tsalt\tNa.Cl"])
        ended = ionbox("annotate", dataset, "--database", database, "--out", "out", "--ppm", "-1")
        assert ended.code == 1
        for problem in (
            "error: small.ibd is empty",
            "error: ppm (command line): expected a positive number",
            "error: analyzer: the imzML does not say",
            "error: database 'sugars': 1 of 2 rows cannot be used",
            "  line 3: 'Na.Cl'",
        ):
            assert problem in ended.err
        status = json.loads((tmp_path / "out" / "status.json").read_text())
        assert status["status"] == "invalid_input"

    def test_a_folder_of_something_else_is_left_alone(self, ionbox, tmp_path: Path) -> None:
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
        self, ionbox, tmp_path: Path
    ) -> None:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "run.json").write_text('{"job": 7}')
        ended = ionbox(
            *("annotate", write_dataset(tmp_path), "--out", "thesis"),
            *("--database", write_database(tmp_path)),
        )
        assert ended.code == 1
        assert "thesis is not empty and no results folder" in ended.err

    def test_results_of_another_dataset_are_left_alone(self, ionbox, tmp_path: Path) -> None:
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

    def test_a_name_with_control_characters_is_refused(self, ionbox, tmp_path: Path) -> None:
        dataset = write_dataset(tmp_path)
        named = dataset.rename(tmp_path / "a\tb\x1b[2J.imzML")
        for command in (["check"], ["annotate", "--out", "out"]):
            ended = ionbox(command[0], named, *command[1:])
            assert ended.code == 1
            assert "has control characters; rename the files" in ended.err
            assert "\x1b" not in ended.err

    def test_a_failure_beside_older_results_says_whose_they_are(
        self, ionbox, tmp_path: Path
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

    def test_all_missing_settings_are_named_with_their_flags(self, ionbox, tmp_path: Path) -> None:
        dataset = write_dataset(tmp_path, polarity=None)
        ended = ionbox(
            *("annotate", dataset, "--database", write_database(tmp_path), "--out", "out")
        )
        for flag in ("--polarity positive or negative", "--analyzer,", "--resolving-power,"):
            assert f"the imzML does not say; add {flag}" in ended.err

    @pytest.mark.parametrize("name", ["database.xlsx", "database.gz"])
    def test_a_database_that_is_no_table_is_named_for_what_it_is(
        self, ionbox, tmp_path: Path, name: str
    ) -> None:
        start = {"database.xlsx": b"PK\x03\x04", "database.gz": b"\x1f\x8b"}[name]
        (tmp_path / name).write_bytes(start + b"\0" * 50)
        ended = ionbox(
            *("annotate", write_dataset(tmp_path), "--database", tmp_path / name, "--out", "out")
        )
        assert "save it as CSV or TSV" in ended.err

    def test_without_a_database_it_names_the_flag(self, ionbox, tmp_path: Path) -> None:
        ended = ionbox("annotate", write_dataset(tmp_path), "--out", "out")
        assert ended.code == 1
        assert "--database FILE" in ended.err

    def test_ctrl_c_says_how_to_resume(self, ionbox, tmp_path: Path, monkeypatch) -> None:
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

    def annotate(self, ionbox, simulated: Path, *more: object) -> Ended:
        return ionbox(*self.command(simulated, *more))

    def test_are_there_and_the_second_run_reuses_them(
        self, ionbox, simulated, first: Ended, tmp_path
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
    def test_of_other_settings_replace_them_and_say_so(self, ionbox, simulated) -> None:
        wider = self.annotate(ionbox, simulated, "--ppm", "4")
        assert wider.out.splitlines()[-2].endswith("in out, replacing those of other settings")
        again = self.annotate(ionbox, simulated)
        assert again.out.splitlines()[-2].endswith(
            "in out (computed by an earlier run), replacing those of other settings"
        )

    def test_of_other_data_of_the_same_name_are_left_alone(
        self, ionbox, simulated, first: Ended, tmp_path: Path
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

    def test_a_flag_overrides_the_files_own_word_with_a_warning(self, ionbox, simulated) -> None:
        ended = self.annotate(ionbox, simulated, "--analyzer", "fticr")
        assert ended.code == 0
        assert "warning: analyzer: fticr (command line) overrides" in ended.err

    def test_a_pair_of_lithops_configs_is_understood(self, ionbox, simulated, tmp_path) -> None:
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

    def test_adducts_may_be_written_as_in_the_table(self, ionbox, simulated, tmp_path) -> None:
        self.annotate(ionbox, simulated, "--adduct", "M+Na", "--adduct", "[M+K]+")
        config = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
        assert config["adducts"] == ["+H", "+Na", "+K"]

    @pytest.mark.usefixtures("first")
    def test_each_row_finds_its_images(self, tmp_path) -> None:
        table = pd.read_csv(tmp_path / "out" / "annotations.csv", comment="#")
        images = zarr.open_group(tmp_path / "out" / "ion_images.zarr", mode="r")["images"]
        image_of = images.attrs["image_of"]
        brightest = [float(images[image_of[ion], 0].max()) for ion in table["ion"]]
        np.testing.assert_allclose(brightest, table["maxIntensity"], rtol=1e-5)
        assert images.metadata.dimension_names == ("ion", "isotope", "y", "x")

    def test_a_terminal_without_unicode_gets_a_summary(
        self, ionbox, simulated, monkeypatch
    ) -> None:
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1"))
        ended = self.annotate(ionbox, simulated)
        sys.stdout.flush()
        assert ended.code == 0
        assert b"FDR ? 5%" in raw.getvalue()

    def test_signed_values_need_no_equals_sign(self, ionbox, simulated, tmp_path) -> None:
        ended = self.annotate(ionbox, simulated, "--neutral-loss", "-H2O", "--adduct", "+Na")
        assert ended.code == 0
        config = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
        assert (config["adducts"], config["neutral_losses"]) == (["+H", "+Na"], ["-H2O"])


def test_colours_and_markup_stay_out_of_a_file(ionbox, tmp_path: Path) -> None:
    (tmp_path / "[red]x.imzML").write_text("no xml")
    ended = ionbox("check", tmp_path / "[red]x.imzML")
    assert "\x1b[" not in ended.err + ended.out
    assert "[red]x.imzML" in ended.err


def test_no_colour_means_no_colour_on_a_terminal_either(ionbox, monkeypatch) -> None:
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
