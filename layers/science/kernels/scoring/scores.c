/*
 * Scores of ions: MSM = chaos x spatial x spectral (Palmer et al. 2017, doi:10.1038/nmeth.4072).
 *
 * In: peaks sorted by m/z, windows and isotope patterns of the ions (struct score_job). Out: per
 * ion, the three metrics and their product (0 to 1), m/z errors (Da), and intensities (counts).
 *
 * One ion after the other: its images are lists of the pixels they touch; all other pixels, being
 * zero, enter means, variances and covariances by their number. Cost follows the measured peaks in
 * the windows, whatever the size of the image. A decoy's spatial metric is computed only if its
 * spectral one is above zero, its chaos only if both are. Sums run in the order of the peaks, so
 * that an ion's scores do not depend on the ions scored with it, nor on the thread.
 */

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../status.h"
#include "chaos.h"
#include "ion_images.h"

enum { MAX_ISOTOPE_PEAKS = 16, N_CHAOS_LEVELS = 30 };

/*
 * A mean correlation up to this is rounding error of zero: it would make the sign, and with it
 * whether the ion counts at all, depend on the order of a sum.
 */
static const double SPATIAL_ROUNDING = 1e-12;

/*
 * Ions to score and where their scores go. Ions are those of windows and patterns: (n_ions,
 * n_peaks) row-major; scores have one row per selected ion, which is what `order` numbers.
 */
struct score_job {
    struct peak_columns peaks;
    const int64_t *start, *stop;    /* (n_ions, n_peaks) rows of each window, stop excluded */
    const double *pattern_mz;       /* (n_ions, n_peaks) Da, zero padded */
    const float *pattern_intensity; /* (n_ions, n_peaks) base peak 100, zero padded */
    const uint8_t *is_target;       /* (n_ions,) targets get all metrics */
    const int64_t *selected;        /* (n_selected,) ions to score */
    int64_t n_ions, n_peaks, n_selected;
    int64_t height, width, n_measured; /* pixels of the grid; those with a spectrum */
    double *chaos, *spatial, *spectral, *msm, *mz_error_abs, *mz_error_rel; /* (n_selected,) */
    float *total, *minimum, *maximum; /* (n_selected, n_peaks) counts */
    double *mz_mean, *mz_stddev;      /* (n_selected, n_peaks) Da */
};

/*
 * One isotope image: its non-zero pixels, unordered, each once, and statistics over all measured
 * pixels.
 */
struct ion_image {
    uint32_t *pixel;
    float *value;
    size_t n;
    double sum, mean;
    double sum_of_squares; /* of differences from the mean */
    float minimum, maximum;
};

/* Working memory of one call, reused from ion to ion. */
struct score_scratch {
    double *sum;        /* (n_pixels,) where images are summed up; rests at zero */
    float *first_image; /* (n_pixels,) the first isotope image; zero between ions */
    struct ion_image first, other;
    struct chaos_scratch chaos;
};

static void free_scratch(struct score_scratch *scratch)
{
    free(scratch->sum);
    free(scratch->first_image);
    free(scratch->first.pixel);
    free(scratch->first.value);
    free(scratch->other.pixel);
    free(scratch->other.value);
    free_chaos_scratch(&scratch->chaos);
}

/* Allocate for height x width pixels and windows of up to `longest` peaks. */
static int32_t init_scratch(struct score_scratch *scratch, size_t height, size_t width,
                            size_t longest)
{
    size_t n_pixels = height * width;
    *scratch = (struct score_scratch){0};
    int32_t status = init_chaos_scratch(&scratch->chaos, height, width);
    if (status != STATUS_OK) {
        return status;
    }
    scratch->sum = calloc(n_pixels, sizeof *scratch->sum);
    scratch->first_image = calloc(n_pixels, sizeof *scratch->first_image);
    scratch->first.pixel = malloc((longest + 1) * sizeof *scratch->first.pixel);
    scratch->first.value = malloc((longest + 1) * sizeof *scratch->first.value);
    scratch->other.pixel = malloc((longest + 1) * sizeof *scratch->other.pixel);
    scratch->other.value = malloc((longest + 1) * sizeof *scratch->other.value);
    if (scratch->sum && scratch->first_image && scratch->first.pixel && scratch->first.value
        && scratch->other.pixel && scratch->other.value) {
        return STATUS_OK;
    }
    free_scratch(scratch);
    return STATUS_NO_MEMORY;
}

