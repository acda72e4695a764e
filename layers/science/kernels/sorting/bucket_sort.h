/* Sorts buckets of peaks, small enough for the processor's cache; see bucket_sort.c. */

#ifndef IONBOX_BUCKET_SORT_H
#define IONBOX_BUCKET_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "../peak_columns.h"

/* A peak's place in its bucket and its m/z within the bucket share 64 bits: 16 + 8 + 40. */
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
