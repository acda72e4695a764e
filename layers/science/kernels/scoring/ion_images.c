/*
 * Ion images: the measured peaks of a window scattered over the pixels.
 *
 * In: peaks sorted by m/z, and windows as rows of them (windows.c). Out: per window, the intensity
 * (counts) of every pixel.
 *
 * Intensities that fall on one pixel are summed in the order of the peaks, in float64, and rounded
 * to float32 once. Each image is taken out of the one reused buffer by walking over the pixels it
 * touched, so that cost follows the peaks and not the pixels.
 */

#include "ion_images.h"

#include <stdlib.h>

#include "../status.h"

int32_t measure_windows(const int64_t *start, const int64_t *stop, size_t n, int64_t n_rows,
                        int64_t *longest)
{
    *longest = 0;
    for (size_t i = 0; i < n; i++) {
        if (start[i] < 0 || stop[i] < start[i] || stop[i] > n_rows) {
            return STATUS_INVALID;
        }
        *longest = stop[i] - start[i] > *longest ? stop[i] - start[i] : *longest;
    }
    return STATUS_OK;
}

/* Extract the images of n windows: image (n, n_pixels) float32, zero when called. */
int32_t ionbox_extract_images(const struct peak_columns *peaks, const int64_t *start,
                              const int64_t *stop, int64_t n_windows, int64_t n_pixels,
                              float *image)
{
    if (n_windows < 0 || n_pixels < 0 || n_pixels > UINT32_MAX) {
        return STATUS_INVALID;
    }
    int64_t longest;
    int32_t status = measure_windows(start, stop, (size_t)n_windows, peaks->n_rows, &longest);
    if (status != STATUS_OK) {
        return status;
    }
    double *sum = calloc((size_t)n_pixels + 1, sizeof *sum);
    uint32_t *touched = malloc(((size_t)longest + 1) * sizeof *touched);
    status = sum && touched ? STATUS_OK : STATUS_NO_MEMORY;
    for (int64_t w = 0; w < n_windows && status == STATUS_OK; w++, image += n_pixels) {
        int64_t n = scatter_window(peaks, start[w], stop[w], (size_t)n_pixels, sum, touched);
        if (n < 0) {
            status = STATUS_INVALID;
        }
        for (int64_t i = 0; i < n; i++) {
            /* listed twice: the sum is zero already, and so what it would add */
            image[touched[i]] += (float)sum[touched[i]];
            sum[touched[i]] = 0;
        }
    }
    free(sum);
    free(touched);
    return status;
}
