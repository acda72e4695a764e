/* Positions at which the envelope of an isotope pattern is sampled; see pattern_grid.c. */

#ifndef IONBOX_PATTERN_GRID_H
#define IONBOX_PATTERN_GRID_H

#include "pattern_context.h"

enum { ANALYZER_ORBITRAP, ANALYZER_FTICR, ANALYZER_TOF };

/*
 * Lay out the grid for the context's isotopologues, with the widths that an analyzer gives them.
 * sigma: of a peak at m/z 200, in Da. Returns a status.
 */
int32_t lay_out_grid(struct pattern_context *context, int32_t analyzer, double sigma_at_200);

/* Index of the last segment that starts at or before an m/z, looking from `hint` on. */
int32_t find_segment(const struct pattern_context *context, int32_t hint, double mz);

/* Index on the grid of the last sample at or before an m/z, in segments from `hint` on. */
int64_t find_sample(const struct pattern_context *context, int32_t hint, double mz);

/* m/z of a sample by its index on the grid. */
static inline double sample_position(const struct segment *in, int64_t index)
{
    return in->start + (double)(index - in->first) * in->increment;
}

#endif
