"""Images of any m/z, spectra and input files: from where a run was computed, and from buckets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import ionbox
import numpy as np
import pytest
from ionbox.errors import BadQuestion, Gone, NotFound, NotInResults, UserMustAct
from ionbox.inbox.dataset import InboxDataset
from ionbox.run import Run
from ionbox_science.errors import InvalidConfig
from ionbox_science.imzml.header import read_header
from ionbox_science.imzml.spectra import read_peaks
from ionbox_science.scoring.ion_images import Grid, extract_images, find_windows

from tests.client.operating import Command
from tests.client.small_run import upload
from tests.oracles.peak_sorting import sort_peaks

SEGMENTS_GONE = (
    "the dataset's sorted peaks have expired or were deleted; 'ionbox annotate … --force' makes "
    "them anew"
)


@pytest.fixture
def run(results: Path) -> Run:
    return ionbox.open(results)


def results_uri(run: Run, bucket: str) -> str:
    return f"s3://{bucket}/results/{run.metadata['id']}/{run.id}"


@pytest.fixture
def in_buckets(bucket_results: str, aws_server: str, results: Path) -> Run:
    """The run, its segments and its input as they lie on AWS."""
    run = ionbox.open(results)
    s3 = boto3.client("s3", endpoint_url=aws_server, region_name="us-east-1")
    s3.create_bucket(Bucket="results-bucket")
    s3.create_bucket(Bucket="inbox-bucket")
    kept = results.parent / "work" / "results"
    for folder in (
        f"results/{run.metadata['id']}/{run.id}",
        f"segments/{run.record['segments_id']}",
    ):
        upload(kept / folder, s3, "results-bucket", folder)
    key = run.record["sources"]["ibd"]
    for suffix in (".ibd", ".imzML"):
        data = (results.parent / f"tissue{suffix}").read_bytes()
        s3.put_object(Bucket="inbox-bucket", Key=key.replace(".ibd", suffix), Body=data)
    s3.close()
    return ionbox.open(results_uri(run, "results-bucket"), inbox="s3://inbox-bucket")


@pytest.fixture
def moved(results: Path, tmp_path: Path) -> Path:
    """A copy of the run with its data, which a test may spoil."""
    root = tmp_path / "moved"
    shutil.copytree(results.parent, root)
    sources = {"results": str(root / "work" / "results"), "ibd": str(root / "tissue.ibd")}
    (root / "results" / "sources.json").write_text(json.dumps(sources))
    return root


def peaks_of(folder: Path) -> tuple[Any, Any]:
    """The dataset's header and sorted peaks, straight from its files."""
    header = read_header((folder / "tissue.imzML").read_bytes(), "tissue.imzML")
    ibd = (folder / "tissue.ibd").read_bytes()
    return header, sort_peaks(read_peaks(header, lambda offset, n: ibd[offset : offset + n]))


# --- any m/z ---


@pytest.mark.parametrize("ppm", [None, 0.5, 40.0])
def test_an_image_of_any_mz_is_that_of_the_imzml(
    run: Run, results: Path, ppm: float | None
) -> None:
    header, peaks = peaks_of(results.parent)
    mz = run.results()["mz"].iloc[0] + 0.0004
    windows = find_windows(peaks.mz, np.array([[mz]]), 3.0 if ppm is None else ppm)
    expected = extract_images(peaks, windows, Grid(header.mask))[0, 0]
    image = run.mz_image(mz, ppm)
    assert image.dtype == np.float32
    assert image.any()
    np.testing.assert_array_equal(image, expected)


def test_an_image_of_any_mz_at_an_ion_is_its_isotope_image(run: Run) -> None:
    for ion in run.annotations(1)[:5]:
        images = run.isotope_images(*ion)
        np.testing.assert_array_equal(run.mz_image(images.peak(0)), images[0])


@pytest.mark.usefixtures("futures_fail")
def test_no_thread_of_rust_is_left_to_end_a_reading(results: Path) -> None:
    run = ionbox.open(results)
    ion = run.results().index[0]
    assert np.asarray(run.isotope_images(*ion)[0]).any()
    assert run.tic_image().any()


