/* Measure of spatial chaos of one ion image; see chaos.c. */

#ifndef IONBOX_CHAOS_H
#define IONBOX_CHAOS_H

#include <stddef.h>
#include <stdint.h>

/* Levels 1 to 63 are bits of a 64-bit set (visit_component). */
enum { MAX_CHAOS_LEVELS = 63 };

/*
 * Working memory for images of one size, reused from image to image. All planes have a border of
 * one cell around the image and hold their resting value wherever no image is being worked on.
 */
struct chaos_scratch {
    size_t height, width;
    size_t stride;           /* cells per row of a plane: width + 2 */
    uint8_t *levels;         /* plane, rests at 0: number of thresholds below a pixel */
    uint8_t *dilated;        /* plane, rests at 0, border 255: 4-neighbour maximum of levels */
    uint8_t *closed;         /* plane, rests at 0: 8-neighbour minimum of dilated */
    uint32_t *waiting;       /* plane, links cells that wait to be visited; any content */
    uint32_t *cells;         /* list of non-zero pixels as cells of a plane */
    uint32_t *dilated_cells; /* list of non-zero cells of dilated */
};

/* For what these do, see chaos.c. */
int32_t init_chaos_scratch(struct chaos_scratch *scratch, size_t height, size_t width);
void free_chaos_scratch(struct chaos_scratch *scratch);
double measure_chaos(struct chaos_scratch *scratch, const uint32_t *pixel, const float *value,
                     size_t n_pixels, unsigned n_levels);

#endif
