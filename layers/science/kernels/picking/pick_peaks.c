/*
 * Picks the peaks of profile spectra: every local maximum becomes one m/z and one intensity.
 *
 * In: spectra as they lie in an ibd. Out: for each the peaks found, m/z ascending in the type of
 * the ibd, and float64 heights in counts. Spectra that are no profile are copied: their peaks above
 * zero in the order of the file.
 *
 * A region is a run of points above zero of which each is near the next; a step is a gap if it is
 * longer than WIDEST_STEP times the shorter of the steps beside it. Within a region every point, or
 * stretch of equal points, that is higher than both its neighbours is the top of a peak. Its m/z is
 * the apex of the parabola through the logarithms of three points, which is exact for a Gaussian
 * peak; its height that of the parabola through the points themselves, which cannot shoot up where
 * a neighbour is nearly zero. Stretches of equal points (a saturated detector) give their middle; a
 * top at the edge of a region the mean of its two points, weighted by intensity; a point alone
 * itself.
 *
 * Noise shows in the valleys between peaks: in a spectrum without noise, or from which the
 * instrument has cut it, most of them reach zero. Peaks are kept that are as high as the median of
 * the valleys and DEVIATIONS times the median deviation from it, both 0 for such a spectrum. A
 * baseline is not subtracted. Tops are found first, and peaks fitted to those above the threshold.
 *
 * Cost: two passes over the m/z and one over the intensities: some 3 ns per point where noise was
 * cut, up to 10 where each point is noise. No memory but the result, a float per valley, and a copy
 * of a spectrum whose m/z do not ascend. Only + - * / and comparisons are used, so that the bits are
 * the same everywhere; the C library's logarithm differs by version.
 */

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../sorting/mz_cells.h"
#include "../sorting/spectra.h"

#define WIDEST_STEP 1.5
#define DEVIATIONS 8.0
#define LEAST_RATIO 1e-300 /* below, a logarithm would be infinite */
#define LOG_2 0.69314718055994530942
#define ROOT_HALF 0.70710678118654752440

/* Of fewer valleys the median says nothing. Keys are 31 bits, read in three digits. */
enum { LEAST_VALLEYS = 16, KEY_DIGIT_BITS = 11, N_KEY_DIGITS = 3 };

/* One spectrum as it lies in the ibd, or sorted. */
struct profile {
    const unsigned char *mz;
    const unsigned char *intensity;
    size_t n;
};

/* What was found so far, and where to write it. */
struct found {
    unsigned char *mz;
    double *intensity;
    size_t n;
    float *valley; /* those above zero of the spectrum at hand */
    size_t n_valleys;
};

static inline double number_at(const unsigned char *values, size_t i, int32_t mz_bytes)
{
    if (mz_bytes == 8) {
        double value;
        memcpy(&value, values + 8 * i, 8);
        return value;
    }
    float value;
    memcpy(&value, values + 4 * i, 4);
    return (double)value;
}

static inline double intensity_at(const unsigned char *values, size_t i, int32_t type)
{
    switch (type) {
    case FLOAT32:
        return number_at(values, i, 4);
    case FLOAT64:
        return number_at(values, i, 8);
    case INT32: {
        int32_t value;
        memcpy(&value, values + 4 * i, 4);
        return (double)value;
    }
    default: {
        int64_t value;
        memcpy(&value, values + 8 * i, 8);
        return (double)value;
    }
    }
}

/* ---- noise ---- */

/* Return the value of a rank, from 0, of n floats that are not negative: their bits ascend too. */
static float select_value(const float *value, size_t n, size_t rank)
{
    uint32_t prefix = 0, known = 0; /* leading bits that are decided, and which they are */
    for (int digit = N_KEY_DIGITS - 1; digit >= 0; digit--) {
        const int shift = digit * KEY_DIGIT_BITS;
        size_t count[1 << KEY_DIGIT_BITS] = {0};
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &value[i], 4);
            if ((bits & known) == prefix) {
                count[(bits >> shift) & ((1 << KEY_DIGIT_BITS) - 1)]++;
            }
        }
        uint32_t chosen = 0;
        while (rank >= count[chosen]) {
            rank -= count[chosen++];
        }
        prefix |= chosen << shift;
        known |= (uint32_t)((1 << KEY_DIGIT_BITS) - 1) << shift;
    }
    float selected;
    memcpy(&selected, &prefix, 4);
    return selected;
}

