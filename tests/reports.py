"""Made-up reports: as many annotations, pixels and odd names as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ionbox_cloud.records.run_record import (
    Bill,
    DatabaseRecord,
    DatasetRecord,
    RecalibrationRecord,
    RunRecord,
    StateTotals,
    SummaryRow,
    Versions,
)
from ionbox_cloud.report.report_file import Overview, ReportImages, make_report
from ionbox_cloud.report.rows import Partner
from ionbox_cloud.run_plan import Forecast
from ionbox_cloud.stored.annotations import FoundDatabase
from ionbox_cloud.stored.file_records import IbdChecksum
from ionbox_cloud.stored.label_fractions import ReportedFraction
from ionbox_cloud.stored.pictures import PicturePacker, Pictures
from ionbox_science.annotation.quality import ScoreTally
from ionbox_science.annotation.table import AnnotatedDatabase, name_ions, summarise
from ionbox_science.config import RunConfig
from ionbox_science.scoring.fdr import FDR_LEVELS
from ionbox_science.setting_table import Scoring

from tests.builders import build_annotations, build_database, draw_blob

CONFIG = RunConfig("positive", "orbitrap", 0.000607, ("+H", "+Na"))
N_ISOTOPES = 4
CODE = "<img src=x onerror=window.ran=1><script>window.ran=1</script></script>&\u2028"


@dataclass
class MadeUp:
    """What a report is made of."""

    n: int = 40
    width: int = 24
    height: int = 16
    dataset: str = "made-up section"
    molecules: Callable[[int], list[str]] = lambda i: [f"molecule {i}"]
    databases: Sequence[str] = ("lipids",)
    pixel_size_um: tuple[float, float] | None = (20.0, 20.0)
    missing: Sequence[tuple[int, int]] = ((0, 0),)
    warnings: Sequence[str] = ()
    forecast: Forecast | None = None
    partners: dict[str, list[Partner]] = field(default_factory=dict)
    max_bytes: int = 25_000_000
    tally: ScoreTally | None = None
    scoring: Scoring = "msm"
    fractions: Sequence[ReportedFraction] = ()
    error_ppm: Callable[[int], float] = lambda i: float(np.sin(i))
    explained: Mapping[int, str] = field(default_factory=dict)
    recalibration: RecalibrationRecord | None = None

    def __post_init__(self) -> None:
        generator = np.random.default_rng(1)
        shape = (self.n, N_ISOTOPES, self.height, self.width)
        middles = [generator.uniform(0, 1, 2) * (self.height, self.width) for _ in range(8)]
        blobs = [draw_blob(self.height, self.width, y, x, self.height / 4) for y, x in middles]
        strength = generator.lognormal(5, 2, (self.n, 1, 1, 1))
        decay = 0.5 ** np.arange(N_ISOTOPES)[None, :, None, None]
        kinds = np.array(blobs, np.float32)[np.arange(self.n) % 8][:, None]
        # step by step and in float32: the largest are 320 MB
        self.images = generator.random(shape, np.float32)
        self.images *= 0.5
        self.images += 0.5
        self.images *= kinds
        self.images *= (strength * decay).astype(np.float32)
        self.images[:, :, self.mask == 0] = 0

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Measured pixels."""
        mask = np.ones((self.height, self.width), bool)
        for y, x in self.missing:
            mask[y, x] = False
        return mask

    def found(self) -> list[FoundDatabase]:
        """Split the annotations evenly among the databases, best first."""
        return [self._found(name, at) for at, name in enumerate(self.databases)]

    def _found(self, name: str, at: int) -> FoundDatabase:
        rows: list[dict[str, Any]] = []
        molecules: list[tuple[str, str, str]] = []
        for i in range(at, self.n, len(self.databases)):
            formula = f"C{10 + i}H{20 + i}O{1 + i % 5}"
            molecules += [(f"ID{i}-{k}", text, formula) for k, text in enumerate(self.molecules(i))]
            totals = self.images[i].sum(axis=(1, 2), dtype=np.float64)
            rows.append(
                {
                    "formula": formula,
                    "adduct": CONFIG.adducts[i % 2],
                    "fdr": 1.0 if i in self.explained else 0.01 + 0.6 * i / self.n,
                    "fdr_alone": 0.01 + 0.6 * i / self.n,
                    "explained_by": self.explained.get(i, ""),
                    "msm": 1 - i / self.n,
                    "mz_error_abs": self.error_ppm(i) * (200 + 0.4 * i) * 1e-6,
                    "pattern_mz": [200 + 0.4 * i + 1.003 * k for k in range(N_ISOTOPES)],
                    "pattern_intensity": [100 * 0.5**k for k in range(N_ISOTOPES)],
                    "total_intensity": totals.tolist(),
                    "max_intensity": self.images[i].max(axis=(1, 2)).tolist(),
                    "min_intensity": [0.0] * N_ISOTOPES,
                }
            )
        annotations = build_annotations(rows or [{}], N_ISOTOPES).take(slice(0, len(rows)))
        molecules = molecules or [("X", "nothing", "C9H9")]
        annotated = AnnotatedDatabase(build_database(molecules, name), annotations)
        msm = annotated.annotations.msm.tolist()
        targets = np.histogram(msm, 50, (0, 1))[0]
        tally = self.tally or ScoreTally(
            200 + len(rows), 50 + len(rows), max(msm, default=0.25), 0.5
        )
        return FoundDatabase(annotated, 3, np.array([targets, targets[::-1] / 20]), tally)

    def image_of(self) -> dict[str, int]:
        """Rows of the images by ion."""
        return {
            ion: at + row * len(self.databases)
            for at, each in enumerate(self.found())
            for row, ion in enumerate(name_ions(each.annotated.annotations, "positive"))
        }

    def pictures(self) -> list[Pictures]:
        """The pictures as two calls of RenderImages leave them."""
        found = []
        places = np.arange(self.n * N_ISOTOPES).reshape(self.n, N_ISOTOPES)
        for start, stop in ((0, self.n // 2), (self.n // 2, self.n)):
            packer = PicturePacker(places[start:stop])
            packer.add(0, self.images[start:stop])
            found.append(packer.pictures())
        return found

    def record(self) -> RunRecord:
        """A run record."""
        found = self.found()
        rows = summarise([each.annotated for each in found], CONFIG.ion_rule, FDR_LEVELS)
        return RunRecord(
            run_id="0" * 32,
            dataset=DatasetRecord(
                "1" * 32,
                self.dataset,
                n_spectra=int(self.mask.sum()),
                n_peaks=123456,
                width=self.width,
                height=self.height,
                pixel_size_um=self.pixel_size_um,
                ibd_bytes=1000,
                ibd_checksum=IbdChecksum("sha1", "", "matches"),
            ),
            config=replace(CONFIG, scoring=self.scoring),
            databases=tuple(
                DatabaseRecord(
                    each.name,
                    "2" * 32,
                    n_molecules=100,
                    n_annotations=each.n_annotations,
                    n_dropped=each.n_dropped,
                    **asdict(each.tally),
                )
                for each in found
            ),
            warnings=tuple(self.warnings),
            versions=Versions("1", "1", "3", "2"),
            n_annotations=self.n,
            summary=tuple(map(SummaryRow.from_json, rows)),
            states={"PlanRun": StateTotals(1, 1.5, 1.0, 90.0, 0, 0, 1.0, 1e-5)},
            cost=Bill(1e-4, gb_s=1.0, requests=8, prices="x"),
            forecast=self.forecast,
            recalibration=self.recalibration,
        )

    def report(self) -> bytes:
        """The report's bytes."""
        overview = Overview(self.images[:, 0].sum(axis=0, dtype=np.float64), self.mask)
        images = ReportImages(self.image_of(), self.pictures())
        pieces = make_report(
            self.record(),
            self.found(),
            images,
            overview,
            self.partners,
            self.max_bytes,
            self.fractions,
        )
        return b"".join(pieces)

    def write(self, folder: Path) -> str:
        """Write the report; return its URL."""
        path = folder / "report.html"
        path.write_bytes(self.report())
        return path.as_uri()


def hostile() -> MadeUp:
    """A run whose every name is an attack."""
    return replace(
        MadeUp(n=6),
        dataset=f"data {CODE}",
        molecules=lambda i: [f"=cmd|' /C calc'!A{i} {CODE}", f"{CODE}{i}"],
        databases=(f"base {CODE}",),
        warnings=(f"careful {CODE}",),
    )