/*
 * Turn the image in `sum`, of which image->pixel has n_touched pixels, into a list, and fill in
 * sum, mean, minimum and maximum over n_measured pixels; clear `sum`. All in one loop: an addition
 * to the image's sum waits for the one before, and meanwhile pixels are looked up.
 */
static void collect_image(struct ion_image *image, double *restrict sum, size_t n_touched,
                          size_t n_measured)
{
    uint32_t *restrict pixel = image->pixel;
    float *restrict value = image->value;
    size_t n = 0;
    double total = 0;
    float minimum = INFINITY, maximum = -INFINITY;
    bool has_nan = false;
    for (size_t i = 0; i < n_touched; i++) {
        const uint32_t p = pixel[i];
        const float v = (float)sum[p];
        sum[p] = 0;
        pixel[n] = p;
        value[n] = v;
        /* zero: listed twice, or intensities of both signs */
        const bool is_filled = v != 0;
        n += is_filled;
        total += (double)v;
        minimum = is_filled && v < minimum ? v : minimum;
        maximum = is_filled && v > maximum ? v : maximum;
        has_nan = has_nan || v != v;
    }
    if (n < n_measured) { /* other pixels are zero */
        minimum = minimum < 0 ? minimum : 0;
        maximum = maximum > 0 ? maximum : 0;
    }
    image->n = n;
    image->sum = total;
    image->mean = total / (double)n_measured;
    image->minimum = has_nan ? NAN : minimum;
    image->maximum = has_nan ? NAN : maximum;
}

/*
 * Enter the first image into first_image, (n_pixels,), and fill in its sum_of_squares. Writes the
 * sum of its pixels above zero, and of its pixels' differences from the mean.
 */
static void enter_first_image(struct ion_image *image, size_t n_measured,
                              float *restrict first_image, double *present_sum,
                              double *difference_sum)
{
    double present = 0, differences = 0, square_sum = 0;
    for (size_t i = 0; i < image->n; i++) {
        const float v = image->value[i];
        first_image[image->pixel[i]] = v;
        present += v > 0 ? (double)v : 0;
        const double difference = (double)v - image->mean;
        differences += difference;
        square_sum += difference * difference;
    }
    double n_zero = (double)(n_measured - image->n);
    image->sum_of_squares = square_sum + n_zero * (image->mean * image->mean);
    *present_sum = present;
    *difference_sum = differences;
}

/*
 * Return the Pearson correlation of the first and another image over n_measured pixels, 0 where it
 * is not defined; write the other's sum over the pixels where the first is above zero.
 *
 * first_image: (n_pixels,) with the first image; first_difference: both from enter_first_image.
 */
static double correlate(const struct ion_image *first, const float *restrict first_image,
                        double first_difference, const struct ion_image *other, size_t n_measured,
                        double *present_sum)
{
    double square_sum = 0, product_sum = 0, shared_difference = 0, present = 0;
    size_t n_shared = 0;
    for (size_t i = 0; i < other->n; i++) {
        const float first_value = first_image[other->pixel[i]];
        double a = (double)first_value - first->mean;
        double b = (double)other->value[i] - other->mean;
        present += first_value > 0 ? (double)other->value[i] : 0;
        square_sum += b * b;
        product_sum += a * b;
        shared_difference += first_value != 0 ? a : 0;
        n_shared += first_value != 0;
    }
    *present_sum = present;
    if (first->n < 2 || other->n == 0) {
        return 0;
    }
    /* of the first image alone; exactly 0 without such pixels: what rounding leaves could matter */
    double rest = n_shared == first->n ? 0 : first_difference - shared_difference;
    double n_neither = (double)(n_measured - other->n - (first->n - n_shared));
    double covariance = product_sum - rest * other->mean + n_neither * (first->mean * other->mean);
    double n_zero = (double)(n_measured - other->n);
    double sum_of_squares = square_sum + n_zero * (other->mean * other->mean);
    double correlation = covariance / sqrt(first->sum_of_squares * sum_of_squares);
    return isfinite(correlation) ? correlation : 0;
}

/*
 * Return the spectral metric: 1 minus the mean absolute difference of the observed intensities and
 * the isotope pattern, (n_peaks,) each, both scaled to unit length; 0 where undefined or exactly 1.
 *
 * Observed intensities are scaled in single precision, as in METASPACE: squares of faint images
 * (sums below about 1e-23) vanish, and the score with them.
 */
