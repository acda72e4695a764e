"""The command as people type it: what it prints, where, and its exit code."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests import patience
from tests.client.cli.typing_commands import write_database, write_dataset
from tests.client.operating import Command
from tests.imzml_builder import build_pair

PROMISED_FLAGS = (
    "--database --out --config --polarity --analyzer --resolving-power --resolving-power-mz "
    "--isocalc-sigma --adduct --neutral-loss --chem-mod --ppm --isotope-peaks --decoys "
    "--fdr-method --min-px --workers --work --centroid --accept-profile"
)


COMMANDS = [
    *("", "annotate", "check", "estimate", "simulate", "calibrate", "lipids"),
    *("view", "why", "share", "export", "compare"),
    *("deploy", "doctor", "submit", "list", "status", "logs", "cancel", "redrive", "fetch"),
    "destroy",
]


class TestHelp:
    def test_names_every_command(self, ionbox: Command) -> None:
        ended = ionbox("--help")
        assert ended.code == 0
        for command in COMMANDS[1:]:
            assert f"\n    {command} " in ended.out

    def test_of_annotate_names_every_flag_and_has_examples(self, ionbox: Command) -> None:
        out = ionbox("annotate", "--help").out
        assert [flag for flag in PROMISED_FLAGS.split() if flag not in out] == []
        assert "examples:\n  ionbox annotate" in out

    @pytest.mark.parametrize("command", COMMANDS)
    def test_fits_a_terminal_and_has_examples_and_one_table_of_exit_codes(
        self, ionbox: Command, monkeypatch: pytest.MonkeyPatch, command: str
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

    def test_an_unknown_flag_is_a_usage_error_of_its_command(self, ionbox: Command) -> None:
        ended = ionbox("compare", "a", "b", "--metric", "msm")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("usage: ionbox compare ")
        assert ended.err.endswith("ionbox compare: error: unrecognized arguments: --metric msm\n")

    @pytest.mark.parametrize(
        ("words", "meant"),
        [
            (["anotate", "x.imzML"], "; did you mean annotate?"),
            (["simulat"], "; did you mean simulate?"),
        ],
    )
    def test_a_mistyped_word_is_told_what_was_probably_meant(
        self, ionbox: Command, words: list[str], meant: str
    ) -> None:
        ended = ionbox(*words)
        assert ended.code == 2
        assert ended.err.rstrip().endswith(meant)

    def test_a_word_like_no_other_is_only_refused(self, ionbox: Command) -> None:
        ended = ionbox("xyzzy")
        assert ended.code == 2
        assert "did you mean" not in ended.err

    def test_no_command_is_a_usage_error_that_shows_the_commands(self, ionbox: Command) -> None:
        ended = ionbox()
        assert (ended.code, ended.out) == (2, "")
        assert "\n    annotate " in ended.err


class TestCheck:
    def test_says_what_a_sound_dataset_is(self, ionbox: Command, tmp_path: Path) -> None:
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

    def test_counts_the_ions_of_the_databases_that_the_sidecar_names(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        dataset = write_dataset(tmp_path)
        write_database(tmp_path, [f"{i}\tx\tC{i}H60O9" for i in range(1, 41)])
        many = {
            "adducts": [f"+C{i}" for i in range(1, 41)],
            "neutral_losses": [f"-O{i}" for i in range(1, 41)],
            "chem_mods": [f"+S{i}" for i in range(1, 41)],
            "databases": ["sugars.tsv"],
        }
        dataset.with_suffix(".json").write_text(json.dumps(many))
        ended = ionbox("check", dataset)
        assert ended.code == 1
        assert "40 formulas x 67,240 modifiers x 21" in " ".join(ended.err.split())
        few = {**many, "neutral_losses": [], "databases": ["sugars.tsv", "of-an-installation"]}
        dataset.with_suffix(".json").write_text(json.dumps(few))
        assert ionbox("check", dataset).code == 0

    def test_takes_the_config_beside_the_dataset_into_account(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
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
        self,
        ionbox: Command,
        tmp_path: Path,
        settings: dict[str, object],
        polarity: str,
        power: str,
    ) -> None:
        dataset = write_dataset(tmp_path)
        dataset.with_suffix(".json").write_text(json.dumps(settings))
        lines = ionbox("check", dataset).out.splitlines()
        assert f"polarity         {polarity}" in lines
        assert f"resolving power  {power}" in lines

    def test_m_z_that_are_no_numbers_are_an_error(self, ionbox: Command, tmp_path: Path) -> None:
        spectra = [([100.5, float("nan"), 300.1], [1.0, 2.0, 3.0])]
        dataset = write_dataset(tmp_path, spectra=spectra, coordinates=[(1, 1)])
        ended = ionbox("check", dataset)
        assert ended.code == 1
        assert "spectrum index 0 has an m/z value of nan" in ended.err

    def test_names_file_place_and_remedy_of_a_truncated_ibd(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        dataset = write_dataset(tmp_path)
        ibd = dataset.with_suffix(".ibd")
        ibd.write_bytes(ibd.read_bytes()[:-1])
        ended = ionbox("check", dataset)
        assert ended.code == 1
        assert ended.err.startswith("error: small.ibd is truncated")
        assert "spectrum index 2" in ended.err
        assert "copy or upload it again" in ended.err

    def test_profile_spectra_are_an_error_unless_picked_or_accepted(
        self, ionbox: Command, tmp_path: Path
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

    @pytest.mark.parametrize(("most_to_read", "n_picked"), [(2**31, "3"), (0, "about 3")])
    def test_peaks_that_would_be_picked_are_counted(
        self,
        ionbox: Command,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        most_to_read: int,
        n_picked: str,
    ) -> None:
        monkeypatch.setattr("ionbox.datasets.check.MOST_TO_READ", most_to_read)
        spectrum = [200.000, 200.001, 200.002, 200.003], [0.0, 3.0, 2.0, 0.0]
        pair = build_pair([spectrum] * 3, spectrum_type="profile")
        (tmp_path / "small.imzML").write_bytes(pair.source)
        (tmp_path / "small.ibd").write_bytes(pair.ibd)
        ended = ionbox("check", tmp_path / "small.imzML", "--centroid")
        words = f"peaks            {n_picked} picked by ionbox from 12 points of profile spectra"
        assert words in ended.out
        assert "m/z range        200.001" in ended.out

    @pytest.mark.parametrize("name", ["missing.imzML", "small.ibd"])
    def test_the_wrong_file_is_one_sentence(
        self, ionbox: Command, tmp_path: Path, name: str
    ) -> None:
        write_dataset(tmp_path)
        ended = ionbox("check", tmp_path / name)
        assert ended.code == 1
        assert len(ended.err.splitlines()) == 1
        assert name in ended.err

    def test_every_public_file_gets_facts_or_sentences(
        self, ionbox: Command, reference: Path
    ) -> None:
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
    def test_simulate_spares_measured_data(
        self, ionbox: Command, tmp_path: Path, existing: str
    ) -> None:
        (tmp_path / existing).write_text("precious")
        ended = ionbox("simulate", "measured.imzML", "--width", "2", "--height", "2", "--ions", "3")
        assert ended.code == 1
        assert "--force to replace it" in ended.err
        assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]

    def test_simulate_names_every_file_it_wrote(self, ionbox: Command, tmp_path: Path) -> None:
        ended = ionbox("simulate", "made.imzML", "--width", "2", "--height", "2", "--ions", "3")
        assert ended.code == 0
        written = [path.name for path in tmp_path.iterdir() if path.name.startswith("made")]
        assert len(written) == 4
        assert [name for name in written if name not in ended.out] == []

    def test_simulate_makes_data_as_hard_as_real_data(
        self, ionbox: Command, tmp_path: Path
    ) -> None:
        sizes = ("--width", "4", "--height", "4", "--ions", "5", "--noise", "5")
        ended = ionbox("simulate", "made.imzML", *sizes, "--realism", "real")
        assert ended.code == 0
        heads, *_ = (tmp_path / "made_truth.csv").read_text().splitlines()
        assert heads.endswith(",kind,loss,line_ppm,bias_ppm")
        assert ionbox("simulate", "other.imzML", "--realism", "surreal").code == 2

    def test_simulate_names_a_database_that_is_not_there(self, ionbox: Command) -> None:
        ended = ionbox("simulate", "made.imzML", "--database", "nosuch.tsv")
        words = "error: --database: nosuch.tsv cannot be read (No such file or directory); give"
        assert ended.code == 1
        assert ended.err.startswith(words)

    def test_lipids_spares_other_databases(self, ionbox: Command, tmp_path: Path) -> None:
        database = write_database(tmp_path)
        assert ionbox("lipids", database).code == 1
        assert "glucose" in database.read_text()
        assert ionbox("lipids", database, "--force").code == 0
        assert "glucose" not in database.read_text()
