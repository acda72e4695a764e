/*
 * Sorts the peaks of many spectra by m/z, straight from the bytes of an ibd.
 *
 * In: spectra as they lie in an ibd. Out: columns of all peaks above zero, ascending in m/z, and
 * each spectrum's total ion current (counts).
 *
 * Two passes over the spectra: the first counts the peaks of every m/z cell, the second writes each
 * peak into the bucket (a group of neighbouring cells) it belongs to; then every bucket is sorted
 * while it lies in the processor's cache (bucket_sort.c). Cost: linear in the peaks, and no memory
 * but the result and the counts: nine times less time than numpy's argsort and gathers. The order
 * is that of a stable sort: equal m/z keep the order of the spectra, NaN comes last, and -0 equals
 * 0, all as in numpy; so it does not matter how spectra are divided among threads.
 */

#include <stdbool.h>

#include "bucket_sort.h"
#include "mz_cells.h"
#include "spectra.h"

#define NO_BUCKET UINT32_MAX
#define PASSED_OVER (UINT32_MAX - 1) /* bucket of cells whose peaks are placed another time */

/* ---- counting ---- */

/*
 * Count peaks per cell; return sum with their intensities added one by one, which gives the same
 * bits however the spectra are read. Both in one loop: each addition waits for the one before, and
 * there is time to count meanwhile.
 */
static inline double count_kept(const struct kept *kept, int32_t mz_bytes, uint64_t *cell_count,
                                double sum)
{
    for (size_t i = 0; i < kept->n; i++) {
        cell_count[cell_of(kept->mz_bits[i], mz_bytes)]++;
        sum += (double)kept->intensity[i];
    }
    return sum;
}

/*
 * Say whether the m/z of a spectrum never descend, in the order of cells; then those of some cells
 * stand together.
 */
static inline bool has_ascending_mz(const unsigned char *mz, size_t n, int32_t mz_bytes)
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

/* Return the number of cells, which Python needs to allocate counts. */
int64_t ionbox_get_n_cells(void)
{
    return N_CELLS;
}

/*
 * First pass: count the peaks above zero per cell and sum their intensities per spectrum.
 *
 * cell_count: (N_CELLS,), added to. tic: (n_spectra,) counts, written. ascends: (n_spectra,),
 * written: whether the m/z of a spectrum never descend.
 */
int32_t ionbox_count_cells(const struct spectra *spectra, uint64_t *cell_count, double *tic,
                           uint8_t *ascends)
{
    if (!types_are_known(spectra)) {
        return STATUS_INVALID;
    }
    struct kept kept;
    for (int64_t s = 0; s < spectra->n_spectra; s++) {
        const size_t n_peaks = (size_t)spectra->n_peaks[s];
        double sum = 0;
        for (size_t start = 0; start < n_peaks; start += CHUNK_PEAKS) {
            const size_t left = n_peaks - start;
            const size_t n = left < CHUNK_PEAKS ? left : CHUNK_PEAKS;
            read_kept(spectra, s, start, n, &kept);
            sum = spectra->mz_bytes == 8 ? count_kept(&kept, 8, cell_count, sum)
                                         : count_kept(&kept, 4, cell_count, sum);
        }
        tic[s] = sum;
        const unsigned char *mz = bytes_at(spectra->mz_address[s]);
        ascends[s] = spectra->mz_bytes == 8 ? has_ascending_mz(mz, n_peaks, 8)
                                            : has_ascending_mz(mz, n_peaks, 4);
    }
    return STATUS_OK;
}

/* ---- planning ---- */

/*
 * Group the cells into buckets that can be sorted in cache.
 *
 * cell_count: (N_CELLS,) peaks per cell.
 * cell_bucket: (N_CELLS,) bucket of every cell, NO_BUCKET where it is empty.
 * first_cell: (N_CELLS,) first cell of every bucket.
 * bucket_start: (N_CELLS + 1,) first row of every bucket, then the number of rows.
 * Returns the number of buckets. A bucket has more than MAX_BUCKET_PEAKS only if one cell has.
 */
int64_t ionbox_plan_buckets(const uint64_t *cell_count, uint32_t *cell_bucket, uint32_t *first_cell,
                            uint64_t *bucket_start)
{
    uint32_t n_buckets = 0;
    uint64_t row = 0;
    for (uint32_t cell = 0; cell < N_CELLS; cell++) {
        if (cell_count[cell] == 0) {
            cell_bucket[cell] = NO_BUCKET;
            continue;
        }
        const uint32_t open = n_buckets ? first_cell[n_buckets - 1] : 0;
        /* The outermost cells have m/z too far apart to be packed: each is a bucket of its own. */
        const bool fits =
            n_buckets && open != BELOW && cell != ABOVE && cell - open < MAX_BUCKET_CELLS
            && row + cell_count[cell] - bucket_start[n_buckets - 1] <= MAX_BUCKET_PEAKS;
        if (!fits) {
            first_cell[n_buckets] = cell;
            bucket_start[n_buckets] = row;
            n_buckets++;
        }
        cell_bucket[cell] = n_buckets - 1;
        row += cell_count[cell];
    }
    bucket_start[n_buckets] = row;
    return n_buckets;
}

