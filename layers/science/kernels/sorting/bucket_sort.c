/*
 * Sorts the peaks of one bucket, a narrow range of m/z that fits the processor's cache.
 *
 * In and out: columns of peaks, reordered by m/z in place; peaks of equal m/z keep their order.
 *
 * The bits of positive floating point numbers, read as integers, are in the order of the numbers.
 * So an m/z (its bits less those of the bucket's lowest) and the row it stands in make one integer
 * of 64 bits. These are radix sorted; rows break ties, which makes the sort stable; intensity and
 * pixel are gathered once at the end. Cost: linear, two or three passes over the integers. A bucket
 * that is too wide for 64 bits, or has m/z that are no positive numbers, is merge sorted: n log n,
 * and rare.
 */

#include "bucket_sort.h"

#include <stdbool.h>
#include <stdlib.h>

#include "../status.h"
#include "mz_cells.h"
#include "radix_sort.h"

/* Make room for n_bytes; what was there is lost. NULL without memory. */
static void *reserve_scratch(struct scratch *scratch, size_t n_bytes)
{
    if (scratch->n_bytes < n_bytes) {
        free(scratch->memory);
        scratch->memory = malloc(n_bytes);
        scratch->n_bytes = scratch->memory ? n_bytes : 0;
    }
    return scratch->memory;
}

/* Intensity and pixel side by side, so that moving a peak touches one place. */
struct reading {
    float intensity;
    uint32_t pixel;
};

/* ---- by packed integers ---- */

/* A bucket of n rows, and how its m/z and rows are packed. */
struct bucket {
    size_t n;
    uint64_t lowest; /* bits of the lowest m/z */
    int range_bits;  /* how many bits the difference of an m/z from it needs */
    int row_bits;    /* how many bits a row needs */
};

/* Return how many bits a number needs. */
static int bits_below(uint64_t n)
{
    int bits = 0;
    while (bits < 64 && n >> bits) {
        bits++;
    }
    return bits;
}

/* Write (m/z above the lowest, row) of each peak to values, and the rest of it to readings. */
static inline void pack_bucket(const struct bucket *bucket, int32_t mz_bytes,
                               struct peak_columns at_start, uint64_t *values,
                               struct reading *readings)
{
    for (size_t i = 0; i < bucket->n; i++) {
        const uint64_t above = load_mz(at_start.mz, i, mz_bytes) - bucket->lowest;
        values[i] = above << bucket->row_bits | i;
        readings[i].intensity = at_start.intensity[i];
        readings[i].pixel = at_start.pixel[i];
    }
}

/* Write peaks back to their columns in the order of values. */
static inline void unpack_bucket(const struct bucket *bucket, int32_t mz_bytes,
                                 struct peak_columns at_start, const uint64_t *values,
                                 const struct reading *readings)
{
    const uint64_t row_mask = ((uint64_t)1 << bucket->row_bits) - 1;
    for (size_t i = 0; i < bucket->n; i++) {
        const struct reading reading = readings[values[i] & row_mask];
        store_mz(at_start.mz, i, mz_bytes, bucket->lowest + (values[i] >> bucket->row_bits));
        at_start.intensity[i] = reading.intensity;
        at_start.pixel[i] = reading.pixel;
    }
}

/*
 * Sort by packed integers. Rows, in the lowest bits, are in order before and need no sorting; of
 * m/z, the highest SORTED_BITS are radix sorted and the few that differ only below are inserted.
 */
static inline int32_t sort_packed(const struct bucket *bucket, int32_t mz_bytes,
                                  struct peak_columns at_start, struct scratch *scratch)
{
    const size_t n = bucket->n;
    if (n > SIZE_MAX / 24) {
        return STATUS_NO_MEMORY;
    }
    uint64_t *values = reserve_scratch(scratch, n * (2 * sizeof *values + sizeof(struct reading)));
    if (!values) {
        return STATUS_NO_MEMORY;
    }
    struct reading *readings = (struct reading *)(values + 2 * n);
    const int range_bits = bucket->range_bits;
    const int unsorted_bits = range_bits > SORTED_BITS ? range_bits - SORTED_BITS : 0;
    const int low_bit = bucket->row_bits + unsorted_bits;
    const int high_bit = bucket->row_bits + range_bits;
    pack_bucket(bucket, mz_bytes, at_start, values, readings);
    const uint64_t *sorted = sort_values(values, values + n, n, low_bit, high_bit);
    unpack_bucket(bucket, mz_bytes, at_start, sorted, readings);
    return STATUS_OK;
}

/* ---- by merging ---- */

