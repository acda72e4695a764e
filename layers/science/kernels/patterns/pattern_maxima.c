/*
 * Finds those local maxima of an envelope that can be among the n most intense.
 *
 * In: an ion's isotopologues and grid, n. Out: m/z and intensity of maxima, the n most intense
 * among them (isotope_patterns.c, step 3).
 *
 * Few samples need computing:
 *
 *   - isotopologues within 1.9 sigma of each other make a log-concave envelope, with one maximum
 *     (log f has the second derivative var / sigma^4 - 1 / sigma^2, where var <= (range / 2)^2), so
 *     climbing from the mean finds it, mostly with 16 samples;
 *   - elsewhere, blocks of samples whose upper bound is below the n-th best maximum are skipped.
 *
 * One step of Newton's method per cluster would give other peaks for 5 to 18 % of ions:
 * isotopologues of one cluster can make several maxima, and the reference counts them all.
 */

#include "pattern_maxima.h"

#include <math.h>

#include "../status.h"
#include "isotope_counts.h"
#include "memory.h"
#include "pattern_envelope.h"
#include "pattern_grid.h"

static const double UNIMODAL = 1.9; /* range / sigma up to which there is one maximum: below 2 */
static const double STEADY = 1e-4;  /* relative change of sigma too small to make a maximum */
/*
 * Height, relative to a Gaussian's top, that the sample nearest to it has at least: it is half a
 * step away or less, 0.047 sigma, and exp(-0.047^2 / 2) = 0.9989.
 */
static const double NEAREST_SAMPLE = 0.998;
enum {
    CLIMB_WINDOW = WINDOW + 1,
    BLOCK = 8 /* samples judged at once */
};

/* ---- maxima among samples ---- */

bool is_less(struct pattern_context *context, double a, double b)
{
    if (context->recipe->has_reference && fabs(a - b) <= NEAR_TIE * b) {
        context->declined = true;
    }
    return a < b;
}

