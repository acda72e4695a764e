/*
 * Samples the envelope of an isotope pattern: the sum of a Gaussian per isotopologue.
 *
 * In: the isotopologues, and a range of samples of the grid. Out: m/z and height of each sample,
 * the height relative to the most abundant isotopologue; and upper bounds, to know what need not be
 * sampled.
 *
 * The reference takes its Gaussians from a table of exponentials with a quadratic correction, up to
 * 1e-8 too low, and cuts them off at 6 sigma. The same table is used here, entry by entry, as a
 * better exponential would decide near ties otherwise. Cost: samples times isotopologues within 6
 * sigma.
 */

#include "pattern_envelope.h"

#include <math.h>
#include <string.h>

#include "../processor.h"
#include "pattern_grid.h"

static const double EXP_STEP = 0.004;
static const double EXP_MIN = -18.0;

/* x is summed up step by step, as in the reference: a product would have other last bits. */
void fill_exp_table(double *table)
{
    double x = EXP_MIN;
    for (int i = 0; i < EXP_SIZE; i++) {
        table[i] = exp(x);
        x += EXP_STEP;
    }
}

/*
 * Add one isotopologue's Gaussian to n <= SAMPLES_AT_ONCE samples, by the reference's table of
 * exponentials, which makes it up to 1e-8 too low. The loops are apart so that a compiler can
 * compute two samples at a time.
 */
static void add_gaussian(const double *restrict exp_table, double mass, double abundance,
                         double sigma, int n, const double *restrict mz, double *restrict value)
{
    double x[SAMPLES_AT_ONCE], weight[SAMPLES_AT_ONCE];
    int32_t cell[SAMPLES_AT_ONCE];
    for (int j = 0; j < n; j++) {
        const double distance = (mass - mz[j]) / sigma;
        x[j] = distance * distance * -0.5;
    }
    for (int j = 0; j < n; j++) {
        cell[j] = (int32_t)((x[j] - EXP_MIN) / EXP_STEP);
    }
    for (int j = 0; j < n; j++) {
        const double rest = x[j] - (cell[j] * EXP_STEP + EXP_MIN);
        weight[j] = 1.0 + rest * (1.0 + 0.5 * rest);
    }
    for (int j = 0; j < n; j++) {
        if (x[j] >= EXP_MIN) {
            value[j] += abundance * (exp_table[cell[j]] * weight[j]);
        }
    }
}

static void add_plainly(const double *exp_table, const double *mass, const double *abundance,
                        int32_t n_masses, double sigma, int n, const double *mz, double *value)
{
    for (int32_t i = 0; i < n_masses; i++) {
        add_gaussian(exp_table, mass[i], abundance[i], sigma, n, mz, value);
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
WIDE_FUSED static inline __m256d evaluate(const double *exp_table, __m256d mass, __m256d abundance,
                                          __m256d width, __m256d per_width, __m256d at)
{
    const __m256d step = _mm256_set1_pd(EXP_STEP), per_step = _mm256_set1_pd(1.0 / EXP_STEP);
    const __m256d least = _mm256_set1_pd(EXP_MIN), one = _mm256_set1_pd(1.0);
    const __m256d distance = divide(_mm256_sub_pd(mass, at), width, per_width);
    const __m256d x = _mm256_mul_pd(_mm256_mul_pd(distance, distance), _mm256_set1_pd(-0.5));
    const __m256d in_reach = _mm256_cmp_pd(x, least, _CMP_GE_OQ);
    /* out of reach, the first cell will do for all of them */
    const __m256d above = _mm256_and_pd(in_reach, _mm256_sub_pd(x, least));
    const __m128i cell = _mm256_cvttpd_epi32(divide(above, step, per_step));
    const __m256d power = _mm256_i32gather_pd(exp_table, cell, 8);
    const __m256d begin = _mm256_add_pd(_mm256_mul_pd(_mm256_cvtepi32_pd(cell), step), least);
    const __m256d rest = _mm256_sub_pd(x, begin);
    const __m256d bend = _mm256_add_pd(one, _mm256_mul_pd(_mm256_set1_pd(0.5), rest));
    const __m256d weight = _mm256_add_pd(one, _mm256_mul_pd(rest, bend));
    const __m256d term = _mm256_mul_pd(abundance, _mm256_mul_pd(power, weight));
    return _mm256_and_pd(in_reach, term);
}

/* Add to n_groups times four samples, a constant: sums stay in registers. */
WIDE_FUSED static inline void add_to_groups(const double *exp_table, const double *mass,
                                            const double *abundance, int32_t n_masses, double sigma,
                                            const int n_groups, const double *mz, double *value)
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
            const __m256d term = evaluate(exp_table, here, share, width, per_width, at[g]);
            sum[g] = _mm256_add_pd(sum[g], term);
        }
    }
    for (int g = 0; g < n_groups; g++) {
        _mm256_storeu_pd(value + LANES * g, sum[g]);
    }
}

WIDE_FUSED static void add_widely(const double *exp_table, const double *mass,
                                  const double *abundance, int32_t n_masses, double sigma, int n,
                                  const double *mz, double *value)
{
    if (n == SAMPLES_AT_ONCE) {
        add_to_groups(exp_table, mass, abundance, n_masses, sigma, MAX_GROUPS, mz, value);
        return;
    }
    /* behind the last sample stands the first again, whose sums there are forgotten */
    double some_mz[SAMPLES_AT_ONCE], some_value[SAMPLES_AT_ONCE];
    for (int j = 0; j < SAMPLES_AT_ONCE; j++) {
        some_mz[j] = mz[j < n ? j : 0];
        some_value[j] = value[j < n ? j : 0];
    }
    if (n > 2 * LANES) {
        add_to_groups(exp_table, mass, abundance, n_masses, sigma, MAX_GROUPS, some_mz, some_value);
    } else if (n > LANES) {
        add_to_groups(exp_table, mass, abundance, n_masses, sigma, 2, some_mz, some_value);
    } else {
        add_to_groups(exp_table, mass, abundance, n_masses, sigma, 1, some_mz, some_value);
    }
    memcpy(value, some_value, (size_t)n * sizeof *value);
}
#endif

add_gaussians *choose_addition(bool is_plain)
{
#ifdef HAS_WIDE
    if (!is_plain && is_wide(true)) {
        return add_widely;
    }
#endif
    (void)is_plain;
    return add_plainly;
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
    const double reach = REACH * sigma * (1.0 + 1e-9);
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
        context->add(context->exp_table, mass + k, abundance + k, end - k, sigma, count, mz + start,
                     value + start);
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
    const double per_sigma = 1.0 / sigma, reach = REACH * sigma;
    double bound = 0.0;
    for (int32_t k = within->first; k <= within->last && mass[k] <= to + reach; k++) {
        const double distance =
            per_sigma * (mass[k] < from ? from - mass[k] : (mass[k] > to ? mass[k] - to : 0.0));
        const double x = distance * distance * -0.5 - EXP_MIN;
        /* the end of a cell is above all values in it; one more cell makes up for rounding */
        const int32_t cell = x > 0.0 ? (int32_t)(x * (1.0 / EXP_STEP)) + 2 : 2;
        bound += abundance[k] * context->exp_table[cell < EXP_SIZE ? cell : EXP_SIZE - 1];
        if (bound >= least * (1.0 - 1e-6)) {
            return true;
        }
    }
    return false;
}