static double compare_intensities(const double *observed, const float *abundance, size_t n_peaks)
{
    double abundance_square = 0, difference = 0;
    float observed_square = 0;
    for (size_t k = 0; k < n_peaks; k++) {
        observed_square += (float)observed[k] * (float)observed[k];
        abundance_square += (double)abundance[k] * (double)abundance[k];
    }
    float observed_length = sqrtf(observed_square);
    double abundance_length = sqrt(abundance_square);
    for (size_t k = 0; k < n_peaks; k++) {
        float unit = (float)observed[k] / observed_length;
        difference += fabs((double)abundance[k] / abundance_length - (double)unit);
    }
    double spectral = 1 - difference / (double)n_peaks;
    return isfinite(spectral) && spectral != 1 ? spectral : 0;
}

/*
 * Return the spatial metric: the mean of the further images' correlations with the first, weighted
 * by abundance, clipped to 0..1; both (n_peaks,), the first element not used.
 */
static double mean_correlation(const double *correlation, const float *abundance, size_t n_peaks)
{
    double sum = 0, weight = 0;
    for (size_t k = 1; k < n_peaks; k++) {
        sum += correlation[k] * (double)abundance[k];
        weight += (double)abundance[k];
    }
    if (!(weight > 0)) {
        return 0;
    }
    double mean = sum / weight;
    if (!(mean > SPATIAL_ROUNDING)) {
        return 0;
    }
    return mean < 1 ? mean : 1;
}

/*
 * Write the intensity-weighted mean and standard deviation of the m/z in a window, in Da; where
 * there is no intensity, the theoretical m/z and 0. Offsets from theory keep all digits of the
 * squares.
 */
static inline void measure_mz(const struct peak_columns *peaks, int64_t start, int64_t stop,
                              int32_t mz_bytes, double theory, double *mz_mean, double *mz_stddev)
{
    double weight_sum = 0, offset_sum = 0, spread_sum = 0;
    for (int64_t row = start; row < stop; row++) {
        double offset = mz_at(peaks->mz, (size_t)row, mz_bytes) - theory;
        weight_sum += (double)peaks->intensity[row];
        offset_sum += (double)peaks->intensity[row] * offset;
    }
    double mean = offset_sum / weight_sum;
    for (int64_t row = start; row < stop; row++) {
        double offset = mz_at(peaks->mz, (size_t)row, mz_bytes) - theory;
        spread_sum += (double)peaks->intensity[row] * ((offset - mean) * (offset - mean));
    }
    double spread = spread_sum / weight_sum;
    const bool known = isfinite(mean) && isfinite(spread);
    *mz_mean = theory + (known ? mean : 0);
    *mz_stddev = known ? sqrt(spread) : 0;
}

/* Write the m/z columns of one ion, row `out` of the scores; what they are, see scores.py. */
static void score_mz(const struct score_job *job, size_t ion, size_t out)
{
    size_t n_peaks = (size_t)job->n_peaks;
    const double *theory = job->pattern_mz + ion * n_peaks;
    const float *abundance = job->pattern_intensity + ion * n_peaks;
    double *mean = job->mz_mean + out * n_peaks, *stddev = job->mz_stddev + out * n_peaks;
    double error_abs = 0, error_rel = 0, weight = 0;
    for (size_t k = 0; k < n_peaks; k++) {
        int64_t start = job->start[ion * n_peaks + k], stop = job->stop[ion * n_peaks + k];
        if (job->peaks.mz_bytes == 8) {
            measure_mz(&job->peaks, start, stop, 8, theory[k], mean + k, stddev + k);
        } else {
            measure_mz(&job->peaks, start, stop, 4, theory[k], mean + k, stddev + k);
        }
        double error = mean[k] - theory[k];
        if (k == 0) {
            error_abs = error;
        } else {
            error_rel += (error - error_abs) * (double)abundance[k];
            weight += (double)abundance[k];
        }
    }
    job->mz_error_abs[out] = error_abs;
    job->mz_error_rel[out] = weight > 0 ? error_rel / weight : 0;
}

