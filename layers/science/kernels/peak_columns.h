/*
 * Measured peaks as parallel columns: the layout that sorting writes and scoring reads.
 *
 * m/z stay as wide as the ibd has them, float32 or float64: converting would cost memory (16 bytes
 * instead of 12 per peak) or digits. Functions that look at many m/z take mz_bytes once more as an
 * argument and are called with the constants 4 and 8, so that the compiler makes one loop for each
 * and asks nothing inside.
 */

#ifndef IONBOX_PEAK_COLUMNS_H
#define IONBOX_PEAK_COLUMNS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Columns of n_rows peaks; what is read only is passed as const struct peak_columns. */
struct peak_columns {
    void *mz;         /* Da per elementary charge; float64 or float32 */
    float *intensity; /* counts */
    uint32_t *pixel;  /* row-major */
    int64_t n_rows;
    int32_t mz_bytes; /* 8: float64, 4: float32 */
};

/* Return the columns from a row on. */
static inline struct peak_columns columns_at(const struct peak_columns *columns, int32_t mz_bytes,
                                             uint64_t row)
{
    return (struct peak_columns){
        .mz = (unsigned char *)columns->mz + row * (uint64_t)mz_bytes,
        .intensity = columns->intensity + row,
        .pixel = columns->pixel + row,
        .n_rows = columns->n_rows - (int64_t)row,
        .mz_bytes = mz_bytes,
    };
}

/* Return an m/z as a number, whatever its type. */
static inline double mz_at(const void *mz, size_t row, int32_t mz_bytes)
{
    return mz_bytes == 8 ? ((const double *)mz)[row] : (double)((const float *)mz)[row];
}

/* Return the bits of an m/z; it may lie at any address, so it is copied, not dereferenced. */
static inline uint64_t load_mz(const void *mz, size_t i, int32_t mz_bytes)
{
    if (mz_bytes == 8) {
        uint64_t bits;
        memcpy(&bits, (const unsigned char *)mz + 8 * i, 8);
        return bits;
    }
    uint32_t bits;
    memcpy(&bits, (const unsigned char *)mz + 4 * i, 4);
    return bits;
}

/* Write an m/z, given by its bits, to a row of a column. */
static inline void store_mz(void *mz, size_t row, int32_t mz_bytes, uint64_t bits)
{
    if (mz_bytes == 8) {
        ((uint64_t *)mz)[row] = bits;
    } else {
        ((uint32_t *)mz)[row] = (uint32_t)bits;
    }
}

#endif
