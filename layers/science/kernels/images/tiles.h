/*
 * How prepared images lie in memory: (n_tiles, n_vectors, 3, 16) uint16.
 *
 * Three images are side by side, 16 pixels of each at a time, so that what is multiplied together
 * is read from one place. Images that fill up the last tile, and pixels that fill up the last
 * vector of an image, are 0.
 */

#ifndef IONBOX_TILES_H
#define IONBOX_TILES_H

#include <stddef.h>

enum { TILE = 3, VECTOR = 16 };

/* Return how many tiles or vectors hold n images or pixels. */
static inline size_t count_groups(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

/* Return where an image's vector of pixels begins. */
static inline size_t place_of(size_t image, size_t vector, size_t n_vectors)
{
    return ((image / TILE * n_vectors + vector) * TILE + image % TILE) * VECTOR;
}

#endif
