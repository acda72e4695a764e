/*
 * Reads peaks above zero from the bytes of an ibd, whatever type their intensities have.
 *
 * In: addresses of a spectrum's arrays, which may start at any byte. Out: m/z bits and float32
 * intensities (counts) of up to 1024 of its peaks at a time, enough to make calls cheap and few
 * enough to stay in cache. Both passes of a sort read by it (peak_sort.c, transpose.c).
 *
 * METASPACE's engine drops intensities that are not above zero before it rounds them to float32; so
 * does this. Cost: one pass.
 */

#include "spectra.h"

#include <string.h>

bool types_are_known(const struct spectra *spectra)
{
    return (spectra->mz_bytes == 4 || spectra->mz_bytes == 8) && spectra->intensity_type >= FLOAT32
           && spectra->intensity_type <= INT64;
}

size_t intensity_bytes(int32_t type)
{
    return type == FLOAT32 || type == INT32 ? 4 : 8;
}

/*
 * Convert intensities to float32 and note which are above zero. The test comes before the
 * conversion, which may round to zero; NaN fails it.
 */
#define DEFINE_CONVERT(name, type)                                                                 \
    static void name(const unsigned char *source, size_t n, float *value, uint8_t *above)          \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            type stored;                                                                           \
            memcpy(&stored, source + i * sizeof stored, sizeof stored);                            \
            value[i] = (float)stored;                                                              \
            above[i] = stored > 0;                                                                 \
        }                                                                                          \
    }

DEFINE_CONVERT(convert_float32, float)
DEFINE_CONVERT(convert_float64, double)
DEFINE_CONVERT(convert_int32, int32_t)
DEFINE_CONVERT(convert_int64, int64_t)

void convert_intensity(int32_t type, const unsigned char *source, size_t n, float *value,
                       uint8_t *above)
{
    switch (type) {
    case FLOAT32:
        convert_float32(source, n, value, above);
        break;
    case FLOAT64:
        convert_float64(source, n, value, above);
        break;
    case INT32:
        convert_int32(source, n, value, above);
        break;
    default:
        convert_int64(source, n, value, above);
        break;
    }
}

/* Keep those of n peaks, intensities converted, that are above zero; the others are overwritten. */
static void choose(struct kept *kept, const unsigned char *mz, int32_t mz_bytes,
                   const uint8_t *above, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        kept->mz_bits[k] = load_mz(mz, i, mz_bytes);
        kept->intensity[k] = kept->intensity[i];
        k += above[i];
    }
}

void read_kept(const struct spectra *spectra, int64_t index, size_t start, size_t n,
               struct kept *kept)
{
    const int32_t mz_bytes = spectra->mz_bytes;
    const size_t width = intensity_bytes(spectra->intensity_type);
    const unsigned char *mz = bytes_at(spectra->mz_address[index]) + start * (size_t)mz_bytes;
    uint8_t above[CHUNK_PEAKS];
    const unsigned char *intensity = bytes_at(spectra->intensity_address[index]) + start * width;
    convert_intensity(spectra->intensity_type, intensity, n, kept->intensity, above);
    size_t n_above = 0;
    for (size_t i = 0; i < n; i++) {
        n_above += above[i];
    }
    kept->n = n_above;
    const bool all = n_above == n; /* mostly so, and then m/z are copied, which is faster */
    if (all && mz_bytes == 8) {
        memcpy(kept->mz_bits, mz, n * 8);
    } else if (all) {
        for (size_t i = 0; i < n; i++) {
            kept->mz_bits[i] = load_mz(mz, i, 4);
        }
    } else {
        choose(kept, mz, mz_bytes, above, n);
    }
}
