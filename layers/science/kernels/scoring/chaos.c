/*
 * Measure of spatial chaos: how far an ion image is from noise.
 *
 * In: an image's non-zero pixels and their intensities (counts, any unit: only ratios matter), the
 * number of thresholds. Out: 1 for one compact object, near 0 for noise.
 *
 * Definition: Alexandrov and Bartels 2013 (doi:10.1093/bioinformatics/btt388), in the form
 * METASPACE uses: threshold the image at n levels, close each mask (dilate with the four
 * neighbours, erode with all eight; what lies outside the image takes no part), count 4-connected
 * components.
 *
 * Thresholding commutes with dilation and erosion, so the image is quantised to the number of
 * thresholds below each pixel, closed once in grey levels, and one visit of the closed pixels,
 * always going on at the highest level in reach, counts the components of all thresholds together.
 * Cost: a few operations per pixel of the rectangle around the object, or per non-zero pixel where
 * these are few; the literal way costs n passes over all pixels and gives the same to the last bit.
 */

#include "chaos.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"

/* With more grid cells per non-zero pixel, lists of pixels are cheaper than sweeps over rows. */
enum { SPARSE_CELLS_PER_PIXEL = 64 };

/* The rectangle of pixels that holds an image. */
struct box {
    size_t y_min, y_max, x_min, x_max; /* both ends included */
};

