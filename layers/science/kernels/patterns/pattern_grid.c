/*
 * Lays out the grid on which the reference samples an envelope.
 *
 * In: the isotopologues of an ion, analyzer and peak width. Out: segments of samples (start,
 * increment, count), m/z, each of one peak width.
 *
 * The reference walks from left of the lightest isotopologue to the right, adding a 25th of the
 * full width at half maximum and rounding every time; some hundred thousand times for an ion at
 * high resolving power. While the exponent of the m/z stays, each addition rounds to the same
 * increment, so that n steps are one product: here the walk costs a few operations per
 * isotopologue, and still meets every position to the last bit. Starting the grid anew at each
 * cluster of isotopologues would be simpler, but moves peaks by up to 3.8 ppm.
 */

#include "pattern_grid.h"

#include <math.h>

#include "../status.h"
#include "memory.h"

static const double FWHM_PER_SIGMA = 2.3548200450309493; /* 2 sqrt(2 ln 2) */
static const double POINTS_PER_FWHM = 25.0;
static const double REFERENCE_MZ = 200.0;
enum { MAX_SAMPLES = 100000000 }; /* the reference refuses more */

/* Return the m/z of the most abundant isotopologue. */
static double find_top_mz(const struct fine_structure *fine)
{
    int32_t top = 0;
    for (int32_t i = 1; i < fine->n; i++) {
        if (fine->abundance[i] > fine->abundance[top]) {
            top = i;
        }
    }
    return fine->mass[top];
}

/*
 * Compute sigma and grid step (m/z) where each isotopologue sets the width. Formulas are written as
 * the reference has them, operation by operation: another order would give other last bits.
 */