/* Extract isotope image k of an ion and write its intensity columns: row `out` of the scores. */
static int32_t take_image(const struct score_job *job, struct score_scratch *scratch, size_t ion,
                          size_t k, size_t out, struct ion_image *image)
{
    size_t window = ion * (size_t)job->n_peaks + k, column = out * (size_t)job->n_peaks + k;
    int64_t n = scatter_window(&job->peaks, job->start[window], job->stop[window],
                               (size_t)(job->height * job->width), scratch->sum, image->pixel);
    if (n < 0) {
        return STATUS_INVALID;
    }
    collect_image(image, scratch->sum, (size_t)n, (size_t)job->n_measured);
    if (image->n > (size_t)job->n_measured) {
        return STATUS_INVALID;
    }
    job->total[column] = (float)image->sum;
    job->minimum[column] = image->minimum;
    job->maximum[column] = image->maximum;
    return STATUS_OK;
}

/* Score one ion: row `out` of the scores. */
static int32_t score_ion(const struct score_job *job, struct score_scratch *scratch, size_t out)
{
    size_t n_peaks = (size_t)job->n_peaks, n_measured = (size_t)job->n_measured;
    size_t ion = (size_t)job->selected[out];
    const float *abundance = job->pattern_intensity + ion * n_peaks;
    double observed[MAX_ISOTOPE_PEAKS] = {0}, correlation[MAX_ISOTOPE_PEAKS] = {0};
    struct ion_image *first = &scratch->first, *other = &scratch->other;
    int32_t status = take_image(job, scratch, ion, 0, out, first);
    if (status != STATUS_OK) {
        return status;
    }
    double first_difference;
    enter_first_image(first, n_measured, scratch->first_image, observed, &first_difference);
    for (size_t k = 1; k < n_peaks && status == STATUS_OK; k++) {
        status = take_image(job, scratch, ion, k, out, other);
        if (status == STATUS_OK) {
            correlation[k] = correlate(first, scratch->first_image, first_difference, other,
                                       n_measured, observed + k);
        }
    }
    for (size_t i = 0; i < first->n; i++) {
        scratch->first_image[first->pixel[i]] = 0;
    }
    if (status != STATUS_OK) {
        return status;
    }

    const bool is_target = job->is_target[ion] != 0;
    double spectral = compare_intensities(observed, abundance, n_peaks), spatial = 0, chaos = 0;
    if (spectral > 0 || is_target) {
        spatial = mean_correlation(correlation, abundance, n_peaks);
    }
    if (spatial > 0 || is_target) {
        chaos =
            measure_chaos(&scratch->chaos, first->pixel, first->value, first->n, N_CHAOS_LEVELS);
    }
    job->spectral[out] = spectral;
    job->spatial[out] = spatial;
    job->chaos[out] = chaos;
    job->msm[out] = chaos * spatial * spectral;
    score_mz(job, ion, out);
    return STATUS_OK;
}

/* Write how many peaks the fullest window holds. Returns STATUS_INVALID if arguments contradict. */
static int32_t check_job(const struct score_job *job, int64_t *longest)
{
    if (job->n_peaks < 1 || job->n_peaks > MAX_ISOTOPE_PEAKS || job->height < 1 || job->width < 1
        || job->n_measured < 0 || job->n_measured > job->height * job->width) {
        return STATUS_INVALID;
    }
    return measure_windows(job->start, job->stop, (size_t)(job->n_ions * job->n_peaks),
                           job->peaks.n_rows, longest);
}

/*
 * Score ions of a job: those of rows `order`, (n_order,), of the scores, in this order, which
 * matters for speed only: near ions share peaks in cache.
 */
int32_t ionbox_score_ions(const struct score_job *job, const uint32_t *order, int64_t n_order)
{
    int64_t longest;
    int32_t status = check_job(job, &longest);
    if (status != STATUS_OK) {
        return status;
    }
    struct score_scratch scratch;
    status = init_scratch(&scratch, (size_t)job->height, (size_t)job->width, (size_t)longest);
    if (status != STATUS_OK) {
        return status;
    }
    for (int64_t i = 0; i < n_order && status == STATUS_OK; i++) {
        size_t out = order[i];
        int64_t ion = out < (size_t)job->n_selected ? job->selected[out] : -1;
        status = ion < 0 || ion >= job->n_ions ? STATUS_INVALID : score_ion(job, &scratch, out);
    }
    free_scratch(&scratch);
    return status;
}