/* A whole peak with the number that orders it. */
struct peak {
    uint64_t key;
    uint64_t mz_bits;
    struct reading reading;
};

/* Merge the sorted halves from[0:middle] and from[middle:n]; the first wins a tie. */
static void merge(const struct peak *from, size_t middle, size_t n, struct peak *to)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < n; i++) {
        const bool take_left = right == n || (left < middle && from[left].key <= from[right].key);
        to[i] = from[take_left ? left++ : right++];
    }
}

/* Sort m/z of any kind (negative, NaN, far apart): slower, and rarely needed. */
static int32_t sort_any(size_t n, int32_t mz_bytes, struct peak_columns at_start,
                        struct scratch *scratch)
{
    if (n > SIZE_MAX / (2 * sizeof(struct peak))) {
        return STATUS_NO_MEMORY;
    }
    struct peak *from = reserve_scratch(scratch, 2 * n * sizeof *from);
    if (!from) {
        return STATUS_NO_MEMORY;
    }
    struct peak *to = from + n;
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = load_mz(at_start.mz, i, mz_bytes);
        from[i] = (struct peak){
            order_key(bits, mz_bytes), bits, {at_start.intensity[i], at_start.pixel[i]}};
    }
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            const size_t length = n - start < 2 * width ? n - start : 2 * width;
            merge(from + start, length < width ? length : width, length, to + start);
        }
        struct peak *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++) {
        store_mz(at_start.mz, i, mz_bytes, from[i].mz_bits);
        at_start.intensity[i] = from[i].reading.intensity;
        at_start.pixel[i] = from[i].reading.pixel;
    }
    return STATUS_OK;
}

/* ---- any bucket ---- */

/* Return whether m/z ascend as they are: then there is nothing to do. */
static inline bool is_sorted(size_t n, int32_t mz_bytes, const void *mz)
{
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t key = order_key(load_mz(mz, i, mz_bytes), mz_bytes);
        if (key < before) {
            return false;
        }
        before = key;
    }
    return true;
}

/*
 * Find out how a bucket is packed. Bits order m/z only if all are positive numbers; others
 * (negative, NaN) have larger bits than infinity, and then range_bits says that they cannot be
 * packed.
 */
static inline struct bucket measure_bucket(size_t n, int32_t mz_bytes, const void *mz)
{
    uint64_t lowest = UINT64_MAX;
    uint64_t highest = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = load_mz(mz, i, mz_bytes);
        lowest = bits < lowest ? bits : lowest;
        highest = bits > highest ? bits : highest;
    }
    const bool ordered = highest <= infinity_bits(mz_bytes);
    return (struct bucket){
        .n = n,
        .lowest = lowest,
        .range_bits = ordered ? bits_below(highest - lowest) : 64,
        .row_bits = bits_below(n - 1),
    };
}

/* Sort a bucket in the way that it allows. */
static inline int32_t sort_with(size_t n, int32_t mz_bytes, struct peak_columns at_start,
                                struct scratch *scratch)
{
    if (is_sorted(n, mz_bytes, at_start.mz)) {
        return STATUS_OK;
    }
    const struct bucket bucket = measure_bucket(n, mz_bytes, at_start.mz);
    if (bucket.range_bits + bucket.row_bits > 64 || bucket.row_bits > 32) {
        return sort_any(n, mz_bytes, at_start, scratch);
    }
    return sort_packed(&bucket, mz_bytes, at_start, scratch);
}

int32_t sort_bucket(size_t n, int32_t mz_bytes, struct peak_columns at_start,
                    struct scratch *scratch)
{
    return mz_bytes == 8 ? sort_with(n, 8, at_start, scratch) : sort_with(n, 4, at_start, scratch);
}

/*
 * Last step: sort n_buckets buckets, each within its own rows.
 *
 * bucket_start: (n_buckets + 1,) first row of each, and the end of the last.
 * columns: all rows of the output.
 */
int32_t ionbox_sort_buckets(int64_t n_buckets, const uint64_t *bucket_start,
                            const struct peak_columns *columns)
{
    const int32_t mz_bytes = columns->mz_bytes;
    if (mz_bytes != 4 && mz_bytes != 8) {
        return STATUS_INVALID;
    }
    struct scratch scratch = {NULL, 0};
    int32_t status = STATUS_OK;
    for (int64_t b = 0; b < n_buckets && status == STATUS_OK; b++) {
        const size_t n = (size_t)(bucket_start[b + 1] - bucket_start[b]);
        const struct peak_columns at_start = columns_at(columns, mz_bytes, bucket_start[b]);
        status = sort_bucket(n, mz_bytes, at_start, &scratch);
    }
    free(scratch.memory);
    return status;
}