def test_bucket_and_work_folder_give_the_same(run: Run, in_buckets: Run, results: Path) -> None:
    kept = results.parent / "work/results/results" / run.metadata["id"] / run.id
    for other in (in_buckets, ionbox.open(kept)):
        np.testing.assert_array_equal(other.mz_image(300.2, 5000), run.mz_image(300.2, 5000))
        for ours, theirs in zip(other.spectrum(4, 5), run.spectrum(4, 5), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert run.mz_image(300.2, 5000).any()


def test_a_run_finds_its_data_from_another_folder(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results.parent)
    run = ionbox.open("results")
    monkeypatch.chdir(tmp_path)
    assert run.mz_image(300.2, 5000).any()


@pytest.mark.parametrize(
    ("mz", "ppm", "words"),
    [
        ("300", None, "m/z: expected a number above 0, got '300'"),
        (300, "3", "ppm: expected a number above 0, got '3'"),
        (-4, None, "m/z: expected a number above 0, got -4"),
        (float("nan"), None, "m/z: expected a number above 0"),
        (300, 0, "ppm: expected a number above 0, at most 100000, got 0"),
    ],
)
def test_numbers_that_make_no_sense(run: Run, mz: float, ppm: float | None, words: str) -> None:
    with pytest.raises(BadQuestion, match=words):
        run.mz_image(mz, ppm)


def test_segments_that_are_gone_are_said_as_by_the_viewer(moved: Path) -> None:
    shutil.rmtree(moved / "work" / "results" / "segments")
    with pytest.raises(Gone, match=SEGMENTS_GONE):
        ionbox.open(moved / "results").mz_image(300)
    (moved / "results" / "sources.json").unlink()
    with pytest.raises(Gone, match="sorted peaks are not beside these results; 'ionbox view RUN'"):
        ionbox.open(moved / "results").mz_image(300)


def test_segments_that_are_gone_from_a_bucket_are_said(bucket_results: str) -> None:
    with pytest.raises(Gone, match=SEGMENTS_GONE):
        ionbox.open(bucket_results).mz_image(300)


# --- spectra ---


def test_the_spectrum_of_a_pixel_is_that_of_the_ibd(run: Run, results: Path) -> None:
    header, peaks = peaks_of(results.parent)
    for x, y in ((0, 0), (15, 11), (3, 5)):
        here = peaks.pixel == y * header.width + x
        mz, intensity = run.spectrum(x, y)
        np.testing.assert_array_equal(mz, peaks.mz[here])
        np.testing.assert_array_equal(intensity, peaks.intensity[here])
    with pytest.raises(NotFound, match=r"no pixel 16, 0: images have 16 x 12 pixels"):
        run.spectrum(16, 0)
    with pytest.raises(BadQuestion, match=r"x: expected a whole number, got 1\.5"):
        run.spectrum(1.5, 2)  # type: ignore[arg-type]
    place: Any = np.array([3, 5])  # of numpy's integers, which are as good as Python's
    assert run.spectrum(*place)[0].size


def test_a_bucket_alone_does_not_say_where_its_inbox_is(bucket_results: str) -> None:
    run = ionbox.open(bucket_results)
    words = r"open the run with ionbox\.Inbox\(\)\.dataset\(NAME\), or with ionbox\.open\(…, inbox="
    with pytest.raises(Gone, match=words):
        run.spectrum(0, 0)
    with pytest.raises(NotInResults, match=rf"{words}.*; copy_to\(path\) copies the results"):
        run.download_to_dir("input")


def test_the_inbox_says_where_the_dataset_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "ionbox.inbox.dataset.open_run", lambda uri, **more: asked.update(more, uri=uri)
    )
    known = InboxDataset(
        *("brain", "r1", "succeeded", None, 5, 0.1, "", "s3://results/results/d/r"),
        _inbox="s3://inbox",
    )
    known.open()
    assert asked["inbox"] == "s3://inbox"


# --- files ---


