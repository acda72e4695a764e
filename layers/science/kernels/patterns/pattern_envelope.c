/*
 * Samples the envelope of an isotope pattern: the sum of a Gaussian per isotopologue.
 *
 * In: the isotopologues, and a range of samples of the grid. Out: m/z and height of each sample,
 * the height relative to the most abundant isotopologue; and upper bounds, to know what need not be
 * sampled.
 *
 * cpyMSpec 0.4.2 takes its Gaussians from a table of exponentials with a quadratic correction, up to
 * 1e-8 too low, and cuts them off at 6 sigma. The same table is used here, entry by entry, as a
 * better exponential would decide near ties otherwise. 0.3.5 asks the C library for every one; here
 * a table of the same spacing gives them, with a correction of fifth order, which leaves out less
 * than 1e-17. Cost: samples times isotopologues within 6 or 9 sigma.
 */

#include "pattern_envelope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../processor.h"
#include "../status.h"
#include "pattern_grid.h"

static const double EXP_STEP = 0.004;

/*
 * 0.4.2 sums x up step by step, with rounding that has become part of its exponentials. Exact ones
 * are those of the very x that samples are compared with.
 */
int32_t make_exponentials(const struct recipe *recipe, struct exponentials *made)
{
    made->least = -0.5 * recipe->reach * recipe->reach;
    made->size = (int32_t)(-made->least / EXP_STEP + 0.5) + 1;
    made->value = malloc((size_t)made->size * sizeof *made->value);
    if (!made->value) {
        return STATUS_NO_MEMORY;
    }
    double sum = made->least;
    for (int32_t i = 0; i < made->size; i++) {
        made->value[i] = exp(recipe->is_exact ? i * EXP_STEP + made->least : sum);
        sum += EXP_STEP;
    }
    return STATUS_OK;
}

/* Factors of 1 + x (1 + x (1/2 + x (1/6 + x (1/24 + x / 120)))), the exponential of a small x. */
static const double THIRD = 1.0 / 6.0, FOURTH = 1.0 / 24.0, FIFTH = 1.0 / 120.0;

/*
 * Add one isotopologue's Gaussian to n <= SAMPLES_AT_ONCE samples, by a table of exponentials and a
 * correction of second or, if `is_exact`, fifth order. The loops are apart so that a compiler can
 * compute two samples at a time.
 */
static inline void add_gaussian(const struct exponentials *exponentials, double mass,
                                double abundance, double sigma, int n, const double *restrict mz,
                                double *restrict value, const bool is_exact)
{
    const double *restrict exp_table = exponentials->value;
    const double exp_min = exponentials->least;
    double x[SAMPLES_AT_ONCE], weight[SAMPLES_AT_ONCE];
    int32_t cell[SAMPLES_AT_ONCE];
    for (int j = 0; j < n; j++) {
        const double distance = (mass - mz[j]) / sigma;
        x[j] = distance * distance * -0.5;
    }
    for (int j = 0; j < n; j++) {
        cell[j] = (int32_t)((x[j] - exp_min) / EXP_STEP);
    }
    for (int j = 0; j < n; j++) {
        const double rest = x[j] - (cell[j] * EXP_STEP + exp_min);
        const double bend =
            is_exact ? rest * (0.5 + rest * (THIRD + rest * (FOURTH + rest * FIFTH))) : 0.5 * rest;
        weight[j] = 1.0 + rest * (1.0 + bend);
    }
    for (int j = 0; j < n; j++) {
        if (x[j] >= exp_min) {
            value[j] += abundance * (exp_table[cell[j]] * weight[j]);
        }
    }
}

static void add_plainly(const struct exponentials *exponentials, const double *mass,
                        const double *abundance, int32_t n_masses, double sigma, int n,
                        const double *mz, double *value)
{
    for (int32_t i = 0; i < n_masses; i++) {
        add_gaussian(exponentials, mass[i], abundance[i], sigma, n, mz, value, false);
    }
}

static void add_exactly(const struct exponentials *exponentials, const double *mass,
                        const double *abundance, int32_t n_masses, double sigma, int n,
                        const double *mz, double *value)
{
    for (int32_t i = 0; i < n_masses; i++) {
        add_gaussian(exponentials, mass[i], abundance[i], sigma, n, mz, value, true);
    }
}

#ifdef HAS_WIDE
enum { LANES = 4, MAX_GROUPS = SAMPLES_AT_ONCE / LANES };

/*
 * Divide by b as a division would, to the last bit, given 1 / b: a quotient within one unit of its
 * last place is made exact by one multiplication and addition in one of its remainder, which has no
 * rounding (Markstein 1990, doi:10.1147/rd.341.0111). The first of two rounds brings it so near.
 */
WIDE_FUSED static inline __m256d divide(__m256d a, __m256d b, __m256d per_b)
{
    __m256d quotient = _mm256_mul_pd(a, per_b);
    quotient = _mm256_fmadd_pd(_mm256_fnmadd_pd(quotient, b, a), per_b, quotient);
    return _mm256_fmadd_pd(_mm256_fnmadd_pd(quotient, b, a), per_b, quotient);
}