/* Return the height that peaks have to reach; valley: (n_zero + n_valleys,), overwritten. */
static double find_threshold(float *valley, size_t n_valleys, size_t n_zero)
{
    const size_t n = n_valleys + n_zero;
    if (n < LEAST_VALLEYS || (n - 1) / 2 < n_zero) {
        return 0;
    }
    const size_t rank = (n - 1) / 2;
    const float median = select_value(valley, n_valleys, rank - n_zero);
    for (size_t i = 0; i < n_valleys; i++) {
        valley[i] = fabsf(valley[i] - median);
    }
    for (size_t i = n_valleys; i < n; i++) {
        valley[i] = median;
    }
    return (double)median + DEVIATIONS * (double)select_value(valley, n, rank);
}

/* ---- peaks ---- */

/* Return the logarithm of a ratio below 1 to about 1e-13. */
static double natural_log(double ratio)
{
    if (!(ratio > LEAST_RATIO)) {
        ratio = LEAST_RATIO;
    }
    uint64_t bits;
    memcpy(&bits, &ratio, 8);
    int32_t exponent = (int32_t)(bits >> 52) - 1022;
    bits = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1022 << 52;
    double mantissa; /* 0.5 to 1 */
    memcpy(&mantissa, &bits, 8);
    if (mantissa < ROOT_HALF) {
        mantissa *= 2;
        exponent--;
    }
    const double s = (mantissa - 1) / (mantissa + 1), square = s * s;
    double sum = 1.0 / 15;
    sum = sum * square + 1.0 / 13;
    sum = sum * square + 1.0 / 11;
    sum = sum * square + 1.0 / 9;
    sum = sum * square + 1.0 / 7;
    sum = sum * square + 1.0 / 5;
    sum = sum * square + 1.0 / 3;
    sum = sum * square + 1.0;
    return exponent * LOG_2 + 2 * s * sum;
}

/* Coefficients of slope x + curve x², which is 0 at the top of a peak. */
struct parabola {
    double slope, curve;
};

/* Return the parabola through the top's neighbours, at -left and at right. */
static struct parabola fit_parabola(double left, double right, double at_left, double at_right)
{
    const double curve = (at_right / right + at_left / left) / (left + right);
    return (struct parabola){at_right / right - curve * right, curve};
}

static void write_peak(struct found *found, double mz, double height, int32_t mz_bytes)
{
    if (mz_bytes == 8) {
        memcpy(found->mz + 8 * found->n, &mz, 8);
    } else {
        const float rounded = (float)mz;
        memcpy(found->mz + 4 * found->n, &rounded, 4);
    }
    found->intensity[found->n] = height;
    found->n++;
}

/* Write a peak, or its highest point where a sum or a fit ran out of the numbers there are. */
static void write_fitted(struct found *found, double mz, double height, double shift, double rise,
                         int32_t mz_bytes)
{
    const bool is_finite = isfinite(mz + shift) && isfinite(height + rise);
    write_peak(found, is_finite ? mz + shift : mz, is_finite ? height + rise : height, mz_bytes);
}

/* Write a peak whose three highest points are at mz[0] to mz[2]. */
static void write_whole_top(struct found *found, const double mz[3], const double height[3],
                            int32_t mz_bytes)
{
    const double left = mz[1] - mz[0], right = mz[2] - mz[1];
    const struct parabola of_logs = fit_parabola(left, right, natural_log(height[0] / height[1]),
                                                 natural_log(height[2] / height[1]));
    const struct parabola plain =
        fit_parabola(left, right, height[0] - height[1], height[2] - height[1]);
    write_fitted(found, mz[1], height[1], -of_logs.slope / (2 * of_logs.curve),
                 -plain.slope * plain.slope / (4 * plain.curve), mz_bytes);
}