def test_the_input_is_copied_as_by_metaspaces_client(
    run: Run, in_buckets: Run, results: Path, tmp_path: Path
) -> None:
    run.download_to_dir(tmp_path / "here")
    in_buckets.download_to_dir(str(tmp_path / "there"), base_name="section")
    for folder, name in (("here", "tissue"), ("there", "section")):
        made = tmp_path / folder
        assert {path.name for path in made.iterdir()} == {f"{name}.ibd", f"{name}.imzML"}
        for suffix in (".ibd", ".imzML"):
            source = results.parent / f"tissue{suffix}"
            assert (made / f"{name}{suffix}").read_bytes() == source.read_bytes()


def test_what_is_there_already_stays(run: Run, tmp_path: Path) -> None:
    run.download_to_dir(tmp_path)
    written = (tmp_path / "tissue.ibd").stat().st_mtime_ns
    run.download_to_dir(tmp_path)
    assert (tmp_path / "tissue.ibd").stat().st_mtime_ns == written
    (tmp_path / "tissue.ibd").write_bytes(b"mine")
    with pytest.raises(InvalidConfig, match=r"tissue\.ibd is another file; give another folder or"):
        run.download_to_dir(tmp_path)
    with pytest.raises(InvalidConfig, match="base_name: 'a/b' cannot be a file's name"):
        run.download_to_dir(tmp_path, base_name="a/b")


def test_input_that_is_gone_or_another_is_not_copied(moved: Path, tmp_path: Path) -> None:
    run = ionbox.open(moved / "results")
    imzml, ibd = moved / "tissue.imzML", moved / "tissue.ibd"
    whole = ibd.read_bytes()
    ibd.write_bytes(bytes(len(whole)))
    with pytest.raises(NotInResults, match=r"tissue\.ibd was changed since it was annotated"):
        run.download_to_dir(tmp_path / "a")
    assert not list((tmp_path / "a").iterdir())
    ibd.write_bytes(whole)
    imzml.rename(moved / "other.imzML")
    with pytest.raises(NotInResults, match=r"there is no imzML beside tissue\.ibd any more"):
        run.download_to_dir(tmp_path / "b")
    ibd.unlink()
    with pytest.raises(NotInResults, match=r"the ibd is no longer at .*; copy_to\(path\) copies"):
        ionbox.open(moved / "results").download_to_dir(tmp_path / "c")
    (moved / "results" / "sources.json").unlink()
    with pytest.raises(NotInResults, match=r"these results do not say.*; copy_to\(path\) copies"):
        ionbox.open(moved / "results").download_to_dir(tmp_path / "d")


def test_results_are_not_copied_over_something_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(InvalidConfig, match=r"^path: .* is not empty and no results folder"):
        run.copy_to(tmp_path)


def test_a_bucket_without_a_region_is_said_in_python(
    bucket_results: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(UserMustAct, match="no AWS region set; add region='NAME', for example"):
        ionbox.open(bucket_results)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_another_endpoint_of_s3_is_named_by_the_environment_alone(
    in_buckets: Run, aws_server: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST"):
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, aws_server)
    run = ionbox.open(results_uri(in_buckets, "results-bucket"), inbox="s3://inbox-bucket")
    assert len(run.results())
    assert run.tic_image().any()
    assert run.mz_image(300.2, 5000).any()
    assert run.spectrum(3, 5)[0].size


def test_without_credentials_they_are_asked_for(
    bucket_results: str, monkeypatch: pytest.MonkeyPatch, operate: Command
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UserMustAct, match=r"no AWS credentials found; .* with profile='NAME'"):
        ionbox.open(bucket_results)
    said = "no AWS credentials found; run 'aws configure' or 'aws sso login', or name a profile"
    for command in (["view", bucket_results], ["export", bucket_results, "--to=png", "--out=x"]):
        ended = operate(*command)
        assert (ended.code, ended.err) == (1, f"error: {said} with --profile NAME\n")


@pytest.mark.parametrize("suffix", [".ImzML", ".imzml", ".IMZML"])
def test_the_imzml_is_found_in_whatever_case_its_extension_is(
    moved: Path, tmp_path: Path, suffix: str
) -> None:
    (moved / "tissue.imzML").rename(moved / f"tissue{suffix}")
    ionbox.open(moved / "results").download_to_dir(tmp_path / "here")
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        "tissue.ibd",
        f"tissue{suffix}",
    }
