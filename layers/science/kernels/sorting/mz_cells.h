/*
 * Cells of m/z, which divide peaks for sorting: peaks are counted per cell, and neighbouring cells
 * are grouped into buckets that fit the processor's cache (peak_sort.c).
 *
 * A cell is 1/4096 of an octave of m/z (122 to 244 ppm; 0.0625 Da between m/z 256 and 512), read
 * off the leading bits of the number itself: a shift and a subtraction, no logarithm. Cells cover
 * m/z 1 to 2^20; the first and the last take all that lies below and above.
 */

#ifndef IONBOX_MZ_CELLS_H
#define IONBOX_MZ_CELLS_H

#include <stdint.h>

enum {
    CELLS_PER_OCTAVE_BITS = 12,
    N_OCTAVES = 20,
    N_INNER_CELLS = N_OCTAVES << CELLS_PER_OCTAVE_BITS,
    N_CELLS = N_INNER_CELLS + 2,
    BELOW = 0,
    ABOVE = N_CELLS - 1
};

/* How many trailing bits of an m/z do not count for its cell. */
static inline int cell_shift(int32_t mz_bytes)
{
    return mz_bytes == 8 ? 52 - CELLS_PER_OCTAVE_BITS : 23 - CELLS_PER_OCTAVE_BITS;
}

/* The leading bits of m/z 1, where the inner cells begin. */
static inline uint64_t first_leading_bits(int32_t mz_bytes)
{
    const uint64_t exponent_of_one = mz_bytes == 8 ? 1023 : 127;
    return exponent_of_one << CELLS_PER_OCTAVE_BITS;
}

/* The bits of infinity: those of positive numbers are smaller, all others larger. */
static inline uint64_t infinity_bits(int32_t mz_bytes)
{
    return mz_bytes == 8 ? (uint64_t)0x7FF << 52 : (uint64_t)0xFF << 23;
}

/*
 * Return a number that orders m/z as numpy does: NaN above all, -0 equal to 0. Floating point
 * numbers are a sign and a magnitude, which is counted down from the sign bit, or up.
 */
static inline uint64_t order_key(uint64_t bits, int32_t mz_bytes)
{
    const uint64_t sign = (uint64_t)1 << (8 * mz_bytes - 1);
    const uint64_t magnitude = bits & (sign - 1);
    if (magnitude > infinity_bits(mz_bytes)) {
        return UINT64_MAX;
    }
    return bits & sign ? sign - magnitude : sign + magnitude;
}

/* Return the cell of an m/z; cells ascend with it. */
static inline uint32_t cell_of(uint64_t bits, int32_t mz_bytes)
{
    const uint64_t inner = (bits >> cell_shift(mz_bytes)) - first_leading_bits(mz_bytes);
    if (inner < N_INNER_CELLS) { /* below m/z 1, the difference has wrapped around and is large */
        return (uint32_t)inner + 1;
    }
    const uint64_t one = first_leading_bits(mz_bytes) << cell_shift(mz_bytes);
    return order_key(bits, mz_bytes) < order_key(one, mz_bytes) ? BELOW : ABOVE;
}

#endif