/* Write a peak whose top is at the edge of a region, and has one neighbour there. */
static void write_edge_top(struct found *found, double mz, double height, double mz_beside,
                           double height_beside, int32_t mz_bytes)
{
    const double share = height_beside / (height + height_beside);
    write_fitted(found, mz, height, (mz_beside - mz) * share, 0, mz_bytes);
}

/* Return the step of m/z from point i - 1 to point i; infinity where there is no such point. */
static inline double step_to(const struct profile *of, size_t i, int32_t mz_bytes)
{
    return i > 0 && i < of->n ? number_at(of->mz, i, mz_bytes) - number_at(of->mz, i - 1, mz_bytes)
                              : INFINITY;
}

/* Return whether a step that ends at an m/z is a gap, going by the steps before and after it. */
static inline bool is_long(double before, double step, double after, double mz, int32_t mz_bytes)
{
    double beside = INFINITY; /* the shorter of the two; NaN is no step */
    beside = before < beside ? before : beside;
    beside = after < beside ? after : beside;
    /* Steps of a float32 axis are a few units of its last place, and uneven by one of them. */
    const double rounding = mz_bytes == 8 ? 0 : mz * (1.0 / (1 << 22));
    return !(step > 0 && beside < INFINITY && step <= WIDEST_STEP * beside + rounding);
}

/* Return whether there is a gap between point i and the one before it. */
static inline bool is_gap(const struct profile *of, size_t i, int32_t mz_bytes)
{
    return is_long(step_to(of, i - 1, mz_bytes), step_to(of, i, mz_bytes),
                   step_to(of, i + 1, mz_bytes), number_at(of->mz, i, mz_bytes), mz_bytes);
}

/* Return whether points i - 1 and i are of one region. */
static inline bool is_joined(const struct profile *of, size_t i, int32_t mz_bytes, int32_t type)
{
    return intensity_at(of->intensity, i - 1, type) > 0 && intensity_at(of->intensity, i, type) > 0
           && !is_gap(of, i, mz_bytes);
}

/* Write the peak whose top begins at a point. */
static inline void write_top(struct found *found, const struct profile *of, size_t top,
                             int32_t mz_bytes, int32_t type)
{
    const double mz = number_at(of->mz, top, mz_bytes);
    const double height = intensity_at(of->intensity, top, type);
    size_t last = top;
    while (last + 1 < of->n && intensity_at(of->intensity, last + 1, type) == height
           && !is_gap(of, last + 1, mz_bytes)) {
        last++;
    }
    const bool has_left = top > 0 && is_joined(of, top, mz_bytes, type);
    const bool has_right = top + 1 < of->n && is_joined(of, top + 1, mz_bytes, type);
    if (last > top) {
        write_peak(found, mz + (number_at(of->mz, last, mz_bytes) - mz) / 2, height, mz_bytes);
    } else if (has_left && has_right) {
        const double positions[3] = {number_at(of->mz, top - 1, mz_bytes), mz,
                                     number_at(of->mz, top + 1, mz_bytes)};
        const double heights[3] = {intensity_at(of->intensity, top - 1, type), height,
                                   intensity_at(of->intensity, top + 1, type)};
        write_whole_top(found, positions, heights, mz_bytes);
    } else if (has_left || has_right) {
        const size_t beside = has_left ? top - 1 : top + 1;
        write_edge_top(found, mz, height, number_at(of->mz, beside, mz_bytes),
                       intensity_at(of->intensity, beside, type), mz_bytes);
    } else {
        write_peak(found, mz, height, mz_bytes);
    }
}

