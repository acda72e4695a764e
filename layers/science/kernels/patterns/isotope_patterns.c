/*
 * Theoretical isotope patterns as an analyzer of finite resolving power sees them.
 *
 * In: the atoms of each ion, the analyzer and its peak width at m/z 200, the charge. Out: the m/z
 * and abundance (base peak 100) of each ion's n most intense isotope peaks, by ascending m/z.
 *
 * The result is that of cpyMSpec 0.4.2 (the ims-cpp library), with which METASPACE annotates; the
 * code is written anew from an understanding of its recipe:
 *
 *   1. fine structure: every isotopologue with at least 1e-4 of the most abundant one's abundance
 *      (fine_structure.c);
 *   2. envelope: a Gaussian per isotopologue, sampled on a grid of 25 points per full width at half
 *      maximum that starts left of the lightest isotopologue and is walked to the right
 *      (pattern_grid.c, pattern_envelope.c);
 *   3. every local maximum of the samples, its m/z the weighted mean of the 15 samples around it
 *      (pattern_maxima.c);
 *   4. the n most intense of them, relative to the first.
 *
 * The grid leaves a bias of about 0.1 ppm against exact masses, which is part of the definition:
 * people's annotations were made with it. So each sample that matters is computed at the very
 * position, with the very width and the very table of exponentials of the reference. What is saved
 * is all the other samples, between the isotope peaks and on flanks, on which the reference spends
 * almost all its time: 7 to 11 microseconds per ion instead of some hundreds. Cost grows with an
 * ion's isotopologues, not with the m/z range it spans.
 *
 * Where a decision hangs on the last digits (two samples equal to 1e-12), the ion is declined and
 * the caller asks the reference. One context serves one thread.
 *
 * A context may also make the patterns of cpyMSpec 0.3.5, with which METASPACE's first method
 * annotates: peaks of one width, whatever their m/z, on a grid that reaches twice as far, and exact
 * exponentials. No process can hold both versions of cpyMSpec, so nobody is asked there: near ties
 * are decided by these digits, and what the reference refuses has no pattern.
 */

#include <stdlib.h>

#include "../status.h"
#include "isotope_counts.h"
#include "memory.h"
#include "pattern_context.h"
#include "pattern_envelope.h"
#include "pattern_grid.h"
#include "pattern_maxima.h"

/* What became of an ion; Python reads it by these numbers (compositions.py). */
enum { ION_DONE, ION_WITHOUT_PATTERN, ION_DECLINED };

/* What shapes a pattern besides the formula. */
struct isotope_model {
    int32_t analyzer;
    double sigma; /* of a peak at m/z 200, in Da */
    int32_t charge;
    int32_t n_peaks; /* to keep */
};

/*
 * Gaussians of 0.3.5 reach 12 sigma; beyond 9 they are below 3e-18, and no peak that counts, 1e-4 or
 * more, is changed by them.
 */
static const struct recipe RECIPES[N_VERSIONS] = {
    [CPYMSPEC_0_4_2] = {.has_reference = true, .grid_reach = 6.0, .reach = 6.0, .separate = 6.5},
    [CPYMSPEC_0_3_5] = {.is_constant_width = true,
                        .is_exact = true,
                        .grid_reach = 12.0,
                        .reach = 9.0,
                        .separate = 9.0},
};

/* ---- pattern of one ion ---- */

/* Order peaks by falling intensity; the lighter of two equal ones first. */
static void sort_by_intensity(struct centroid_peak *peaks, int32_t n)
{
    for (int32_t i = 1; i < n; i++) {
        const struct centroid_peak peak = peaks[i];
        int32_t j = i;
        for (; j > 0 && peaks[j - 1].intensity < peak.intensity; j--) {
            peaks[j] = peaks[j - 1];
        }
        peaks[j] = peak;
    }
}

static void sort_by_mz(struct centroid_peak *peaks, int32_t n)
{
    for (int32_t i = 1; i < n; i++) {
        const struct centroid_peak peak = peaks[i];
        int32_t j = i;
        for (; j > 0 && peaks[j - 1].mz > peak.mz; j--) {
            peaks[j] = peaks[j - 1];
        }
        peaks[j] = peak;
    }
}

/* Write the n best peaks by ascending m/z, intensity relative to a base peak of 100. */
static void write_best(struct pattern_context *context, int32_t n_wanted, double shift, double *mz,
                       float *intensity)
{
    struct centroid_peak *peaks = context->peaks;
    int32_t n = context->n_peaks;
    if (n == 0) {
        context->declined = true; /* the reference raises an error */
        return;
    }
    sort_by_intensity(peaks, n);
    const double top = peaks[0].intensity;
    if (n > n_wanted) {
        /* asked for its note: if the last one kept equals the first one left out, rounding chose */
        is_less(context, peaks[n_wanted].intensity, peaks[n_wanted - 1].intensity);
        n = n_wanted;
    }
    while (is_less(context, peaks[n - 1].intensity / top, MIN_ABUNDANCE)) {
        n--;
    }
    if (context->declined) {
        return;
    }
    sort_by_mz(peaks, n);
    for (int32_t i = 0; i < n; i++) {
        mz[i] = peaks[i].mz + shift;
        intensity[i] = (float)(peaks[i].intensity / top * 100.0);
    }
}

