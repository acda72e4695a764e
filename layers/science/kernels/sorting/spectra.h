/*
 * Peaks of many spectra as they lie in an ibd; see spectra.c.
 *
 * Little-endian machines with 64-bit addresses; arrays in the ibd may start at any byte.
 */

#ifndef IONBOX_SPECTRA_H
#define IONBOX_SPECTRA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../peak_columns.h"
#include "../status.h"

enum intensity_type { FLOAT32 = 0, FLOAT64 = 1, INT32 = 2, INT64 = 3 };

enum { CHUNK_PEAKS = 1024 }; /* peaks of a spectrum that are read at once */

/* Where a batch of spectra lies in memory; all arrays have n_spectra elements. */
struct spectra {
    int64_t n_spectra;
    const uint64_t *mz_address;        /* of the first byte */
    const uint64_t *intensity_address; /* of the first byte */
    const int64_t *n_peaks;            /* declared, those of zero intensity included */
    const uint32_t *pixel;             /* row-major */
    int32_t mz_bytes;                  /* 4 or 8: float32 or float64 */
    int32_t intensity_type;            /* enum intensity_type */
};

/* Next row to write, and one past the last, of a part of the spectra in one bucket or channel. */
struct rows {
    uint64_t next;
    uint64_t stop;
};

/* Return an address, which came as a number, as a pointer. */
static inline const unsigned char *bytes_at(uint64_t address)
{
    return (const unsigned char *)(uintptr_t)address;
}

/* The peaks of a piece of one spectrum whose intensity is above zero. */
struct kept {
    size_t n;
    uint64_t mz_bits[CHUNK_PEAKS];
    float intensity[CHUNK_PEAKS];
};

/* Return whether m/z and intensities are of types that can be read. */
bool types_are_known(const struct spectra *spectra);

/* Return the bytes of one stored intensity. */
size_t intensity_bytes(int32_t type);

/* Convert n stored intensities to float32, and note which are above zero. */
void convert_intensity(int32_t type, const unsigned char *source, size_t n, float *value,
                       uint8_t *above);

/* Read peaks start to start + n (at most CHUNK_PEAKS) of one spectrum, keep those above zero. */
void read_kept(const struct spectra *spectra, int64_t index, size_t start, size_t n,
               struct kept *kept);

#endif
