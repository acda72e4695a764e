/*
 * Ion images made comparable: capped, thresholded, smoothed, and rounded to whole numbers.
 *
 * In: intensities, counts. Out: 0 to 4095 per pixel, the brightest 4095. Per image: cap at the 99th
 * percentile (at the maximum if that is 0), 0 for what lies below the median, median of 3 x 3
 * pixels with mirrored edges, scaling (annotation/colocalization.py says whose measure it is).
 *
 * Percentiles are numpy's: linear between two ranks, and by its formulas, so that the last bit is
 * the same. The two neighbouring ranks are selected, not sorted for: intensities are counted in
 * bins over their range, those of the right bin are kept, and so on. Cost: linear in pixels, the
 * filter about 3 ns each, and either rank about 4 ns for each that is not 0.
 */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"
#include "tiles.h"

enum { N_BINS = 4096, FEW = 24 };

static const double TOP = 4095;
static const double HOTSPOT_SHARE = 0.99;

/* Working memory for images of one size. */
struct preparation {
    size_t height, width;
    double *value;    /* (height, width), counts */
    double *smooth;   /* (height, width), counts */
    double *column;   /* (3, width + 2): three pixels above each other, sorted */
    uint64_t *key;    /* intensities that are not 0, as integers in the same order */
    uint64_t *within; /* those of one bin */
    uint32_t *bin;    /* (N_BINS,) */
};

/* Two neighbours in the sorted order of an image's pixels. */
struct neighbours {
    double low, high;
};

/* Return a number's bits so that integers have the order of numbers. */
static inline uint64_t key_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static inline double value_of(uint64_t key)
{
    uint64_t bits = key >> 63 ? key ^ UINT64_C(1) << 63 : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void sort_few(uint64_t *key, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t moved = key[i];
        size_t at = i;
        for (; at > 0 && key[at - 1] > moved; at--) {
            key[at] = key[at - 1];
        }
        key[at] = moved;
    }
}

/* Return the width of bins, as a power of two, in which a range of keys takes at most N_BINS. */
static unsigned choose_shift(uint64_t range)
{
    unsigned shift = 0;
    while (range >> shift >= N_BINS) {
        shift++;
    }
    return shift;
}

/*
 * Write the key of a rank among n keys to found[0], and that of the next rank to found[1]; if there
 * is no next, the same again.
 */
static void select_keys(struct preparation *work, size_t n, size_t rank, uint64_t *found)
{
    const uint64_t *key = work->key;
    uint64_t next = UINT64_MAX; /* the lowest of all that lie above those still looked at */
    for (;;) {
        uint64_t lowest = UINT64_MAX, highest = 0;
        for (size_t i = 0; i < n; i++) {
            lowest = key[i] < lowest ? key[i] : lowest;
            highest = key[i] > highest ? key[i] : highest;
        }
        if (n <= FEW || lowest == highest) {
            break;
        }
        unsigned shift = choose_shift(highest - lowest);
        memset(work->bin, 0, N_BINS * sizeof *work->bin);
        for (size_t i = 0; i < n; i++) {
            work->bin[(key[i] - lowest) >> shift]++;
        }
        size_t chosen = 0;
        for (; rank >= work->bin[chosen]; chosen++) {
            rank -= work->bin[chosen];
        }
        size_t n_within = 0;
        for (size_t i = 0; i < n; i++) {
            size_t bin = (key[i] - lowest) >> shift;
            uint64_t above = bin > chosen ? key[i] : UINT64_MAX;
            next = above < next ? above : next;
            work->within[n_within] = key[i]; /* overwritten by the next if of another bin */
            n_within += bin == chosen;
        }
        key = work->within;
        n = n_within;
    }
    if (n <= FEW) {
        memmove(work->within, key, n * sizeof *key);
        sort_few(work->within, n);
        key = work->within;
    }
    found[0] = key[rank];
    found[1] = rank + 1 < n ? key[rank + 1] : next;
    if (found[1] == UINT64_MAX) {
        found[1] = found[0];
    }
}

/* Return two neighbouring ranks of all pixels, of which n_zero are 0 and n_below less. */
static struct neighbours select_pixels(struct preparation *work, size_t n_below, size_t n_zero,
                                       size_t rank)
{
    size_t n = work->height * work->width, n_others = n - n_zero;
    bool is_zero = rank >= n_below && rank < n_below + n_zero;
    bool is_next_zero = rank + 1 >= n_below && rank + 1 < n_below + n_zero;
    uint64_t found[2] = {0, 0};
    if (!is_zero) {
        select_keys(work, n_others, rank < n_below ? rank : rank - n_zero, found);
    } else if (!is_next_zero && rank + 1 < n) {
        select_keys(work, n_others, n_below, found);
        found[1] = found[0];
    }
    struct neighbours pair = {is_zero ? 0 : value_of(found[0]), 0};
    if (!is_next_zero) {
        pair.high = rank + 1 < n ? value_of(found[1]) : pair.low;
    }
    return pair;
}

static inline double lower(double a, double b)
{
    return a < b ? a : b;
}

static inline double higher(double a, double b)
{
    return a > b ? a : b;
}

static inline double median_of_three(double a, double b, double c)
{
    return higher(lower(a, b), lower(higher(a, b), c));
}