/* Compute one ion's pattern into mz and intensity (n_peaks), zeros before. Returns a status. */
static int32_t generate_pattern(struct pattern_context *context, const struct isotope_model *model,
                                int64_t n_elements, const int32_t *elements, const int32_t *counts,
                                double shift, double *mz, float *intensity, uint8_t *outcome)
{
    *outcome = ION_WITHOUT_PATTERN;
    int32_t status =
        build_fine_structure(&context->fine, n_elements, elements, counts, model->charge);
    if (status != STATUS_OK || context->fine.n == 0) {
        return status;
    }
    const bool may_ask = context->recipe->has_reference;
    context->declined = may_ask && context->fine.declined;
    /* a single isotopologue keeps its exact mass, as in the reference: no envelope, no grid */
    if (context->fine.n == 1 && !context->declined) {
        mz[0] = context->fine.mass[0] + shift;
        intensity[0] = 100.0f;
        *outcome = ION_DONE;
        return STATUS_OK;
    }
    if (!context->declined) {
        status = lay_out_grid(context, model->analyzer, model->sigma);
    }
    if (status == STATUS_OK && !context->declined) {
        status = find_maxima(context, model->n_peaks);
    }
    if (status == STATUS_OK && !context->declined) {
        write_best(context, model->n_peaks, shift, mz, intensity);
    }
    if (!context->declined) {
        *outcome = ION_DONE;
    } else if (may_ask) {
        *outcome = ION_DECLINED;
    }
    return status;
}

/* ---- entry points ---- */

/* Free a context and all it has grown to; NULL is fine. */
void ionbox_free_pattern_context(struct pattern_context *context)
{
    if (!context) {
        return;
    }
    release_fine_structure(&context->fine);
    free(context->exponentials.value);
    free(context->sigma);
    free(context->step);
    free(context->segments);
    free(context->clusters);
    free(context->sample_mz);
    free(context->sample_value);
    free(context->peaks);
    free(context->best);
    free(context);
}

/*
 * Make the context of one thread. isotope_starts is (n_elements + 1); masses in Da and abundances
 * are (isotope_starts[n_elements]). Elements ascend by symbol. Returns NULL without memory or where
 * an element has no isotope or more than ten. version: 0 for the patterns of cpyMSpec 0.4.2, 1 for
 * those of 0.3.5. What the processor has for many numbers at a time is used if is_plain is 0; the
 * result is the same.
 */
struct pattern_context *ionbox_make_pattern_context(int32_t n_elements,
                                                    const int32_t *isotope_starts,
                                                    const double *masses, const double *abundances,
                                                    int32_t version, int32_t is_plain)
{
    if (version < 0 || version >= N_VERSIONS) {
        return NULL;
    }
    struct pattern_context *context = calloc(1, sizeof *context);
    if (!context) {
        return NULL;
    }
    context->recipe = &RECIPES[version];
    context->add = choose_addition(context->recipe, is_plain != 0);
    if (make_exponentials(context->recipe, &context->exponentials) != STATUS_OK
        || prepare_fine_structure(&context->fine, n_elements, isotope_starts, masses, abundances)
               != STATUS_OK) {
        ionbox_free_pattern_context(context);
        return NULL;
    }
    return context;
}

/*
 * Compute the patterns of ions.
 *
 * starts (n_ions + 1): each ion's range in elements and counts, ids ascending, counts 1 .. 32767.
 * shifts (n_ions): m/z to add to every peak, the mass of isotope labels over charge. analyzer: 0
 * Orbitrap, 1 FTICR, 2 TOF; without meaning for 0.3.5. sigma: of a peak at m/z 200, in Da. mz
 * (n_ions, n_peaks), intensity (n_ions, n_peaks; base peak 100): zeros on entry. outcome (n_ions):
 * 0 done, 1 no pattern, 2 declined. Returns a status (status.h).
 */
int32_t ionbox_generate_patterns(struct pattern_context *context, int64_t n_ions,
                                 const int64_t *starts, const int32_t *elements,
                                 const int32_t *counts, const double *shifts, int32_t analyzer,
                                 double sigma, int32_t charge, int32_t n_peaks, double *mz,
                                 float *intensity, uint8_t *outcome)
{
    const struct isotope_model model = {analyzer, sigma, charge, n_peaks};
    if (n_peaks < 1 || analyzer < ANALYZER_ORBITRAP || analyzer > ANALYZER_TOF) {
        return STATUS_INVALID;
    }
    if (n_peaks > context->best_capacity) {
        if (grow_array(&context->best, (size_t)n_peaks, sizeof *context->best) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
        context->best_capacity = n_peaks;
    }
    for (int64_t ion = 0; ion < n_ions; ion++) {
        const int64_t start = starts[ion];
        outcome[ion] = ION_WITHOUT_PATTERN;
        if (starts[ion + 1] == start) {
            continue;
        }
        const int32_t status = generate_pattern(
            context, &model, starts[ion + 1] - start, elements + start, counts + start, shifts[ion],
            mz + ion * n_peaks, intensity + ion * n_peaks, outcome + ion);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}
