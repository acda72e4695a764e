/*
 * Merges runs of peaks, each ascending in m/z, into one.
 *
 * In: the columns of every run, and where to cut each so that the buckets between cuts fit the
 * processor's cache. Out: columns of all peaks; those of equal m/z stay in order of the runs.
 *
 * The peaks of a bucket are copied from all runs and sorted there (bucket_sort.c), which costs the
 * same per peak however many runs there are; a heap of k runs would cost log k comparisons, and was
 * not faster for few either.
 */

#include "bucket_sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"

/* Copy the first to stop of a run's peaks to rows; the run's columns may start at any byte. */
static void copy_peaks(const struct peak_columns *run, int64_t first, int64_t stop,
                       int32_t mz_bytes, struct peak_columns to)
{
    const size_t skipped = (size_t)first;
    const size_t n = (size_t)(stop - first);
    memcpy(to.mz, (const unsigned char *)run->mz + skipped * (size_t)mz_bytes,
           n * (size_t)mz_bytes);
    memcpy(to.intensity, (const unsigned char *)run->intensity + skipped * 4, n * 4);
    memcpy(to.pixel, (const unsigned char *)run->pixel + skipped * 4, n * 4);
}

static bool cuts_ascend(int64_t n_runs, int64_t n_buckets, const int64_t *cuts)
{
    for (int64_t i = 0; i < n_buckets * n_runs; i++) {
        if (cuts[i] < 0 || cuts[i + n_runs] < cuts[i]) {
            return false;
        }
    }
    return true;
}

/*
 * Merge n_buckets neighbouring buckets.
 *
 * runs: (n_runs,). cuts: (n_buckets + 1, n_runs) first peak of every run in each bucket, and in the
 * end one past its last. out: all rows of the output, of which those of the buckets are written.
 * If the runs ascend, the buckets do.
 */
int32_t ionbox_merge_buckets(int64_t n_runs, const struct peak_columns *runs, int64_t n_buckets,
                             const int64_t *cuts, const struct peak_columns *out)
{
    const int32_t mz_bytes = out->mz_bytes;
    if ((mz_bytes != 4 && mz_bytes != 8) || !cuts_ascend(n_runs, n_buckets, cuts)) {
        return STATUS_INVALID;
    }
    uint64_t row = 0;
    for (int64_t r = 0; r < n_runs; r++) {
        row += (uint64_t)cuts[r];
    }
    struct scratch scratch = {NULL, 0};
    int32_t status = STATUS_OK;
    for (int64_t b = 0; b < n_buckets && status == STATUS_OK; b++) {
        const int64_t *first = cuts + b * n_runs;
        const int64_t *stop = first + n_runs;
        const struct peak_columns at_start = columns_at(out, mz_bytes, row);
        const uint64_t start = row;
        for (int64_t r = 0; r < n_runs; r++) {
            if (first[r] < stop[r]) {
                copy_peaks(&runs[r], first[r], stop[r], mz_bytes, columns_at(out, mz_bytes, row));
                row += (uint64_t)(stop[r] - first[r]);
            }
        }
        status = sort_bucket((size_t)(row - start), mz_bytes, at_start, &scratch);
    }
    free(scratch.memory);
    return status;
}
