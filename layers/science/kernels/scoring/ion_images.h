/* Ion images: measured peaks of a window scattered over the pixels; see ion_images.c. */

#ifndef IONBOX_ION_IMAGES_H
#define IONBOX_ION_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "../peak_columns.h"

/*
 * Write how many peaks the fullest of n windows holds. Returns STATUS_INVALID if one is not within
 * the rows.
 */
int32_t measure_windows(const int64_t *start, const int64_t *stop, size_t n, int64_t n_rows,
                        int64_t *longest);

/*
 * Add the intensities of rows start .. stop - 1 to their pixels of sum: (n_pixels,) float64. List
 * the pixels in touched, where there must be room for stop - start + 1; return how many, or -1 if a
 * pixel is not below n_pixels. A pixel is listed again only if its sum went back to zero.
 */
static inline int64_t scatter_window(const struct peak_columns *peaks, int64_t start, int64_t stop,
                                     size_t n_pixels, double *restrict sum,
                                     uint32_t *restrict touched)
{
    const uint32_t *restrict row_pixel = peaks->pixel;
    const float *restrict row_intensity = peaks->intensity;
    int64_t n = 0;
    for (int64_t row = start; row < stop; row++) {
        uint32_t pixel = row_pixel[row];
        if (pixel >= n_pixels) {
            return -1;
        }
        double intensity = (double)row_intensity[row], before = sum[pixel];
        /* written in any case, kept if n moves on: a branch would be mispredicted */
        touched[n] = pixel;
        n += before == 0 && intensity != 0;
        sum[pixel] = before + intensity;
    }
    return n;
}

#endif
