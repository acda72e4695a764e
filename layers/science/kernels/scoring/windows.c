/*
 * Window search: which measured peaks lie within some ppm of each theoretical m/z.
 *
 * In: m/z of the measured peaks, ascending, and theoretical m/z in any order (Da per elementary
 * charge). Out: the first row and the one past the last of each window, or its bounds in m/z.
 *
 * Queries are put into nearly ascending order first (a radix sort of 22 bits: two passes); each
 * search then starts where the one before ended and doubles its steps (Bentley and Yao 1976,
 * doi:10.1016/0020-0190(76)90071-5), so that all of them together walk through the data once. Cost:
 * linear in queries, and the logarithm of the distance between neighbours. The order changes no
 * answer, only how far each search has to go.
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "../peak_columns.h"
#include "../status.h"

/* STRIDE: rows looked at before steps are doubled; PREFETCH: queries fetched ahead. */
enum { RADIX_BITS = 11, N_BUCKETS = 1 << RADIX_BITS, STRIDE = 8, PREFETCH = 16 };

/* Search functions are compiled once per type of m/z and kind of bound, so neither is asked. */
#define SPECIALISED static inline __attribute__((always_inline))

static const double PPM = 1e-6;

/* The lowest and highest m/z, both included, that count as one theoretical m/z. */
struct window_bounds {
    double lowest, highest;
};

/*
 * The half width is the same number of ppm at all m/z (METASPACE's analysis versions 1 and 3;
 * version 2 scaled it with the analyzer).
 */
static inline struct window_bounds window_bounds_of(double theory, double ppm)
{
    const double half_width = theory * ppm * PPM;
    return (struct window_bounds){theory - half_width, theory + half_width};
}

/* Write the bounds of n windows: all (n_windows,), Da. */
int32_t ionbox_bound_windows(const double *pattern_mz, int64_t n_windows, double ppm,
                             double *lowest, double *highest)
{
    if (n_windows < 0) {
        return STATUS_INVALID;
    }
    for (int64_t i = 0; i < n_windows; i++) {
        const struct window_bounds bounds = window_bounds_of(pattern_mz[i], ppm);
        lowest[i] = bounds.lowest;
        highest[i] = bounds.highest;
    }
    return STATUS_OK;
}

/*
 * Write (key, index) of each value: the key in the high 32 bits, the value's place between the
 * lowest and the highest of them in its 22 lowest bits. Zero is padding and sorts below; not finite
 * values may land anywhere.
 */
static void write_keys(const double *value, size_t n, uint64_t *keyed)
{
    double lowest = INFINITY, highest = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        lowest = value[i] < lowest && value[i] > 0 ? value[i] : lowest;
        highest = value[i] > highest ? value[i] : highest;
    }
    const double last = (1 << 2 * RADIX_BITS) - 1;
    double scale = highest > lowest ? (last - 1) / (highest - lowest) : 0;
    for (size_t i = 0; i < n; i++) {
        double place = (value[i] - lowest) * scale + 1;
        uint64_t key = place >= 1 ? (uint64_t)(place < last ? place : last) : 0;
        keyed[i] = key << 32 | i;
    }
}

/* One pass of a radix sort: stable by the RADIX_BITS bits from `shift` on. */
static void sort_pass(const uint64_t *restrict from, uint64_t *restrict to, size_t n, int shift)
{
    size_t position[N_BUCKETS] = {0}, before = 0;
    for (size_t i = 0; i < n; i++) {
        position[(from[i] >> shift) % N_BUCKETS]++;
    }
    for (size_t b = 0; b < N_BUCKETS; b++) {
        size_t count = position[b];
        position[b] = before;
        before += count;
    }
    for (size_t i = 0; i < n; i++) {
        to[position[(from[i] >> shift) % N_BUCKETS]++] = from[i];
    }
}

/*
 * Write the indices of n values, ascending but for differences below 2^-22 of their range.
 * scratch_a, scratch_b: (n,).
 */
static void order_values(const double *value, size_t n, uint32_t *order, uint64_t *scratch_a,
                         uint64_t *scratch_b)
{
    write_keys(value, n, scratch_a);
    sort_pass(scratch_a, scratch_b, n, 32);
    sort_pass(scratch_b, scratch_a, n, 32 + RADIX_BITS);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)scratch_a[i];
    }
}

/* Write the indices of values in nearly ascending order: (n_values,) float64 -> uint32. */
int32_t ionbox_order_values(const double *value, int64_t n_values, uint32_t *order)
{
    if (n_values < 0 || n_values > UINT32_MAX) {
        return STATUS_INVALID;
    }
    size_t n = (size_t)n_values;
    uint64_t *scratch = malloc((2 * n + 1) * sizeof *scratch);
    if (!scratch) {
        return STATUS_NO_MEMORY;
    }
    order_values(value, n, order, scratch, scratch + n);
    free(scratch);
    return STATUS_OK;
}