/* Note down a maximum. Returns a status. */
static int32_t add_peak(struct pattern_context *context, double mz, double intensity)
{
    if (context->n_peaks == context->peak_capacity) {
        int32_t capacity = 2 * context->peak_capacity + 64;
        if (grow_array(&context->peaks, (size_t)capacity, sizeof *context->peaks) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
        context->peak_capacity = capacity;
    }
    context->peaks[context->n_peaks].mz = mz;
    context->peaks[context->n_peaks].intensity = intensity;
    context->n_peaks++;
    return STATUS_OK;
}

/*
 * Note down a local maximum, the middle of 15 samples, with the weighted mean of their m/z. Left of
 * it, the mean begins with the sample at which the left flank ends; right of it, it ends before the
 * sample at which the right flank does: so the reference has it.
 */
static int32_t add_centroid(struct pattern_context *context, const double *mz, const double *value)
{
    double weighted = 0.0, total = 0.0;
    int i = HALF_WINDOW;
    while (i > 0 && is_less(context, value[i - 1], value[i])) {
        i--;
    }
    for (; i < WINDOW; i++) {
        if (i > HALF_WINDOW && i + 1 < WINDOW && is_less(context, value[i], value[i + 1])) {
            break;
        }
        weighted += mz[i] * value[i];
        total += value[i];
    }
    return add_peak(context, weighted / total, value[HALF_WINDOW]);
}

/* Add the local maxima of at least `least` among samples, but half a window at either end. */
static int32_t add_maxima(struct pattern_context *context, const double *mz, const double *value,
                          int64_t count, double least)
{
    for (int64_t i = HALF_WINDOW; i < count - HALF_WINDOW; i++) {
        /* Most samples clearly are no maximum. Only the others may set a note, by is_less. */
        if (value[i] < least * (1.0 - NEAR_TIE) || value[i - 1] > value[i] * (1.0 + NEAR_TIE)
            || value[i + 1] > value[i] * (1.0 + NEAR_TIE)) {
            continue;
        }
        if (is_less(context, value[i], least) || !is_less(context, value[i - 1], value[i])
            || is_less(context, value[i], value[i + 1])) {
            continue;
        }
        const int32_t status = add_centroid(context, mz + i - HALF_WINDOW, value + i - HALF_WINDOW);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* ---- maxima of a cluster ---- */

/* Make room for `wanted` samples, and as many again. Returns a status. */
static int32_t reserve_samples(struct pattern_context *context, int64_t wanted)
{
    int64_t capacity = 2 * wanted;
    if (wanted <= context->sample_capacity) {
        return STATUS_OK;
    }
    context->sample_capacity = 0;
    if (grow_array(&context->sample_mz, (size_t)capacity, sizeof(double)) != STATUS_OK
        || grow_array(&context->sample_value, (size_t)capacity, sizeof(double)) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    context->sample_capacity = capacity;
    return STATUS_OK;
}

/* Add the maxima of at least `least` among samples first .. last; computes half a window more. */
static int32_t scan_samples(struct pattern_context *context, int32_t hint, int64_t first,
                            int64_t last, double least)
{
    const int64_t count = last - first + 1 + 2 * HALF_WINDOW;
    const int32_t status = reserve_samples(context, count);
    if (status != STATUS_OK) {
        return status;
    }
    sample_envelope(context, hint, first - HALF_WINDOW, count, context->sample_mz,
                    context->sample_value);
    if (context->declined) {
        return STATUS_OK;
    }
    return add_maxima(context, context->sample_mz, context->sample_value, count, least);
}

/*
 * Find the one maximum of a log-concave cluster: sample a window around the weighted mean, and move
 * it to its highest sample until that lies in the middle.
 */
static int32_t climb(struct pattern_context *context, int32_t hint, double mean, double least)
{
    int64_t top = find_sample(context, hint, mean);
    double mz[CLIMB_WINDOW], value[CLIMB_WINDOW];
    for (;;) {
        int best = 0;
        sample_envelope(context, hint, top - HALF_WINDOW, CLIMB_WINDOW, mz, value);
        if (context->declined) {
            return STATUS_OK;
        }
        for (int i = 1; i < CLIMB_WINDOW; i++) {
            if (value[i] > value[best]) {
                best = i;
            }
        }
        if (best >= HALF_WINDOW && best < CLIMB_WINDOW - HALF_WINDOW) {
            return add_maxima(context, mz, value, CLIMB_WINDOW, least);
        }
        top += best - HALF_WINDOW;
    }
}

/*
 * What it takes to reach `least` in a cluster: isotopologues that are not small, which all together
 * are less than half of it, and one of them `near`.
 */
struct reaching {
    double small;  /* abundance below which an isotopologue is small */
    double near;   /* m/z; beyond it all others in one place make less than half of `least` */
    int32_t next;  /* the first isotopologue that was not passed yet, */
    double behind; /* and the m/z of the last one passed that is not small */
};

/* Return the first sample after `index` that may reach `least`; `index` itself cannot. */
static int64_t skip_gap(const struct pattern_context *context, const struct cluster *within,
                        int32_t hint, int64_t index, struct reaching *needed)
{
    const double *mass = context->fine.mass, *abundance = context->fine.abundance;
    const double mz = sample_position(context->segments + hint, index);
    for (; needed->next <= within->last; needed->next++) {
        const bool is_small = abundance[needed->next] < needed->small;
        if (mass[needed->next] > mz && !is_small) {
            break;
        }
        needed->behind = is_small ? needed->behind : mass[needed->next];
    }
    if (mz - needed->behind <= needed->near) {
        return index + 1;
    }
    if (needed->next > within->last) {
        return INT64_MAX;
    }
    const int64_t found = find_sample(context, hint, mass[needed->next] - needed->near);
    return found > index ? found : index + 1;
}

/*
 * Scan a cluster's samples block by block, leaving out blocks that cannot reach `least`. Maxima lie
 * between the lightest isotopologue and `margin` (m/z) beyond the heaviest.
 */
static int32_t scan_cluster(struct pattern_context *context, int32_t hint,
                            const struct cluster *within, double margin, double least)
{
    const double sigma = context->sigma[within->last];
    const double begin = context->fine.mass[within->first] - 2.0 * context->step[within->first];
    const struct segment *in = context->segments + hint;
    const struct segment *end = context->segments + context->n_segments;
    const int64_t stop = find_sample(context, hint, context->fine.mass[within->last] + margin) + 1;
    struct reaching needed = {
        .small = 0.5 * least / (within->last - within->first + 1),
        .near = sqrt(2.0 * log(fmax(2.0 * within->sum / least, 1.0))) * sigma,
        .next = within->first,
        .behind = -INFINITY,
    };
    int64_t index = find_sample(context, hint, begin), run = -1;
    while (index <= stop) {
        int64_t block_end = index + BLOCK - 1 < stop ? index + BLOCK - 1 : stop;
        while (in < end && in->first + in->count <= index) {
            in++;
        }
        if (in == end) {
            break;
        }
        if (block_end > in->first + in->count - 1) {
            block_end = in->first + in->count - 1;
        }
        const bool reaches = in->peak >= 0
                             && may_reach(context, within, sigma, sample_position(in, index),
                                          sample_position(in, block_end), least);
        if (reaches && run < 0) {
            run = index;
        }
        if (!reaches && run >= 0) {
            int32_t status = scan_samples(context, hint, run, index - 1, least);
            if (status != STATUS_OK || context->declined) {
                return status;
            }
            run = -1;
        }
        index = reaches ? block_end + 1
                        : skip_gap(context, within, (int32_t)(in - context->segments), block_end,
                                   &needed);
    }
    return run >= 0 ? scan_samples(context, hint, run, index - 1, least) : STATUS_OK;
}

/* ---- clusters ---- */

/* Cut the isotopologues into clusters that do not interact. */
static int32_t find_clusters(struct pattern_context *context)
{
    const double *mass = context->fine.mass, *abundance = context->fine.abundance;
    const double separate = context->recipe->separate;
    context->n_clusters = 0;
    for (int32_t first = 0, last; first < context->fine.n; first = last + 1) {
        double weighted = 0.0;
        struct cluster found = {first, first, abundance[first], abundance[first], 0.0};
        for (last = first; last + 1 < context->fine.n
                           && mass[last + 1] - mass[last] <= separate * context->sigma[last + 1];) {
            last++;
            found.sum += abundance[last];
            weighted += abundance[last] * (mass[last] - mass[first]);
            if (abundance[last] > found.top) {
                found.top = abundance[last];
            }
        }
        found.last = last;
        found.mean = mass[first] + weighted / found.sum;
        if (context->n_clusters == context->cluster_capacity) {
            int32_t capacity = 2 * context->cluster_capacity + 64;
            if (grow_array(&context->clusters, (size_t)capacity, sizeof *context->clusters)
                != STATUS_OK) {
                return STATUS_NO_MEMORY;
            }
            context->cluster_capacity = capacity;
        }
        context->clusters[context->n_clusters++] = found;
    }
    return STATUS_OK;
}

/*
 * Return a lower bound of the n-th best maximum. Each cluster has a maximum at least as high as its
 * top isotopologue alone makes it, so the n-th largest of these tops is one, but for the grid.
 */
static double bound_nth_maximum(const struct pattern_context *context, int32_t n_wanted)
{
    double *best = context->best;
    int32_t n_best = 0;
    for (int32_t c = 0; c < context->n_clusters; c++) {
        const double top = context->clusters[c].top;
        int32_t place;
        if (n_best < n_wanted) {
            place = n_best++;
        } else if (top > best[n_wanted - 1]) {
            place = n_wanted - 1;
        } else {
            continue;
        }
        for (; place > 0 && best[place - 1] < top; place--) {
            best[place] = best[place - 1];
        }
        best[place] = top;
    }
    return n_best < n_wanted ? 0.0 : best[n_wanted - 1] * NEAREST_SAMPLE;
}

int32_t find_maxima(struct pattern_context *context, int32_t n_wanted)
{
    int32_t hint = 0;
    int32_t status = find_clusters(context);
    const double least =
        status == STATUS_OK ? fmax(bound_nth_maximum(context, n_wanted), MIN_ABUNDANCE) : 0.0;
    context->n_peaks = 0;
    for (int32_t c = 0; c < context->n_clusters && status == STATUS_OK && !context->declined; c++) {
        const struct cluster *here = context->clusters + c;
        const double begin = context->fine.mass[here->first];
        const double sigma = context->sigma[here->first];
        /* the envelope is nowhere higher than if all isotopologues stood in one place */
        if (here->sum < least * (1.0 - 1e-6)) {
            continue;
        }
        hint = find_segment(context, hint, begin - 2.0 * sigma);
        /* the width in force may still be that of an isotopologue of an earlier cluster */
        const double drift = context->sigma[here->last] / context->segments[hint].sigma - 1.0;
        if (context->fine.mass[here->last] - begin <= UNIMODAL * sigma && drift < STEADY) {
            status = climb(context, hint, here->mean, least);
        } else {
            status = scan_cluster(context, hint, here,
                                  drift < STEADY ? 2.0 * context->step[here->last]
                                                 : context->recipe->grid_reach * sigma,
                                  least);
        }
    }
    return status;
}
