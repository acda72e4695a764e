"""How much memory a call on a whole run needs, and on which rung of the ladder it starts.

PlanRun predicts what the states after it need, from what the plan knows: ions, spectra, segments.
EstimateFdr predicts PublishResults anew, because only then it is known how many images there are.
PlanRun itself comes before any plan: it looks how large the imzML is before it reads it, and asks
for a larger function, as one does that was killed for its memory, if it will not do.

The predictions are fits, like those of Maps' items (`ionbox_cloud.planning.work_items`).
"""

from __future__ import annotations

from ionbox_science.errors import InvalidDataset
from ionbox_science.theory.ion_rule import count_modifiers, count_pairs

from ionbox_cloud.ladder import Ladder
from ionbox_cloud.messages import DatasetFiles, PlannedCall
from ionbox_cloud.planning.read_ahead import MOST_BYTES
from ionbox_cloud.run_plan import RunPlan
from ionbox_cloud.store import Store

MB = 1 << 20
"""Bytes."""

# Measured in fresh processes on runs of 12,000 and 45,000 formulas, 4,800 and 160,000 spectra, 100
# to 37,000 images, and an imzML of 1 GB; run.json shows how well they hold.
_BASE_MEMORY_MB = 100  # interpreter, libraries, what earlier calls left behind
_BYTES_PER_IMZML_BYTE = 1.15  # its bytes once, and what it says as columns
_BYTES_PER_FORMULA = 1300  # rows of the database as text and parsed, elements
_BYTES_PER_PAIR = 16  # modifier and ion of a decoy, and the same as a file
_BYTES_PER_ION = 45  # fingerprint, order, group and number
_BYTES_PER_RANKED_ION = 500  # ion table, scores, and what is published of them, most being found
_BYTES_PER_FIRST_PASS = 12  # m/z error of one ion in ten, as it is read and as columns
_BYTES_PER_SPAN_SEGMENT = 24  # peaks and checksum, and both of all spans together
_BYTES_PER_SPECTRUM = 120  # header, and the total ion current
_BYTES_PER_TIC_PIXEL = 90  # its picture, and copies of it while it is written
_BYTES_PER_PUBLISHED_SPECTRUM = 560  # the index of spectra as it is compressed, pictures
_BYTES_PER_IMAGE_PIXEL = 2
_MOST_PREPARED_MB = 256  # of images to colocalize: larger ones are averaged
_BYTES_PER_COMPARED_IMAGE = 10_000  # its partners, as they are read, as ions, and as written
_BYTES_PER_IMAGE = 13_000  # rows of the table, pictures and data of the page


def read_memory_mb(imzml_bytes: int, read_ahead_bytes: int) -> int:
    """Predict the memory in MB of PlanRun.

    Parameters
    ----------
    imzml_bytes : int
        Size of the imzML; all of it is read.
    read_ahead_bytes : int
        What is read of the ibd at once; nothing where reading costs no request.
    """
    n_bytes = int(imzml_bytes * _BYTES_PER_IMZML_BYTE) + read_ahead_bytes
    return _BASE_MEMORY_MB + n_bytes // MB


def require_memory(files: DatasetFiles, inbox: Store, rung: int, ladder: Ladder) -> int:
    """Make sure that a dataset can be planned in this function, before its imzML is read.

    Parameters
    ----------
    files : DatasetFiles
        Where imzML and ibd are.
    inbox : Store
        Says how large they are.
    rung : int
        On which rung of PlanRun this is, from 0.
    ladder : Ladder
        Sizes of the functions of this deployment.

    Returns
    -------
    int
        Memory that the call should need, MB; that of an empty file if there is none.

    Raises
    ------
    InvalidDataset
        If the largest function would not do.
    MemoryError
        If only a larger one than this will do: the state machine calls it.
    """
    imzml = inbox.facts(files.imzml_key)
    ibd = inbox.facts(files.ibd_key) if inbox.is_remote else None
    n_bytes = imzml.n_bytes if imzml else 0
    ahead = min(ibd.n_bytes, MOST_BYTES) if ibd else 0
    memory_mb = read_memory_mb(n_bytes, ahead)
    if not ladder.fits("PlanRun", memory_mb):
        top_mb = ladder.top_mb("PlanRun")
        raise InvalidDataset(
            f"{files.name}: its imzML has {n_bytes / 1e6:,.0f} MB, and planning takes "
            f"{memory_mb:,} MB of memory; the largest PlanRun function has {top_mb:,} MB, which is "
            f"enough for {_most_imzml_bytes(ladder, ahead) / 1e6:,.0f} MB of imzML: deploy with a "
            "higher max_lambda_mb (10,240 at most), or split the dataset by region"
        )
    if rung < ladder.start_rung("PlanRun", memory_mb):
        raise MemoryError(
            f"{n_bytes / 1e6:,.0f} MB of imzML take {memory_mb:,} MB of memory: not read here, but "
            "in a larger function"
        )
    return memory_mb


