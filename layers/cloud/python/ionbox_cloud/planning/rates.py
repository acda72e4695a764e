"""How fast things go on AWS, as far as plans need to know. Nothing here was measured there.

Seconds of computing are those of ``docs/performance.md``, doubled: a core of Lambda is taken to be
half as fast as the one measured on. Rates of storage are what is commonly seen, or what AWS
documents, and stand in the table that forecasts go by, too (``data/rates.json``). They decide how
work is cut and which way a dataset is sorted, never what comes out.
"""

from __future__ import annotations

from ionbox_cloud.planning.rate_table import read_rates

_TABLE = read_rates()

START_S = 1.2
"""Until a function that is called does its work: 0.25 s to find it a place and fetch its code, 0.9
to import its handler (0.45 CPU s here), 0.05 to read plan and header, one after the other."""

BYTES_PER_S = _TABLE.call_bytes_per_s
"""Between a function and S3, one way at a time."""

REQUEST_S = _TABLE.request_s
"""What a request to S3 waits for its answer, whatever it brings."""

READS_PER_S = _TABLE.reads_per_s
"""Requests that S3 answers of all that read sorted spans. It allows 5,500 for each part of a bucket
that it keeps apart, and splits parts that are busy for long; `ionbox_cloud.keys` spreads spans over
sixteen folders to that end. A new bucket has one part, a busy one may have sixteen: reckoned is
with four."""

CHILDREN_PER_S = {"STANDARD": _TABLE.standard_per_s, "EXPRESS": _TABLE.express_per_s}
"""Items of a Map that Step Functions starts, by what they run as."""

SORT_S_PER_PEAK = 100e-9
"""Finding a peak in the ibd's bytes twice, and sorting it."""

MERGE_S_PER_PEAK = 22e-9
"""Merging a peak of sorted spans."""

SCORE_S_PER_PEAK = 144e-9
"""Images and metrics, for each measured peak in the range of m/z of an item's ions."""

SCORE_BYTES_PER_PEAK = 16 * 0.4
"""What is read of it: of 16 bytes, as windows cover two fifths of the peaks."""

DRAW_S_PER_CELL = 36e-9
"""Drawing, compressing and packing a pixel of an isotope image."""

DRAWN_BYTES_PER_CELL = 1.7
"""What is written of it."""

COMPARE_S_PER_PRODUCT = 35e-12
"""Multiplying a pixel of an image with that of another, ranking included."""

PATTERN_S_PER_ION = 14e-6
"""An isotope pattern, files included."""
