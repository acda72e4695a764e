/*
 * Ion images in few bytes, as a report carries them.
 *
 * In: the intensities of an image, counts. Out: a bit per pixel, highest bit first, 1 where there
 * is signal; then of each such pixel its share of the brightest one in steps of 1/65535, uint16,
 * lower byte first.
 *
 * Most pixels of most images are empty, so what is compressed afterwards is a fifth of all pixels
 * at 16 bits. Division and rounding are IEEE 754's, in float64, and so the same everywhere. Cost:
 * linear in pixels, about 1 ns each.
 */

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BITS = 8, AT_A_TIME = 1024 };
static const int32_t INFINITE = 0x7F800000; /* as float32; above it is NaN, below 0 what is less */
static const double STEPS = 65535;

/* Return an intensity as a number, whatever its type. */
static inline double intensity_at(const void *image, size_t pixel, int32_t image_bytes)
{
    return image_bytes == 8 ? ((const double *)image)[pixel]
                            : (double)((const float *)image)[pixel];
}

/* Return the highest finite intensity of float32, at least 0. Its bits have the order of numbers. */
static double find_maximum_of_floats(const float *image, size_t n_pixels)
{
    int32_t highest = 0;
    for (size_t pixel = 0; pixel < n_pixels; pixel++) {
        int32_t bits;
        memcpy(&bits, image + pixel, sizeof bits);
        bits = bits < INFINITE ? bits : 0;
        highest = bits > highest ? bits : highest;
    }
    float maximum;
    memcpy(&maximum, &highest, sizeof maximum);
    return (double)maximum;
}

/* Return the highest finite intensity, at least 0. */
static inline double find_maximum(const void *image, size_t n_pixels, int32_t image_bytes)
{
    if (image_bytes == sizeof(float)) {
        return find_maximum_of_floats(image, n_pixels);
    }
    double maximum = 0;
    for (size_t pixel = 0; pixel < n_pixels; pixel++) {
        double value = intensity_at(image, pixel, image_bytes);
        if (value > maximum && value <= DBL_MAX) {
            maximum = value;
        }
    }
    return maximum;
}

/* Say whether eight pixels are all 0 in every bit. */
static inline bool are_zero(const void *pixels, int32_t image_bytes)
{
    uint64_t words[BITS], any = 0;
    size_t n = (size_t)image_bytes;
    memcpy(words, pixels, BITS * n);
    for (size_t i = 0; i < n; i++) {
        any |= words[i];
    }
    return any == 0;
}

/*
 * Write the bits of the pixels from first to stop, and their intensities, in order, to kept where
 * there is signal; return how many these are. What is infinite or NaN is kept.
 */
static inline size_t mark_signal(const void *image, int32_t image_bytes, size_t first, size_t stop,
                                 uint8_t *bits, double *kept)
{
    size_t n_kept = 0;
    for (; first < stop; first += BITS, bits++) {
        const unsigned char *pixels = (const unsigned char *)image + first * (size_t)image_bytes;
        if (first + BITS <= stop && are_zero(pixels, image_bytes)) {
            *bits = 0;
            continue;
        }
        unsigned found = 0;
        for (size_t i = 0; i < BITS && first + i < stop; i++) {
            double value = intensity_at(image, first + i, image_bytes);
            unsigned is_kept = !((value <= 0) & (value >= -DBL_MAX));
            kept[n_kept] =
                value; /* overwritten by the next if not kept, so that nothing branches */
            n_kept += is_kept;
            found |= is_kept << (BITS - 1 - i);
        }
        *bits = (uint8_t)found;
    }
    return n_kept;
}

/* Write the steps of n intensities that were kept. */
static inline void write_steps(const double *kept, size_t n, double maximum, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        double share = kept[i] > 0 && kept[i] <= DBL_MAX ? kept[i] / maximum : 1;
        int32_t step = (int32_t)rint(share * STEPS);
        /* at least one: a faint pixel must not look like one without the ion */
        step += (step == 0) & (share > 0);
        out[2 * i] = (uint8_t)(step & UINT8_MAX);
        out[2 * i + 1] = (uint8_t)(step >> BITS);
    }
}

static inline int64_t pack(const void *image, int32_t image_bytes, size_t n_pixels, double *maximum,
                           uint8_t *packed)
{
    *maximum = find_maximum(image, n_pixels, image_bytes);
    if (*maximum == 0) {
        return 0;
    }
    uint8_t *out = packed + (n_pixels + BITS - 1) / BITS;
    double kept[AT_A_TIME + 1];
    for (size_t first = 0; first < n_pixels; first += AT_A_TIME) {
        size_t stop = n_pixels - first < AT_A_TIME ? n_pixels : first + AT_A_TIME;
        size_t n = mark_signal(image, image_bytes, first, stop, packed + first / BITS, kept);
        write_steps(kept, n, *maximum, out);
        out += 2 * n;
    }
    return out - packed;
}

/*
 * Pack an image (n_pixels,) of float64 (image_bytes 8) or float32 into packed
 * (n_pixels / 8 rounded up + 2 n_pixels,), and return how many bytes of it are used: none if no
 * pixel is finite and above 0. An intensity that is infinite or NaN counts as the highest finite
 * one, which is written to maximum (1,), counts.
 */
int64_t ionbox_pack_image(const void *image, int32_t image_bytes, int64_t n_pixels, double *maximum,
                          uint8_t *packed)
{
    if (image_bytes == 8) {
        return pack(image, 8, (size_t)n_pixels, maximum, packed);
    }
    return pack(image, 4, (size_t)n_pixels, maximum, packed);
}
