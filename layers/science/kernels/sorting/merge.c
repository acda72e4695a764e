/*
 * Merges spans of peaks, each ascending in m/z, into one.
 *
 * A span is the peaks of neighbouring spectra, sorted; spans of a dataset that is too large to be
 * sorted at once become segments here.
 *
 * In: the columns of every span, and where to cut each so that the buckets between cuts fit the
 * processor's cache. Out: columns of all peaks; those of equal m/z stay in order of the spans.
 *
 * The peaks of a bucket are copied from all spans and sorted there (bucket_sort.c), which costs the
 * same per peak however many spans there are; a heap of k spans would cost log k comparisons, and
 * was not faster for few either.
 */

#include "bucket_sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"

/* Copy the first to stop of a span's peaks to rows; the span's columns may start at any byte. */
static void copy_peaks(const struct peak_columns *span, int64_t first, int64_t stop,
                       int32_t mz_bytes, struct peak_columns to)
{
    const size_t skipped = (size_t)first;
    const size_t n = (size_t)(stop - first);
    memcpy(to.mz, (const unsigned char *)span->mz + skipped * (size_t)mz_bytes,
           n * (size_t)mz_bytes);
    memcpy(to.intensity, (const unsigned char *)span->intensity + skipped * 4, n * 4);
    memcpy(to.pixel, (const unsigned char *)span->pixel + skipped * 4, n * 4);
}

/* Return whether no bucket of a span ends before it begins. */
static bool cuts_ascend(int64_t n_spans, int64_t n_buckets, const int64_t *cuts)
{
    for (int64_t i = 0; i < n_buckets * n_spans; i++) {
        if (cuts[i] < 0 || cuts[i + n_spans] < cuts[i]) {
            return false;
        }
    }
    return true;
}

/*
 * Merge n_buckets neighbouring buckets.
 *
 * spans: (n_spans,). cuts: (n_buckets + 1, n_spans) first peak of every span in each bucket, and in
 * the end one past its last. out: all rows of the output, of which those of the buckets are
 * written. If the spans ascend, the buckets do.
 */
int32_t ionbox_merge_buckets(int64_t n_spans, const struct peak_columns *spans, int64_t n_buckets,
                             const int64_t *cuts, const struct peak_columns *out)
{
    const int32_t mz_bytes = out->mz_bytes;
    if ((mz_bytes != 4 && mz_bytes != 8) || !cuts_ascend(n_spans, n_buckets, cuts)) {
        return STATUS_INVALID;
    }
    uint64_t row = 0;
    for (int64_t r = 0; r < n_spans; r++) {
        row += (uint64_t)cuts[r];
    }
    struct scratch scratch = {NULL, 0};
    int32_t status = STATUS_OK;
    for (int64_t b = 0; b < n_buckets && status == STATUS_OK; b++) {
        const int64_t *first = cuts + b * n_spans;
        const int64_t *stop = first + n_spans;
        const struct peak_columns at_start = columns_at(out, mz_bytes, row);
        const uint64_t start = row;
        for (int64_t r = 0; r < n_spans; r++) {
            if (first[r] < stop[r]) {
                copy_peaks(&spans[r], first[r], stop[r], mz_bytes, columns_at(out, mz_bytes, row));
                row += (uint64_t)(stop[r] - first[r]);
            }
        }
        status = sort_bucket((size_t)(row - start), mz_bytes, at_start, &scratch);
    }
    free(scratch.memory);
    return status;
}
