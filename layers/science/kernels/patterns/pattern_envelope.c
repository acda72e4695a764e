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

#include "pattern_grid.h"

static const double EXP_STEP = 0.004;
static const double EXP_MIN = -18.0;
enum { SAMPLES_AT_ONCE = 16 };

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
 * Add one isotopologue's Gaussian to n <= SAMPLES_AT_ONCE samples: value += abundance * gaussian,
 * by the reference's table of exponentials, which makes it up to 1e-8 too low. The loops are apart
 * so that a compiler can compute two samples at a time.
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

/*
 * Compute the envelope at n samples of one width; mz ascends. low: an isotopologue near the first
 * in reach of the samples, to look from; receives the first in reach of the last ones.
 */
static void sum_gaussians(const struct pattern_context *context, double sigma, int32_t *low,
                          int64_t n, const double *mz, double *value)
{
    const double *mass = context->fine.mass, *abundance = context->fine.abundance;
    /* a little more: the exact cut-off is that of add_gaussian, where the table ends */
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
        for (int32_t i = k; i < context->fine.n && mass[i] <= last_in_reach; i++) {
            add_gaussian(context->exp_table, mass[i], abundance[i], sigma, count, mz + start,
                         value + start);
        }
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