static int32_t compute_widths(struct pattern_context *context, int32_t analyzer,
                              double sigma_at_200)
{
    double resolving_power = REFERENCE_MZ / (sigma_at_200 * FWHM_PER_SIGMA);
    const int32_t n = context->fine.n;
    const double *mz = context->fine.mass;
    if (n > context->width_capacity) {
        if (grow_array(&context->sigma, 2 * (size_t)n, sizeof(double)) != STATUS_OK
            || grow_array(&context->step, 2 * (size_t)n, sizeof(double)) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
        context->width_capacity = 2 * n;
    }
    double *sigma = context->sigma;
    double *step = context->step;
    if (context->recipe->is_constant_width) {
        resolving_power = find_top_mz(&context->fine) / (sigma_at_200 * FWHM_PER_SIGMA);
        analyzer = ANALYZER_TOF;
    }
    if (analyzer == ANALYZER_ORBITRAP) {
        for (int32_t i = 0; i < n; i++) {
            sigma[i] = mz[i] / (resolving_power * sqrt(REFERENCE_MZ / mz[i])) / FWHM_PER_SIGMA;
        }
    } else if (analyzer == ANALYZER_FTICR) {
        for (int32_t i = 0; i < n; i++) {
            sigma[i] = mz[i] / (resolving_power * REFERENCE_MZ / mz[i]) / FWHM_PER_SIGMA;
        }
    } else {
        for (int32_t i = 0; i < n; i++) {
            sigma[i] = mz[i] / resolving_power / FWHM_PER_SIGMA;
        }
    }
    for (int32_t i = 0; i < n; i++) {
        step[i] = sigma[i] * FWHM_PER_SIGMA / POINTS_PER_FWHM;
    }
    return STATUS_OK;
}

/* Position of the walk along the grid. */
struct walker {
    double mz;
    int64_t index;
    double power_of_two; /* the least above mz */
};

/* Begin a segment at the walker's sample, which it has as its only one; NULL without memory. */
static struct segment *open_segment(struct pattern_context *context, const struct walker *walk,
                                    int32_t peak, double sigma)
{
    if (context->n_segments == context->segment_capacity) {
        int32_t capacity = 2 * context->segment_capacity + 256;
        if (grow_array(&context->segments, (size_t)capacity, sizeof *context->segments)
            != STATUS_OK) {
            return NULL;
        }
        context->segment_capacity = capacity;
    }
    struct segment *opened = context->segments + context->n_segments++;
    opened->start = walk->mz;
    opened->increment = 0.0;
    opened->sigma = sigma;
    opened->first = walk->index;
    opened->count = 1;
    opened->peak = peak;
    return opened;
}

/* Go one sample on, by one rounded addition. */
static void step_once(struct walker *walk, double step)
{
    walk->mz += step;
    walk->index++;
    while (walk->mz >= walk->power_of_two) {
        walk->power_of_two *= 2.0;
    }
}

/*
 * Walk on while the next sample is not beyond `limit` (if `open`: is below it), extending the last
 * segment. Adding the step rounds to the same increment while the exponent of m/z stays. An
 * exception is a step half way between two multiples of the last bit: it is rounded to even, so the
 * first increment depends on where the walk stands, and all later ones are equal. (m/z below a
 * power of two 2^k, at or above 2^(k-1), have a last bit of 2^(k-53), half of which is 2^(k-54).)
 */
static int32_t walk_to(struct pattern_context *context, struct walker *walk, double step,
                       double limit, bool open)
{
    for (;;) {
        struct segment *current = context->segments + context->n_segments - 1;
        const double next = walk->mz + step;
        double increment = next - walk->mz;
        const double last = fmin(limit, walk->power_of_two);
        const bool up_to_last = !open && limit < walk->power_of_two;
        if (!(open ? next < limit : next <= limit)) {
            return STATUS_OK;
        }
        if (!(increment > 0.0) || walk->index > MAX_SAMPLES) {
            context->declined = true;
            return STATUS_OK;
        }
        if (next >= walk->power_of_two || fabs(step - increment) == walk->power_of_two * 0x1p-54) {
            const bool is_tie = next < walk->power_of_two;
            step_once(walk, step);
            current = open_segment(context, walk, current->peak, current->sigma);
            if (!current) {
                return STATUS_NO_MEMORY;
            }
            increment = walk->mz + step - walk->mz;
            if (!is_tie || !(increment > 0.0)) {
                continue;
            }
        }
        /* one too many if anything, then as many less as the comparison itself demands */
        int64_t n = (int64_t)((last - walk->mz) / increment) + 1;
        while (n > 0
               && (up_to_last ? walk->mz + (double)n * increment > last
                              : walk->mz + (double)n * increment >= last)) {
            n--;
        }
        current->increment = increment;
        current->count += n;
        walk->mz += (double)n * increment;
        walk->index += n;
        if (limit < walk->power_of_two) {
            return STATUS_OK;
        }
    }
}

/*
 * Lay out the whole grid as segments, widths known. The width is that of one isotopologue until a
 * sample is out of its reach, 6 or 12 sigma; that sample takes the next one's width if it is within
 * reach of it, else it is in empty space, which ends where the next one is reached.
 */
static int32_t lay_out_segments(struct pattern_context *context)
{
    const double *mz = context->fine.mass, *sigma = context->sigma, *step = context->step;
    const int32_t n = context->fine.n;
    const double n_sigma = context->recipe->grid_reach;
    const double origin = mz[0] - n_sigma * sigma[0];
    /* Sample 0 is half a window left of the origin; the walk starts at the last of that window. */
    struct walker walk = {origin + (double)HALF_WINDOW * step[0], WINDOW - 1, 0x1p-20};
    int32_t status;
    context->n_segments = 0;
    if (!(origin - (double)HALF_WINDOW * step[0] > 0.0) || !(step[0] > 0.0)) {
        context->declined = true; /* the reference refuses negative m/z */
        return STATUS_OK;
    }
    while (walk.mz >= walk.power_of_two) {
        walk.power_of_two *= 2.0;
    }
    if (!open_segment(context, &walk, 0, sigma[0])) {
        return STATUS_NO_MEMORY;
    }
    for (int32_t peak = 0;; peak++) {
        const double reach = n_sigma * sigma[peak];
        status = walk_to(context, &walk, step[peak], mz[peak] + reach, false);
        if (walk.index >= MAX_SAMPLES) {
            context->declined = true; /* the reference refuses more */
        }
        if (status != STATUS_OK || context->declined || peak == n - 1) {
            return status;
        }
        step_once(&walk, step[peak]);
        if (walk.mz > mz[n - 1] + reach) {
            return STATUS_OK;
        }
        if (!(walk.mz >= mz[peak + 1] - reach)) {
            if (!open_segment(context, &walk, -1, sigma[peak])) {
                return STATUS_NO_MEMORY;
            }
            status = walk_to(context, &walk, step[peak], mz[peak + 1] - reach, true);
            if (status != STATUS_OK || context->declined) {
                return status;
            }
            step_once(&walk, step[peak]);
            if (walk.mz > mz[n - 1] + reach) {
                return STATUS_OK;
            }
        }
        if (!open_segment(context, &walk, peak + 1, sigma[peak + 1])) {
            return STATUS_NO_MEMORY;
        }
    }
}

int32_t lay_out_grid(struct pattern_context *context, int32_t analyzer, double sigma_at_200)
{
    const int32_t status = compute_widths(context, analyzer, sigma_at_200);
    return status == STATUS_OK ? lay_out_segments(context) : status;
}

int32_t find_segment(const struct pattern_context *context, int32_t hint, double mz)
{
    const struct segment *segments = context->segments;
    int32_t found = hint;
    while (found > 0 && segments[found].start > mz) {
        found--;
    }
    while (found + 1 < context->n_segments && segments[found + 1].start <= mz) {
        found++;
    }
    return found;
}

int64_t find_sample(const struct pattern_context *context, int32_t hint, double mz)
{
    const struct segment *in = context->segments + find_segment(context, hint, mz);
    int64_t j;
    if (!(in->increment > 0.0) || mz <= in->start) {
        return in->first;
    }
    j = (int64_t)((mz - in->start) / in->increment);
    return in->first + (j < in->count ? j : in->count - 1);
}
