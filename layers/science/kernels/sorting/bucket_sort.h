/* Sorts buckets of peaks, small enough for the processor's cache; see bucket_sort.c. */

#ifndef IONBOX_BUCKET_SORT_H
#define IONBOX_BUCKET_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "../peak_columns.h"

/*
 * What a bucket may hold for a peak to fit 64 bits: 16 bits for its row in the bucket, 8 for its
 * cell (mz_cells.h), 40 for a float64 m/z within the cell.
 */
enum { MAX_BUCKET_PEAKS = 1 << 16, MAX_BUCKET_CELLS = 1 << 8 };

/* Memory of one thread's sorting, enough for the largest bucket it has met. */
struct scratch {
    void *memory;
    size_t n_bytes;
};

/*
 * Sort n rows of columns by m/z; rows of equal m/z keep their order. The scratch, empty at first,
 * is for the caller to free.
 */
int32_t sort_bucket(size_t n, int32_t mz_bytes, struct peak_columns at_start,
                    struct scratch *scratch);

#endif