/* Note a top until it is known how high peaks have to be; its peak, if it is one, replaces it. */
static inline void note_top(struct found *found, size_t top, double height, int32_t mz_bytes)
{
    const uint32_t index = (uint32_t)top;
    memcpy(found->mz + (size_t)mz_bytes * found->n, &index, 4);
    found->intensity[found->n++] = height;
}

/* Note the tops of the region that begins with point first; return one past its last point. */
static inline size_t note_region(struct found *found, const struct profile *of, size_t first,
                                 int32_t mz_bytes, int32_t type)
{
    size_t top = first, i = first + 1;
    bool is_rising = true;
    double before = intensity_at(of->intensity, first, type);
    double last_step = step_to(of, first, mz_bytes), step = step_to(of, i, mz_bytes);
    for (; i < of->n; i++) {
        const double here = intensity_at(of->intensity, i, type);
        if (!(here > 0)) {
            break;
        }
        const double mz = number_at(of->mz, i, mz_bytes);
        const double next = i + 1 < of->n ? number_at(of->mz, i + 1, mz_bytes) - mz : INFINITY;
        if (is_long(last_step, step, next, mz, mz_bytes)) {
            break;
        }
        last_step = step;
        step = next;
        if (here > before) {
            if (!is_rising) {
                found->valley[found->n_valleys++] = (float)before;
                is_rising = true;
            }
            top = i;
        } else if (here < before && is_rising) {
            note_top(found, top, before, mz_bytes);
            is_rising = false;
        }
        before = here;
    }
    if (is_rising) {
        note_top(found, top, before, mz_bytes);
    }
    return i;
}

/* Write the peaks of a spectrum whose m/z ascend. */
static inline void pick_ascending(struct found *found, const struct profile *of, int32_t mz_bytes,
                                  int32_t type)
{
    /* Tops are noted from the place on where peaks are written: these never overtake them. */
    struct found tops = {found->mz + found->n * (size_t)mz_bytes, found->intensity + found->n, 0,
                         found->valley, 0};
    for (size_t i = 0; i < of->n;) {
        if (intensity_at(of->intensity, i, type) > 0) {
            i = note_region(&tops, of, i, mz_bytes, type);
        } else {
            i++;
        }
    }
    const size_t n_zero = tops.n ? tops.n - 1 - tops.n_valleys : 0;
    const double threshold = find_threshold(tops.valley, tops.n_valleys, n_zero);
    for (size_t i = 0; i < tops.n; i++) {
        if (!(tops.intensity[i] < threshold)) { /* negated: a threshold of NaN keeps all */
            uint32_t top;
            memcpy(&top, tops.mz + (size_t)mz_bytes * i, 4);
            write_top(found, of, top, mz_bytes, type);
        }
    }
}

static void pick_known_types(struct found *found, const struct profile *of, int32_t mz_bytes,
                             int32_t type)
{
    switch (type) {
    case FLOAT32:
        mz_bytes == 8 ? pick_ascending(found, of, 8, FLOAT32)
                      : pick_ascending(found, of, 4, FLOAT32);
        break;
    case FLOAT64:
        mz_bytes == 8 ? pick_ascending(found, of, 8, FLOAT64)
                      : pick_ascending(found, of, 4, FLOAT64);
        break;
    default: /* integers are rare, and not worth loops of their own */
        pick_ascending(found, of, mz_bytes, type);
        break;
    }
}

/* ---- spectra ---- */

static inline bool ascends(const struct profile *of, int32_t mz_bytes)
{
    bool all = true;
    for (size_t i = 1; i < of->n; i++) {
        all &= number_at(of->mz, i, mz_bytes) >= number_at(of->mz, i - 1, mz_bytes);
    }
    return all;
}

/* A point of a spectrum that has to be sorted. */
struct point {
    uint64_t key; /* orders m/z as numpy does */
    uint64_t mz_bits;
    double intensity;
};