def _most_imzml_bytes(ladder: Ladder, read_ahead_bytes: int) -> int:
    left = (ladder.most_mb("PlanRun") - _BASE_MEMORY_MB) * MB - read_ahead_bytes
    return int(max(0, left) / _BYTES_PER_IMZML_BYTE)


def plan_calls(plan: RunPlan, ladder: Ladder) -> dict[str, PlannedCall]:
    """Predict the memory of each call on the whole run; say where it starts."""
    rule, n_formulas = plan.config.ion_rule, plan.n_formulas
    n_pairs, n_ions = n_formulas * count_pairs(rule), n_formulas * count_modifiers(rule)
    n_spans, n_pixels = max(0, len(plan.span_cuts) - 1), plan.width * plan.height
    of_spectra = plan.n_spectra * _BYTES_PER_SPECTRUM
    of_tic = n_pixels * _BYTES_PER_TIC_PIXEL
    of_spans = n_spans * plan.n_segments * _BYTES_PER_SPAN_SEGMENT
    needed = {
        "PlanMerge": _megabytes(of_spans + of_spectra),
        "FinishSegments": _megabytes(of_spectra + of_tic),
        "BuildIons": _megabytes(
            n_formulas * _BYTES_PER_FORMULA + n_pairs * _BYTES_PER_PAIR + n_ions * _BYTES_PER_ION
        ),
        # counts of segments and of chunks of patterns: next to nothing
        "PlanRecalibration": _megabytes(0),
        "PlanAnnotation": _megabytes(n_ions * _BYTES_PER_FIRST_PASS),
        # all databases at once, as they compete
        "EstimateFdr": _megabytes(len(plan.databases) * n_ions * _BYTES_PER_RANKED_ION + of_tic),
        # of a run that draws nothing; EstimateFdr knows better
        "PublishResults": publish_memory_mb(plan, 0),
    }
    return {state: plan_call(state, memory_mb, ladder) for state, memory_mb in needed.items()}


def plan_call(state: str, memory_mb: int, ladder: Ladder) -> PlannedCall:
    """Say where a call starts that should need ``memory_mb``."""
    return PlannedCall(memory_mb, ladder.start_rung(state, memory_mb))


def publish_memory_mb(plan: RunPlan, n_images: int, *, are_compared: bool = False) -> int:
    """Predict the memory in MB of PublishResults, from the number of ions that have images.

    If ``are_compared``, CompareImages has found their partners, and they are not read.
    """
    prepared = n_images * plan.width * plan.height * _BYTES_PER_IMAGE_PIXEL
    to_compare = min(prepared, _MOST_PREPARED_MB * MB)
    n_molecules = sum(database.n_molecules for database in plan.databases)
    return _megabytes(
        (n_images * _BYTES_PER_COMPARED_IMAGE if are_compared else to_compare)
        + n_images * _BYTES_PER_IMAGE
        + n_molecules * _BYTES_PER_FORMULA
        + plan.n_spectra * _BYTES_PER_PUBLISHED_SPECTRUM
    )


def _megabytes(n_bytes: int) -> int:
    return _BASE_MEMORY_MB + n_bytes // MB