static inline uint8_t max_u8(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

static inline uint8_t min_u8(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

/* Allocate working memory for images of height x width pixels. Returns a status. */
int32_t init_chaos_scratch(struct chaos_scratch *scratch, size_t height, size_t width)
{
    size_t stride = width + 2, n_cells = (height + 2) * stride;
    *scratch = (struct chaos_scratch){.height = height, .width = width, .stride = stride};
    if (n_cells > UINT32_MAX) {
        return STATUS_TOO_LARGE;
    }
    scratch->levels = calloc(n_cells, 1);
    scratch->dilated = calloc(n_cells, 1);
    scratch->closed = calloc(n_cells, 1);
    scratch->waiting = malloc(n_cells * sizeof(uint32_t));
    scratch->cells = malloc(n_cells * sizeof(uint32_t));
    scratch->dilated_cells = malloc(n_cells * sizeof(uint32_t));
    if (!scratch->levels || !scratch->dilated || !scratch->closed || !scratch->waiting
        || !scratch->cells || !scratch->dilated_cells) {
        free_chaos_scratch(scratch);
        return STATUS_NO_MEMORY;
    }
    /* a border above all levels never lowers the minimum of its neighbours */
    memset(scratch->dilated, UINT8_MAX, stride);
    memset(scratch->dilated + n_cells - stride, UINT8_MAX, stride);
    for (size_t y = 1; y <= height; y++) {
        scratch->dilated[y * stride] = UINT8_MAX;
        scratch->dilated[y * stride + width + 1] = UINT8_MAX;
    }
    return STATUS_OK;
}

/* Free what init_chaos_scratch allocated. */
void free_chaos_scratch(struct chaos_scratch *scratch)
{
    free(scratch->levels);
    free(scratch->dilated);
    free(scratch->closed);
    free(scratch->waiting);
    free(scratch->cells);
    free(scratch->dilated_cells);
    *scratch = (struct chaos_scratch){0};
}

/*
 * Write thresholds i/n of the maximum, i = 0 .. n_levels - 1, in METASPACE's float32 arithmetic,
 * and an unreachable one behind them.
 */
static void set_thresholds(float *threshold, float maximum, unsigned n_levels)
{
    for (unsigned i = 0; i < n_levels; i++) {
        threshold[i] = maximum * (float)i / (float)n_levels;
    }
    threshold[n_levels] = INFINITY;
}

/*
 * Write the number of thresholds strictly below each pixel to scratch->levels, list the pixels'
 * cells in scratch->cells and return the rectangle that holds them.
 */
static struct box quantise(struct chaos_scratch *scratch, const uint32_t *pixel, const float *value,
                           size_t n, float maximum, unsigned n_levels)
{
    float threshold[MAX_CHAOS_LEVELS + 1];
    set_thresholds(threshold, maximum, n_levels);
    struct box box = {scratch->height, 0, scratch->width, 0};
    double rows_per_pixel = 1.0 / (double)scratch->width;
    /*
     * Guess the highest threshold that is not above a pixel by one product, and look whether it is
     * below. The guess is at most one too high, and then the look puts it right; it is never too
     * low: it is inflated by 2^-20, thresholds are rounded by less than 2^-22. With a maximum
     * outside this range they over- or underflow, and are counted one by one.
     */
    const bool guessable = maximum > 1e-30f && maximum < 1e36f;
    float levels_per_unit = guessable ? (float)n_levels / maximum * (1 + 0x1p-20f) : 0;
    for (size_t i = 0; i < n; i++) {
        /* exact, as half a pixel is far more than rounding: a division would cost more */
        size_t y = (size_t)(((double)pixel[i] + 0.5) * rows_per_pixel);
        size_t x = pixel[i] - y * scratch->width;
        float v = value[i] > 0 ? value[i] : 0;
        unsigned level = (unsigned)(v * levels_per_unit);
        level += v > threshold[level];
        if (!guessable) {
            while (v > threshold[level]) {
                level++;
            }
        }
        size_t cell = (y + 1) * scratch->stride + x + 1;
        scratch->levels[cell] = (uint8_t)level;
        scratch->cells[i] = (uint32_t)cell;
        box.y_min = y < box.y_min ? y : box.y_min;
        box.y_max = y > box.y_max ? y : box.y_max;
        box.x_min = x < box.x_min ? x : box.x_min;
        box.x_max = x > box.x_max ? x : box.x_max;
    }
    return box;
}

/*
 * Return the sum over all thresholds of the number of 4-connected components, of the one component
 * of non-zero pixels around the seed; set its pixels to zero.
 *
 * Pixels are visited in the order of Prim's algorithm for a maximum spanning tree (as in the
 * flooding of Nister and Stewenius 2008, doi:10.1007/978-3-540-88688-4_14): always the highest
 * level in reach. A step up from level a to b is then a component of thresholds a .. b-1 not met
 * before; steps along or down add none.
 */
static uint64_t visit_component(struct chaos_scratch *scratch, uint32_t seed)
{
    uint8_t *closed = scratch->closed;
    uint32_t *next = scratch->waiting;
    uint32_t top[MAX_CHAOS_LEVELS + 1] = {0}; /* stack of waiting cells per level; 0 ends it */
    uint64_t occupied = 0;                    /* bit per level with waiting cells */
    uint32_t stride = (uint32_t)scratch->stride;
    uint32_t here = seed;
    unsigned level = closed[seed];
    uint64_t n_components = level;
    closed[seed] = 0;
    for (;;) {
        uint32_t neighbours[4] = {here + 1, here - 1, here + stride, here - stride};
        int i = 0;
        for (; i < 4; i++) {
            uint32_t cell = neighbours[i];
            unsigned cell_level = closed[cell];
            if (!cell_level) {
                continue;
            }
            closed[cell] = 0;
            uint32_t postponed = cell_level > level ? here : cell;
            unsigned postponed_level = cell_level > level ? level : cell_level;
            next[postponed] = top[postponed_level];
            top[postponed_level] = postponed;
            occupied |= (uint64_t)1 << postponed_level;
            if (cell_level > level) {
                n_components += cell_level - level;
                here = cell;
                level = cell_level;
                break;
            }
        }
        if (i < 4) {
            continue;
        }
        if (!occupied) {
            return n_components;
        }
        level = 63 - (unsigned)__builtin_clzll(occupied);
        here = top[level];
        top[level] = next[here];
        if (!top[level]) {
            occupied &= ~((uint64_t)1 << level);
        }
    }
}

/* Raise a cell of the dilated plane; list it if it was zero. Returns the length of the list. */
static inline size_t raise_cell(uint8_t *dilated, uint32_t *list, size_t n, size_t cell,
                                uint8_t level)
{
    uint8_t before = dilated[cell];
    list[n] = (uint32_t)cell;
    dilated[cell] = level > before ? level : before;
    return n + (before == 0);
}

/* Return the smallest of a cell, which is not zero, and its eight neighbours. */
static inline uint8_t lowest_around(const uint8_t *plane, size_t cell, size_t stride)
{
    const size_t corners[4] = {cell - stride - 1, cell - stride + 1, cell + stride - 1,
                               cell + stride + 1};
    const size_t sides[4] = {cell - 1, cell + 1, cell - stride, cell + stride};
    uint8_t lowest = plane[cell];
    /* corners first: around a lone pixel they are zero */
    for (int i = 0; i < 4 && lowest; i++) {
        lowest = min_u8(lowest, plane[corners[i]]);
    }
    for (int i = 0; i < 4 && lowest; i++) {
        lowest = min_u8(lowest, plane[sides[i]]);
    }
    return lowest;
}

/* Close and count an image of n non-zero pixels by walking lists; see visit_component. */
static uint64_t count_sparse(struct chaos_scratch *scratch, size_t n)
{
    size_t stride = scratch->stride, n_dilated = 0;
    uint8_t *dilated = scratch->dilated;
    uint32_t *list = scratch->dilated_cells;
    for (size_t i = 0; i < n; i++) {
        size_t cell = scratch->cells[i];
        uint8_t level = scratch->levels[cell];
        n_dilated = raise_cell(dilated, list, n_dilated, cell, level);
        n_dilated = raise_cell(dilated, list, n_dilated, cell - 1, level);
        n_dilated = raise_cell(dilated, list, n_dilated, cell + 1, level);
        n_dilated = raise_cell(dilated, list, n_dilated, cell - stride, level);
        n_dilated = raise_cell(dilated, list, n_dilated, cell + stride, level);
    }
    for (size_t i = 0; i < n_dilated; i++) {
        scratch->closed[list[i]] = lowest_around(dilated, list[i], stride);
    }
    uint64_t n_components = 0;
    for (size_t i = 0; i < n_dilated; i++) {
        dilated[list[i]] = 0;
        if (scratch->closed[list[i]]) {
            n_components += visit_component(scratch, list[i]);
        }
    }
    return n_components;
}

/* Dilate one row with the four neighbours: (n,) cells, row points at the first. */
static void dilate_row(uint8_t *restrict out, const uint8_t *restrict row, size_t stride, size_t n)
{
    const uint8_t *above = row - stride, *below = row + stride;
    for (ptrdiff_t x = 0; x < (ptrdiff_t)n; x++) {
        uint8_t across = max_u8(max_u8(row[x - 1], row[x + 1]), row[x]);
        out[x] = max_u8(max_u8(above[x], below[x]), across);
    }
}

/* Erode one row with all eight neighbours: (n,) cells, row points at the first. */
static void erode_row(uint8_t *restrict out, const uint8_t *restrict row, size_t stride, size_t n)
{
    const uint8_t *above = row - stride, *below = row + stride;
    for (ptrdiff_t x = 0; x < (ptrdiff_t)n; x++) {
        uint8_t left = min_u8(min_u8(above[x - 1], below[x - 1]), row[x - 1]);
        uint8_t middle = min_u8(min_u8(above[x], below[x]), row[x]);
        uint8_t right = min_u8(min_u8(above[x + 1], below[x + 1]), row[x + 1]);
        out[x] = min_u8(min_u8(left, right), middle);
    }
}

/* Visit all non-zero cells of a row of the closed plane; see visit_component. */
static uint64_t visit_row(struct chaos_scratch *scratch, size_t first_cell, size_t n)
{
    uint64_t n_components = 0;
    for (size_t x = 0; x < n; x++) {
        uint64_t eight;
        /* pass over zeros by eight cells at a time: most of the plane is zero, or soon will be */
        while (x + sizeof eight <= n) {
            memcpy(&eight, scratch->closed + first_cell + x, sizeof eight);
            if (eight) {
                break;
            }
            x += sizeof eight;
        }
        if (x < n && scratch->closed[first_cell + x]) {
            n_components += visit_component(scratch, (uint32_t)(first_cell + x));
        }
    }
    return n_components;
}

/* Close and count an image by sweeping over the rows around its non-zero pixels. */
static uint64_t count_dense(struct chaos_scratch *scratch, struct box box)
{
    size_t stride = scratch->stride;
    /* dilation reaches one pixel further, as far as there is image; in cells, stop excluded */
    size_t y_start = box.y_min > 0 ? box.y_min : 1;
    size_t y_stop = box.y_max + 3 < scratch->height + 1 ? box.y_max + 3 : scratch->height + 1;
    size_t x_start = box.x_min > 0 ? box.x_min : 1;
    size_t x_stop = box.x_max + 3 < scratch->width + 1 ? box.x_max + 3 : scratch->width + 1;
    size_t n = x_stop - x_start;
    for (size_t y = y_start; y < y_stop; y++) {
        size_t cell = y * stride + x_start;
        dilate_row(scratch->dilated + cell, scratch->levels + cell, stride, n);
    }
    for (size_t y = y_start; y < y_stop; y++) {
        size_t cell = y * stride + x_start;
        erode_row(scratch->closed + cell, scratch->dilated + cell, stride, n);
    }
    uint64_t n_components = 0;
    for (size_t y = y_start; y < y_stop; y++) {
        size_t cell = y * stride + x_start;
        memset(scratch->dilated + cell, 0, n);
        n_components += visit_row(scratch, cell, n);
    }
    return n_components;
}

/*
 * Measure the chaos of one image.
 *
 * pixel, value: (n,) row-major pixels of the image, each at most once, and their intensities; all
 * other pixels are zero. Returns 1 for one compact object, near 0 for noise; 0 where there is
 * nothing to measure: no intensity above zero, one that is not finite, or a result within rounding
 * of 1 (numpy.isclose), as in METASPACE.
 */
double measure_chaos(struct chaos_scratch *scratch, const uint32_t *pixel, const float *value,
                     size_t n, unsigned n_levels)
{
    float maximum = 0, zeroes = 0;
    size_t n_above_zero = 0;
    for (size_t i = 0; i < n; i++) {
        zeroes += value[i] * 0; /* stays zero unless a value is NaN or infinite */
        maximum = value[i] > maximum ? value[i] : maximum;
        n_above_zero += value[i] > 0;
    }
    if (isnan(zeroes) || n_above_zero == 0) {
        return 0;
    }
    struct box box = quantise(scratch, pixel, value, n, maximum, n_levels);
    size_t area = (box.y_max - box.y_min + 1) * (box.x_max - box.x_min + 1);
    uint64_t n_components =
        area / SPARSE_CELLS_PER_PIXEL > n ? count_sparse(scratch, n) : count_dense(scratch, box);
    for (size_t i = 0; i < n; i++) {
        scratch->levels[scratch->cells[i]] = 0;
    }
    double chaos = 1 - (double)n_components / (double)n_levels / (double)n_above_zero;
    return fabs(chaos - 1) <= 1e-8 + 1e-5 ? 0 : chaos;
}

/* List the pixels of an image above zero, or NaN; return how many. */
static size_t list_pixels(const float *image, size_t n_pixels, uint32_t *pixel, float *value)
{
    static const float nothing[16] = {0};
    size_t n = 0, i = 0;
    while (i < n_pixels) {
        size_t block = n_pixels - i < 16 ? n_pixels - i : 16;
        size_t stop = i + block;
        if (memcmp(image + i, nothing, block * sizeof *image) == 0) {
            i = stop;
        }
        for (; i < stop; i++) {
            pixel[n] = (uint32_t)i;
            value[n] = image[i];
            n += !(image[i] <= 0); /* keeps NaN */
        }
    }
    return n;
}

/* Measure the chaos of images: (n_images, height, width) float32 -> chaos (n_images,) float64. */
int32_t ionbox_measure_chaos(const float *images, int64_t n_images, int64_t height, int64_t width,
                             int32_t n_levels, double *chaos)
{
    if (n_images < 0 || height < 1 || width < 1 || n_levels < 1 || n_levels > MAX_CHAOS_LEVELS) {
        return STATUS_INVALID;
    }
    struct chaos_scratch scratch;
    int32_t status = init_chaos_scratch(&scratch, (size_t)height, (size_t)width);
    if (status != STATUS_OK) {
        return status;
    }
    size_t n_pixels = (size_t)height * (size_t)width;
    uint32_t *pixel = malloc((n_pixels + 1) * sizeof *pixel); /* list_pixels writes one too many */
    float *value = malloc((n_pixels + 1) * sizeof *value);
    if (!pixel || !value) {
        status = STATUS_NO_MEMORY;
    }
    for (int64_t i = 0; i < n_images && status == STATUS_OK; i++) {
        size_t n = list_pixels(images + (size_t)i * n_pixels, n_pixels, pixel, value);
        chaos[i] = measure_chaos(&scratch, pixel, value, n, (unsigned)n_levels);
    }
    free(pixel);
    free(value);
    free_chaos_scratch(&scratch);
    return status;
}