/* Merge two neighbouring runs, sorted by key, that begin at start and middle; equal keys stay. */
static void merge_runs(const struct point *from, struct point *to, size_t start, size_t middle,
                       size_t stop)
{
    size_t left = start, right = middle;
    for (size_t i = start; i < stop; i++) {
        const bool take_left =
            left < middle && (right == stop || from[left].key <= from[right].key);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

/* Sort n points by key; returns points or other, whichever has the result. */
static struct point *sort_points(struct point *points, struct point *other, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            const size_t middle = start + width < n ? start + width : n;
            const size_t stop = middle + width < n ? middle + width : n;
            merge_runs(points, other, start, middle, stop);
        }
        struct point *const sorted = other;
        other = points;
        points = sorted;
    }
    return points;
}

/* Sort a spectrum by m/z, then write its peaks. */
static int32_t pick_unsorted(struct found *found, const struct profile *of, int32_t mz_bytes,
                             int32_t type)
{
    struct point *const points = malloc(2 * of->n * sizeof *points);
    unsigned char *const columns = malloc(2 * of->n * sizeof(double));
    if (points == NULL || columns == NULL) {
        free(points);
        free(columns);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < of->n; i++) {
        const uint64_t bits = load_mz(of->mz, i, mz_bytes);
        points[i] =
            (struct point){order_key(bits, mz_bytes), bits, intensity_at(of->intensity, i, type)};
    }
    const struct point *const sorted = sort_points(points, points + of->n, of->n);
    unsigned char *const intensity = columns + of->n * sizeof(double);
    for (size_t i = 0; i < of->n; i++) {
        store_mz(columns, i, mz_bytes, sorted[i].mz_bits);
        memcpy(intensity + 8 * i, &sorted[i].intensity, 8);
    }
    pick_known_types(found, &(struct profile){columns, intensity, of->n}, mz_bytes, FLOAT64);
    free(points);
    free(columns);
    return STATUS_OK;
}

/* Copy the peaks above zero of a spectrum that is no profile. */
static void copy_peaks(struct found *found, const struct profile *of, int32_t mz_bytes,
                       int32_t type)
{
    for (size_t i = 0; i < of->n; i++) {
        const double intensity = intensity_at(of->intensity, i, type);
        if (intensity > 0) {
            memcpy(found->mz + found->n * (size_t)mz_bytes, of->mz + i * (size_t)mz_bytes,
                   (size_t)mz_bytes);
            found->intensity[found->n++] = intensity;
        }
    }
}

/*
 * Write the peaks of a batch of spectra one after the other.
 *
 * is_profile: (n_spectra,) which spectra to pick; the others are copied.
 * mz, intensity: room for as many peaks as the spectra have points.
 * valley: room for as many values as the longest spectrum has points.
 * n_found: (n_spectra,) peaks of each, written.
 */
int32_t ionbox_pick_peaks(const struct spectra *spectra, const uint8_t *is_profile, void *mz,
                          double *intensity, float *valley, int64_t *n_found)
{
    if (!types_are_known(spectra)) {
        return STATUS_INVALID;
    }
    const int32_t mz_bytes = spectra->mz_bytes, type = spectra->intensity_type;
    struct found found = {.mz = mz, .intensity = intensity, .valley = valley};
    for (int64_t s = 0; s < spectra->n_spectra; s++) {
        const struct profile of = {bytes_at(spectra->mz_address[s]),
                                   bytes_at(spectra->intensity_address[s]),
                                   (size_t)spectra->n_peaks[s]};
        const size_t start = found.n;
        if (spectra->n_peaks[s] > UINT32_MAX) {
            return STATUS_INVALID; /* tops are noted by 32-bit numbers */
        }
        if (!is_profile[s]) {
            copy_peaks(&found, &of, mz_bytes, type);
        } else if (mz_bytes == 8 ? ascends(&of, 8) : ascends(&of, 4)) {
            pick_known_types(&found, &of, mz_bytes, type);
        } else {
            const int32_t status = pick_unsorted(&found, &of, mz_bytes, type);
            if (status != STATUS_OK) {
                return status;
            }
        }
        n_found[s] = (int64_t)(found.n - start);
    }
    return STATUS_OK;
}