/* Write the median of each pixel of a row and its eight neighbours. */
static void smooth_row(struct preparation *work, size_t y)
{
    size_t width = work->width;
    const double *here = work->value + y * width;
    const double *above = y > 0 ? here - width : here;
    const double *below = y + 1 < work->height ? here + width : here;
    double *low = work->column, *middle = low + width + 2, *high = middle + width + 2;
    for (size_t x = 0; x < width; x++) {
        double least = lower(above[x], below[x]), most = higher(above[x], below[x]);
        low[x + 1] = lower(least, here[x]);
        middle[x + 1] = higher(least, lower(most, here[x]));
        high[x + 1] = higher(most, here[x]);
    }
    for (double *side = low; side <= high; side += width + 2) {
        side[0] = side[1];
        side[width + 1] = side[width];
    }
    double *out = work->smooth + y * width;
    for (size_t x = 0; x < width; x++) {
        /*
         * With nine values as three sorted columns, their median is the median of three: the
         * largest of the lowest, the middle of the middle, the smallest of the highest.
         */
        out[x] = median_of_three(higher(higher(low[x], low[x + 1]), low[x + 2]),
                                 median_of_three(middle[x], middle[x + 1], middle[x + 2]),
                                 lower(lower(high[x], high[x + 1]), high[x + 2]));
    }
}

/* Return the 99th percentile of the pixels, between two ranks as numpy has it. */
static double find_percentile(struct preparation *work, size_t n_below, size_t n_zero)
{
    size_t n = work->height * work->width;
    double place = (double)(n - 1) * HOTSPOT_SHARE;
    size_t rank = (size_t)place;
    double share = place - (double)rank;
    struct neighbours pair = select_pixels(work, n_below, n_zero, rank);
    double step = pair.high - pair.low;
    return share < 0.5 ? pair.low + step * share : pair.high - step * (1 - share);
}

/* Return the median of the pixels, none above the cap. */
static double find_median(struct preparation *work, size_t n_below, size_t n_zero, double cap)
{
    size_t n = work->height * work->width;
    struct neighbours pair = select_pixels(work, n_below, n_zero, (n - 1) / 2);
    double low = lower(pair.low, cap), high = lower(pair.high, cap);
    return n % 2 ? low : (low + high) / 2;
}

/* Write the smoothed image scaled and rounded; image and n_vectors say where (tiles.h). */
static void write_pixels(const struct preparation *work, size_t image, size_t n_vectors,
                         uint16_t *prepared)
{
    size_t n = work->height * work->width;
    double top = 0;
    for (size_t i = 0; i < n; i++) {
        top = higher(top, work->smooth[i]);
    }
    double scale = top > 0 ? TOP / top : 0;
    for (size_t first = 0; first < n; first += VECTOR) {
        uint16_t *out = prepared + place_of(image, first / VECTOR, n_vectors);
        for (size_t i = first; i < n && i < first + VECTOR; i++) {
            *out++ = (uint16_t)(int32_t)rint(higher(work->smooth[i], 0) * scale);
        }
    }
}

/* Smooth the image in work->value; return false if it is empty, or not finite throughout. */
static bool smooth_image(struct preparation *work)
{
    size_t n = work->height * work->width, n_kept = 0, n_below = 0;
    double highest = -INFINITY;
    bool is_finite = true;
    for (size_t i = 0; i < n; i++) {
        double value = work->value[i];
        is_finite &= fabs(value) < INFINITY;
        highest = higher(highest, value);
        n_below += value < 0;
        work->key[n_kept] = key_of(value);
        n_kept += value != 0;
    }
    if (!is_finite || highest <= 0) {
        return false;
    }
    size_t n_zero = n - n_kept;
    double cap = find_percentile(work, n_below, n_zero);
    cap = cap != 0 ? cap : highest;
    double median = find_median(work, n_below, n_zero, cap);
    for (size_t i = 0; i < n; i++) {
        double capped = lower(work->value[i], cap);
        work->value[i] = capped < median ? 0 : capped;
    }
    for (size_t y = 0; y < work->height; y++) {
        smooth_row(work, y);
    }
    return true;
}

static void load_values(const void *image, int32_t image_bytes, size_t n, double *value)
{
    if (image_bytes == 8) {
        memcpy(value, image, n * sizeof *value);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        value[i] = (double)((const float *)image)[i];
    }
}

/*
 * Prepare images (n_images, height, width) of float64 (image_bytes 8) or float32, which are those
 * from `first` on of the n_all in prepared (tiles.h), 0 when called. A negative intensity counts
 * as 0 in what comes out; an image that is not finite throughout is left out.
 */
int32_t ionbox_prepare_images(const void *images, int32_t image_bytes, int64_t n_images,
                              int64_t height, int64_t width, int64_t first, int64_t n_all,
                              uint16_t *prepared)
{
    if (n_images < 0 || first < 0 || first > n_all - n_images || height < 1 || width < 1
        || height > UINT32_MAX / width) {
        return STATUS_INVALID;
    }
    size_t n = (size_t)height * (size_t)width, n_vectors = count_groups(n, VECTOR);
    struct preparation work = {
        .height = (size_t)height,
        .width = (size_t)width,
        .value = malloc(n * sizeof *work.value),
        .smooth = malloc(n * sizeof *work.smooth),
        .column = malloc(3 * ((size_t)width + 2) * sizeof *work.column),
        .key = malloc((n + 1) * sizeof *work.key),
        .within = malloc((n + 1) * sizeof *work.within),
        .bin = malloc(N_BINS * sizeof *work.bin),
    };
    bool has_memory = work.value && work.smooth && work.column && work.key && work.within;
    int32_t status = has_memory && work.bin ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < (size_t)n_images && status == STATUS_OK; i++) {
        const unsigned char *image = (const unsigned char *)images + i * n * (size_t)image_bytes;
        load_values(image, image_bytes, n, work.value);
        if (smooth_image(&work)) {
            write_pixels(&work, (size_t)first + i, n_vectors, prepared);
        }
    }
    free(work.value);
    free(work.smooth);
    free(work.column);
    free(work.key);
    free(work.within);
    free(work.bin);
    return status;
}