/* Return an isotopologue's Gaussian at four samples; what add_gaussian rounds is rounded here. */
WIDE_FUSED static inline __m256d evaluate(const struct exponentials *exponentials, __m256d mass,
                                          __m256d abundance, __m256d width, __m256d per_width,
                                          __m256d at, const bool is_exact)
{
    const __m256d step = _mm256_set1_pd(EXP_STEP), per_step = _mm256_set1_pd(1.0 / EXP_STEP);
    const __m256d least = _mm256_set1_pd(exponentials->least), one = _mm256_set1_pd(1.0);
    const __m256d half = _mm256_set1_pd(0.5);
    const __m256d distance = divide(_mm256_sub_pd(mass, at), width, per_width);
    const __m256d x = _mm256_mul_pd(_mm256_mul_pd(distance, distance), _mm256_set1_pd(-0.5));
    const __m256d in_reach = _mm256_cmp_pd(x, least, _CMP_GE_OQ);
    /* out of reach, the first cell will do for all of them */
    const __m256d above = _mm256_and_pd(in_reach, _mm256_sub_pd(x, least));
    const __m128i cell = _mm256_cvttpd_epi32(divide(above, step, per_step));
    const __m256d power = _mm256_i32gather_pd(exponentials->value, cell, 8);
    const __m256d begin = _mm256_add_pd(_mm256_mul_pd(_mm256_cvtepi32_pd(cell), step), least);
    const __m256d rest = _mm256_sub_pd(x, begin);
    __m256d bend = half;
    if (is_exact) {
        bend = _mm256_add_pd(_mm256_set1_pd(FOURTH), _mm256_mul_pd(rest, _mm256_set1_pd(FIFTH)));
        bend = _mm256_add_pd(_mm256_set1_pd(THIRD), _mm256_mul_pd(rest, bend));
        bend = _mm256_add_pd(half, _mm256_mul_pd(rest, bend));
    }
    bend = _mm256_add_pd(one, _mm256_mul_pd(bend, rest));
    const __m256d weight = _mm256_add_pd(one, _mm256_mul_pd(rest, bend));
    const __m256d term = _mm256_mul_pd(abundance, _mm256_mul_pd(power, weight));
    return _mm256_and_pd(in_reach, term);
}

/* Add to n_groups times four samples, a constant: sums stay in registers. */
WIDE_FUSED static inline void add_to_groups(const struct exponentials *exponentials,
                                            const double *mass, const double *abundance,
                                            int32_t n_masses, double sigma, const int n_groups,
                                            const double *mz, double *value, const bool is_exact)
{
    const __m256d width = _mm256_set1_pd(sigma), per_width = _mm256_set1_pd(1.0 / sigma);
    __m256d at[MAX_GROUPS], sum[MAX_GROUPS];
    for (int g = 0; g < n_groups; g++) {
        at[g] = _mm256_loadu_pd(mz + LANES * g);
        sum[g] = _mm256_loadu_pd(value + LANES * g);
    }
    for (int32_t i = 0; i < n_masses; i++) {
        const __m256d here = _mm256_set1_pd(mass[i]), share = _mm256_set1_pd(abundance[i]);
        for (int g = 0; g < n_groups; g++) {
            const __m256d term =
                evaluate(exponentials, here, share, width, per_width, at[g], is_exact);
            sum[g] = _mm256_add_pd(sum[g], term);
        }
    }
    for (int g = 0; g < n_groups; g++) {
        _mm256_storeu_pd(value + LANES * g, sum[g]);
    }
}

WIDE_FUSED static inline void add_any_number(const struct exponentials *exponentials,
                                             const double *mass, const double *abundance,
                                             int32_t n_masses, double sigma, int n,
                                             const double *mz, double *value, const bool is_exact)
{
    if (n == SAMPLES_AT_ONCE) {
        add_to_groups(exponentials, mass, abundance, n_masses, sigma, MAX_GROUPS, mz, value,
                      is_exact);
        return;
    }
    /* behind the last sample stands the first again, whose sums there are forgotten */
    double some_mz[SAMPLES_AT_ONCE], some_value[SAMPLES_AT_ONCE];
    for (int j = 0; j < SAMPLES_AT_ONCE; j++) {
        some_mz[j] = mz[j < n ? j : 0];
        some_value[j] = value[j < n ? j : 0];
    }
    if (n > 2 * LANES) {
        add_to_groups(exponentials, mass, abundance, n_masses, sigma, MAX_GROUPS, some_mz,
                      some_value, is_exact);
    } else if (n > LANES) {
        add_to_groups(exponentials, mass, abundance, n_masses, sigma, 2, some_mz, some_value,
                      is_exact);
    } else {
        add_to_groups(exponentials, mass, abundance, n_masses, sigma, 1, some_mz, some_value,
                      is_exact);
    }
    memcpy(value, some_value, (size_t)n * sizeof *value);
}