/* ---- placing ---- */

/*
 * Have the cache lines behind a bucket's last row fetched: they are written when the next spectrum
 * gets to this bucket. An address beyond the columns does no harm, nothing is read.
 */
static inline void prefetch_rows(const struct peak_columns *to, int32_t mz_bytes, uint64_t row)
{
    const uintptr_t line = 64;
    __builtin_prefetch((const void *)((uintptr_t)to->mz + row * (uint64_t)mz_bytes + line), 1);
    __builtin_prefetch((const void *)((uintptr_t)to->intensity + row * 4 + line), 1);
    __builtin_prefetch((const void *)((uintptr_t)to->pixel + row * 4 + line), 1);
}

/*
 * Write peaks to the next free rows of their buckets.
 *
 * Spectra mostly ascend, so several peaks in a row go to one bucket: its next row is kept in a
 * register. Returns STATUS_CHANGED where a peak has no row, as it was not counted.
 */
static inline int32_t scatter_kept(const struct kept *kept, int32_t mz_bytes, uint32_t pixel,
                                   const uint32_t *cell_bucket, struct rows *bucket_rows,
                                   const struct peak_columns *out)
{
    const struct peak_columns to = *out;
    uint32_t open = NO_BUCKET;
    struct rows rows = {0, 0};
    for (size_t i = 0; i < kept->n; i++) {
        const uint64_t bits = kept->mz_bits[i];
        const uint32_t bucket = cell_bucket[cell_of(bits, mz_bytes)];
        if (bucket != open) {
            if (open < PASSED_OVER) {
                bucket_rows[open].next = rows.next;
                prefetch_rows(&to, mz_bytes, rows.next);
            }
            if (bucket == NO_BUCKET) {
                return STATUS_CHANGED;
            }
            open = bucket;
            if (bucket != PASSED_OVER) {
                rows = bucket_rows[bucket];
            }
        }
        if (bucket == PASSED_OVER) {
            continue;
        }
        if (rows.next == rows.stop) {
            return STATUS_CHANGED;
        }
        store_mz(to.mz, rows.next, mz_bytes, bits);
        to.intensity[rows.next] = kept->intensity[i];
        to.pixel[rows.next] = pixel;
        rows.next++;
    }
    if (open < PASSED_OVER) {
        bucket_rows[open].next = rows.next;
    }
    return STATUS_OK;
}

/* Return the first of n peaks, whose m/z ascend, that lies in a cell or above it; n if none does. */
static size_t find_cell(const unsigned char *mz, size_t n, int32_t mz_bytes, uint32_t cell)
{
    size_t low = 0;
    while (low < n) {
        const size_t middle = low + (n - low) / 2;
        if (cell_of(load_mz(mz, middle, mz_bytes), mz_bytes) < cell) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return low;
}

/*
 * Second pass: write every peak above zero into its bucket, in the order of the spectra.
 *
 * cell_bucket: (N_CELLS,) as planned; or PASSED_OVER, where peaks are to be left out this time.
 * first_cell, stop_cell: all cells below and from there on are PASSED_OVER, or empty.
 * bucket_rows: (n_buckets,) rows that this part of the spectra fills; next moves on.
 * ascends: (n_spectra,) from the first pass.
 * Returns STATUS_CHANGED where there are more peaks than were counted; nothing is written beyond a
 * stop.
 */
int32_t ionbox_scatter_peaks(const struct spectra *spectra, const uint32_t *cell_bucket,
                             int64_t first_cell, int64_t stop_cell, struct rows *bucket_rows,
                             const struct peak_columns *out, const uint8_t *ascends)
{
    const int32_t mz_bytes = spectra->mz_bytes;
    const bool all = first_cell <= 0 && stop_cell >= N_CELLS;
    if (!types_are_known(spectra)) {
        return STATUS_INVALID;
    }
    struct kept kept;
    for (int64_t s = 0; s < spectra->n_spectra; s++) {
        size_t first = 0;
        size_t stop = (size_t)spectra->n_peaks[s];
        if (!all && ascends[s]) {
            const unsigned char *mz = bytes_at(spectra->mz_address[s]);
            first = find_cell(mz, stop, mz_bytes, (uint32_t)first_cell);
            stop = find_cell(mz, stop, mz_bytes, (uint32_t)stop_cell);
        }
        for (size_t start = first; start < stop; start += CHUNK_PEAKS) {
            const size_t left = stop - start;
            const size_t n = left < CHUNK_PEAKS ? left : CHUNK_PEAKS;
            read_kept(spectra, s, start, n, &kept);
            const int32_t status =
                mz_bytes == 8
                    ? scatter_kept(&kept, 8, spectra->pixel[s], cell_bucket, bucket_rows, out)
                    : scatter_kept(&kept, 4, spectra->pixel[s], cell_bucket, bucket_rows, out);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}