/* Whether a row of the data lies before a bound: below it, or at it if that is to be passed. */
SPECIALISED bool is_before(const void *mz, int32_t mz_bytes, size_t row, double bound, bool pass)
{
    const double value = mz_at(mz, row, mz_bytes);
    return pass ? value <= bound : value < bound;
}

/* Return the first row in low .. high - 1 that is not before a bound, or high. */
SPECIALISED size_t bisect(const void *mz, int32_t mz_bytes, size_t low, size_t high, double bound,
                          bool pass)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_before(mz, mz_bytes, middle, bound, pass)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Return the first of n rows that is not before a bound; fast if it lies near the hint. */
SPECIALISED size_t search_near(const void *mz, int32_t mz_bytes, size_t n, double bound, bool pass,
                               size_t hint)
{
    if (hint > 0 && !is_before(mz, mz_bytes, hint - 1, bound, pass)) {
        size_t high = hint - 1, step = 1;
        while (step <= high && !is_before(mz, mz_bytes, high - step, bound, pass)) {
            high -= step;
            step *= 2;
        }
        return bisect(mz, mz_bytes, step <= high ? high - step + 1 : 0, high, bound, pass);
    }
    size_t low = hint;
    /* counting whole strides needs no unpredictable branch */
    for (int i = 0; i < 4 && n - low >= STRIDE; i++) {
        size_t n_before = 0;
        for (size_t j = 0; j < STRIDE; j++) {
            n_before += (size_t)is_before(mz, mz_bytes, low + j, bound, pass);
        }
        low += n_before;
        if (n_before < STRIDE) {
            return low;
        }
    }
    size_t step = STRIDE;
    while (step <= n - low && is_before(mz, mz_bytes, low + step - 1, bound, pass)) {
        low += step;
        step *= 2;
    }
    return bisect(mz, mz_bytes, low, step <= n - low ? low + step - 1 : n, bound, pass);
}

/* Search for all queries in the given order; see ionbox_find_windows. */
SPECIALISED void search_all(const void *mz, int32_t mz_bytes, size_t n_rows,
                            const double *pattern_mz, const uint32_t *order, size_t n, double ppm,
                            int64_t *start, int64_t *stop)
{
    size_t first = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        /* queries lie anywhere in their arrays: fetch them ahead of time */
        size_t ahead = order[i + PREFETCH < n ? i + PREFETCH : i];
        __builtin_prefetch(pattern_mz + ahead, 0);
        __builtin_prefetch(start + ahead, 1);
        __builtin_prefetch(stop + ahead, 1);
        size_t query = order[i];
        const double theory = pattern_mz[query];
        const struct window_bounds bounds = window_bounds_of(theory, ppm);
        first = search_near(mz, mz_bytes, n_rows, bounds.lowest, false, first);
        /* windows that lie close together hold about as many peaks */
        size_t hint = length < n_rows - first ? first + length : n_rows;
        size_t last = search_near(mz, mz_bytes, n_rows, bounds.highest, true, hint);
        length = last > first ? last - first : 0;
        start[query] = (int64_t)first;
        stop[query] = theory == 0 ? (int64_t)first : (int64_t)last;
    }
}

/*
 * Find the measured peaks within ppm of each theoretical m/z, both ends included.
 *
 * mz: (n_rows,) ascending, float64 or float32, compared as float64. pattern_mz: (n_queries,)
 * float64 in any order; zero is padding and finds nothing. start, stop: (n_queries,) int64 rows,
 * stop excluded.
 */
int32_t ionbox_find_windows(const void *mz, int32_t mz_bytes, int64_t n_rows,
                            const double *pattern_mz, int64_t n_queries, double ppm, int64_t *start,
                            int64_t *stop)
{
    if ((mz_bytes != 4 && mz_bytes != 8) || n_rows < 0 || n_queries < 0 || n_queries > UINT32_MAX) {
        return STATUS_INVALID;
    }
    uint32_t *order = malloc(((size_t)n_queries + 1) * sizeof *order);
    if (!order) {
        return STATUS_NO_MEMORY;
    }
    /* what will hold the answers serves as scratch before */
    order_values(pattern_mz, (size_t)n_queries, order, (uint64_t *)start, (uint64_t *)stop);
    if (mz_bytes == 8) {
        search_all(mz, 8, (size_t)n_rows, pattern_mz, order, (size_t)n_queries, ppm, start, stop);
    } else {
        search_all(mz, 4, (size_t)n_rows, pattern_mz, order, (size_t)n_queries, ppm, start, stop);
    }
    free(order);
    return STATUS_OK;
}