WIDE_FUSED static void add_widely(const struct exponentials *exponentials, const double *mass,
                                  const double *abundance, int32_t n_masses, double sigma, int n,
                                  const double *mz, double *value)
{
    add_any_number(exponentials, mass, abundance, n_masses, sigma, n, mz, value, false);
}

WIDE_FUSED static void add_widely_exactly(const struct exponentials *exponentials,
                                          const double *mass, const double *abundance,
                                          int32_t n_masses, double sigma, int n, const double *mz,
                                          double *value)
{
    add_any_number(exponentials, mass, abundance, n_masses, sigma, n, mz, value, true);
}
#endif

add_gaussians *choose_addition(const struct recipe *recipe, bool is_plain)
{
#ifdef HAS_WIDE
    if (!is_plain && is_wide(true)) {
        return recipe->is_exact ? add_widely_exactly : add_widely;
    }
#endif
    (void)is_plain;
    return recipe->is_exact ? add_exactly : add_plainly;
}

/*
 * Compute the envelope at n samples of one width; mz ascends. low: an isotopologue near the first
 * in reach of the samples, to look from; receives the first in reach of the last ones.
 */
static void sum_gaussians(const struct pattern_context *context, double sigma, int32_t *low,
                          int64_t n, const double *mz, double *value)
{
    const double *mass = context->fine.mass, *abundance = context->fine.abundance;
    /* a little more: the exact cut-off is that of add_gaussians, where the table ends */
    const double reach = context->recipe->reach * sigma * (1.0 + 1e-9);
    int32_t k = *low;
    while (k > 0 && mz[0] - mass[k - 1] <= reach) {
        k--;
    }
    memset(value, 0, (size_t)n * sizeof *value);
    for (int64_t start = 0; start < n; start += SAMPLES_AT_ONCE) {
        const int count = (int)(n - start < SAMPLES_AT_ONCE ? n - start : SAMPLES_AT_ONCE);
        const double last_in_reach = mz[start + count - 1] + reach;
        while (k < context->fine.n && mz[start] - mass[k] > reach) {
            k++;
        }
        int32_t end = k;
        while (end < context->fine.n && mass[end] <= last_in_reach) {
            end++;
        }
        context->add(&context->exponentials, mass + k, abundance + k, end - k, sigma, count,
                     mz + start, value + start);
    }
    *low = k;
}

void sample_envelope(struct pattern_context *context, int32_t hint, int64_t first, int64_t count,
                     double *mz, double *value)
{
    const struct segment *in = context->segments + hint;
    const struct segment *end = context->segments + context->n_segments;
    int64_t done = 0;
    int32_t low = 0;
    while (in > context->segments && in->first > first) {
        in--;
    }
    if (in->first > first) {
        context->declined = true;
        return;
    }
    while (in < end && in->first + in->count <= first) {
        in++;
    }
    /* near enough to begin with: the isotopologue that sets the width is in reach */
    low = in < end && in->peak > 0 ? in->peak : 0;
    for (; in < end && done < count; in++) {
        const int64_t skip = first + done - in->first;
        const int64_t n = in->count - skip < count - done ? in->count - skip : count - done;
        for (int64_t j = 0; j < n; j++) {
            mz[done + j] = sample_position(in, first + done + j);
        }
        if (in->peak < 0) {
            memset(value + done, 0, (size_t)n * sizeof *value);
        } else {
            sum_gaussians(context, in->sigma, &low, n, mz + done, value + done);
        }
        done += n;
    }
    if (done < count) {
        context->declined = true;
    }
}

/*
 * The bound: each isotopologue counts as if it stood at the nearest point of the range, with the
 * largest width. Sums stop as soon as they tell.
 */
bool may_reach(const struct pattern_context *context, const struct cluster *within, double sigma,
               double from, double to, double least)
{
    const double *mass = context->fine.mass, *abundance = context->fine.abundance;
    const struct exponentials *exponentials = &context->exponentials;
    const double per_sigma = 1.0 / sigma, reach = context->recipe->reach * sigma;
    double bound = 0.0;
    for (int32_t k = within->first; k <= within->last && mass[k] <= to + reach; k++) {
        const double distance =
            per_sigma * (mass[k] < from ? from - mass[k] : (mass[k] > to ? mass[k] - to : 0.0));
        const double x = distance * distance * -0.5 - exponentials->least;
        /* the end of a cell is above all values in it; one more cell makes up for rounding */
        const int32_t cell = x > 0.0 ? (int32_t)(x * (1.0 / EXP_STEP)) + 2 : 2;
        const int32_t last = exponentials->size - 1;
        bound += abundance[k] * exponentials->value[cell < last ? cell : last];
        if (bound >= least * (1.0 - 1e-6)) {
            return true;
        }
    }
    return false;
}
