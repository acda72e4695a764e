/*
 * The images most alike: cosines of pairs, of which the highest are kept.
 *
 * In: prepared images, whole numbers from 0 to 4095 (prepare.c). Out: for each image, or for some of
 * them (rows), the images with the highest cosines, itself among them.
 *
 * All sums are of whole numbers and exact, so no result depends on blocks or on the processor. Three
 * images are multiplied with three at a time, which takes two loads for three products, each pair of
 * rows once; in blocks of images, strip by strip of pixels, so that both stay in the cache; strips
 * without signal are left out. Processors with AVX2 (Intel's since 2013, AMD's since 2015, every
 * Lambda) multiply 16 pixels in an instruction, others what the compiler makes of it. Cost: linear in
 * pixels and quadratic in images, with AVX2 about 0.02 ns for a product of two pixels.
 */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../processor.h"
#include "../status.h"
#include "tiles.h"

/* Vectors of a strip: 64 times two products, which one of eight sums gets of it, fit 31 bits. */
enum { STRIP = 64, BLOCK = 32 };

/* Adds the products of a strip of three images with one of three others, (n, 3, 16) pixels each. */
typedef void multiply_strips(const uint16_t *one, const uint16_t *other, size_t n, int64_t *sum);

/* Images, and what is found of them. */
struct ranking {
    const uint16_t *images; /* (n_tiles, n_vectors, 3, 16) */
    size_t n_tiles, n_vectors, n_strips;
    multiply_strips *multiply;
    uint8_t *has_signal;        /* (n_tiles, n_strips) */
    double *length;             /* (3 n_tiles,): root of the sum of squares */
    size_t first_row, row_stop; /* tiles whose images are rows, without the last */
    size_t n_kept;
    size_t *n_found;    /* (n_rows,) */
    int32_t *partner;   /* (n_rows, n_kept), the most similar first */
    float *coefficient; /* (n_rows, n_kept) */
};

static void multiply_plainly(const uint16_t *one, const uint16_t *other, size_t n, int64_t *sum)
{
    for (size_t k = 0; k < TILE * TILE; k++) {
        const uint16_t *left = one + k / TILE * VECTOR, *right = other + k % TILE * VECTOR;
        uint32_t part[VECTOR] = {0};
        for (size_t v = 0; v < n; v++) {
            for (size_t p = 0; p < VECTOR; p++) {
                part[p] += (uint32_t)left[p] * right[p];
            }
            left += TILE * VECTOR;
            right += TILE * VECTOR;
        }
        for (size_t p = 0; p < VECTOR; p++) {
            sum[k] += part[p];
        }
    }
}

#ifdef HAS_WIDE
/* Return the sum of eight unsigned numbers of which four fit 32 bits. */
WIDE static inline int64_t sum_eight(__m256i part)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(part), _mm256_extracti128_si256(part, 1));
    __m128i zero = _mm_setzero_si128();
    __m128i two = _mm_add_epi64(_mm_unpacklo_epi32(four, zero), _mm_unpackhi_epi32(four, zero));
    return _mm_cvtsi128_si64(two) + _mm_cvtsi128_si64(_mm_unpackhi_epi64(two, two));
}

WIDE static inline __m256i add_products(__m256i sum, __m256i one, __m256i other)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(one, other));
}

WIDE static void multiply_widely(const uint16_t *one, const uint16_t *other, size_t n, int64_t *sum)
{
    __m256i s00 = _mm256_setzero_si256(), s01 = s00, s02 = s00, s10 = s00, s11 = s00, s12 = s00,
            s20 = s00, s21 = s00, s22 = s00;
    const __m256i *left = (const __m256i *)(const void *)one;
    const __m256i *right = (const __m256i *)(const void *)other;
    for (size_t i = 0; i < TILE * n; i += TILE) {
        __m256i a = _mm256_loadu_si256(left + i), b = _mm256_loadu_si256(left + i + 1),
                c = _mm256_loadu_si256(left + i + 2);
        __m256i d = _mm256_loadu_si256(right + i);
        s00 = add_products(s00, a, d);
        s10 = add_products(s10, b, d);
        s20 = add_products(s20, c, d);
        d = _mm256_loadu_si256(right + i + 1);
        s01 = add_products(s01, a, d);
        s11 = add_products(s11, b, d);
        s21 = add_products(s21, c, d);
        d = _mm256_loadu_si256(right + i + 2);
        s02 = add_products(s02, a, d);
        s12 = add_products(s12, b, d);
        s22 = add_products(s22, c, d);
    }
    const __m256i parts[TILE * TILE] = {s00, s01, s02, s10, s11, s12, s20, s21, s22};
    for (size_t k = 0; k < TILE * TILE; k++) {
        sum[k] += sum_eight(parts[k]);
    }
}
#endif

static multiply_strips *choose_multiplication(bool is_plain)
{
#ifdef HAS_WIDE
    if (!is_plain && is_wide(false)) {
        return multiply_widely;
    }
#endif
    (void)is_plain;
    return multiply_plainly;
}

/* Return how many vectors of pixels a strip has. */
static size_t count_vectors(const struct ranking *ranking, size_t strip)
{
    size_t left = ranking->n_vectors - strip * STRIP;
    return left < STRIP ? left : STRIP;
}

static const uint16_t *strip_at(const struct ranking *ranking, size_t tile, size_t strip)
{
    return ranking->images + place_of(TILE * tile, strip * STRIP, ranking->n_vectors);
}

static bool is_row(const struct ranking *ranking, size_t tile)
{
    return tile >= ranking->first_row && tile < ranking->row_stop;
}

/* Keep a pair if it is among the best of its first image: equal ones in the images' order. */
static void offer(struct ranking *ranking, size_t image, size_t other, float coefficient)
{
    size_t row = image - TILE * ranking->first_row;
    int32_t *partner = ranking->partner + row * ranking->n_kept;
    float *kept = ranking->coefficient + row * ranking->n_kept;
    size_t n = ranking->n_found[row];
    int32_t name = (int32_t)other;
    if (n == ranking->n_kept) {
        float least = kept[n - 1];
        if (coefficient < least || (coefficient == least && name > partner[n - 1])) {
            return;
        }
        n--;
    }
    ranking->n_found[row] = n + 1;
    for (; n > 0
           && (kept[n - 1] < coefficient || (kept[n - 1] == coefficient && partner[n - 1] > name));
         n--) {
        kept[n] = kept[n - 1];
        partner[n] = partner[n - 1];
    }
    kept[n] = coefficient;
    partner[n] = name;
}

/* Return the cosine of two images; rounded to float32 before it is ranked, as it is stored. */
static float measure_cosine(int64_t product, double length, double other_length)
{
    double cosine = (double)product / length / other_length;
    return (float)(cosine < 1 ? cosine : 1);
}

/* Rank the pairs of the images of two tiles, the first of rows, given their products (3, 3). */
static void rank_tiles(struct ranking *ranking, size_t one, size_t other, const int64_t *products)
{
    bool are_rows = is_row(ranking, other);
    for (size_t k = 0; k < TILE * TILE; k++) {
        size_t i = TILE * one + k / TILE, j = TILE * other + k % TILE;
        if (products[k] == 0 || (one == other && j < i)) {
            continue;
        }
        double length = ranking->length[i], other_length = ranking->length[j];
        offer(ranking, i, j, measure_cosine(products[k], length, other_length));
        if (i != j && are_rows) {
            offer(ranking, j, i, measure_cosine(products[k], other_length, length));
        }
    }
}

/* A block of tiles: start, and stop without it. */
struct block {
    size_t start, stop;
};

/* Return the first tile of a block to multiply a tile with, so that each pair of rows comes once. */
static size_t begin_at(const struct ranking *ranking, size_t tile, struct block other)
{
    return is_row(ranking, other.start) && tile > other.start ? tile : other.start;
}

/* Rank the pairs of two blocks; the second is of other images, or of rows from the first block on. */
static void rank_blocks(struct ranking *ranking, struct block rows, struct block others,
                        int64_t *products)
{
    memset(products, 0, BLOCK * BLOCK * TILE * TILE * sizeof *products);
    for (size_t strip = 0; strip < ranking->n_strips; strip++) {
        size_t n_vectors = count_vectors(ranking, strip);
        for (size_t i = rows.start; i < rows.stop; i++) {
            if (!ranking->has_signal[i * ranking->n_strips + strip]) {
                continue;
            }
            int64_t *sums = products + (i - rows.start) * BLOCK * TILE * TILE;
            for (size_t j = begin_at(ranking, i, others); j < others.stop; j++) {
                if (ranking->has_signal[j * ranking->n_strips + strip]) {
                    ranking->multiply(strip_at(ranking, i, strip), strip_at(ranking, j, strip),
                                      n_vectors, sums + (j - others.start) * TILE * TILE);
                }
            }
        }
    }
    for (size_t i = rows.start; i < rows.stop; i++) {
        for (size_t j = begin_at(ranking, i, others); j < others.stop; j++) {
            size_t pair = (i - rows.start) * BLOCK + (j - others.start);
            rank_tiles(ranking, i, j, products + pair * TILE * TILE);
        }
    }
}

static size_t count_images(size_t n_images, struct block block)
{
    size_t stop = TILE * block.stop < n_images ? TILE * block.stop : n_images;
    return stop - TILE * block.start;
}

/* Return how many pairs of n images two blocks hold; of one block with itself, one pair of each. */
static int64_t count_pairs(size_t n, struct block rows, struct block others)
{
    size_t one = count_images(n, rows), other = count_images(n, others);
    return (int64_t)(rows.start == others.start ? one * (one + 1) / 2 : one * other);
}

/* Rank the pairs of a block of rows with all images from one tile to another. */
static void rank_range(struct ranking *ranking, size_t n_images, struct block rows,
                       struct block range, int64_t *products, int64_t *n_done)
{
    for (size_t start = range.start; start < range.stop; start += BLOCK) {
        size_t stop = range.stop - start < BLOCK ? range.stop : start + BLOCK;
        struct block others = {start, stop};
        rank_blocks(ranking, rows, others, products);
        *n_done += count_pairs(n_images, rows, others);
    }
}

/* Measure how long each image is, and where the tiles have signal. */
static void look_at_images(struct ranking *ranking)
{
    for (size_t tile = 0; tile < ranking->n_tiles; tile++) {
        uint64_t squares[TILE] = {0};
        for (size_t strip = 0; strip < ranking->n_strips; strip++) {
            const uint16_t *pixels = strip_at(ranking, tile, strip);
            uint32_t any = 0;
            for (size_t v = 0; v < TILE * count_vectors(ranking, strip); v++) {
                uint32_t part = 0;
                for (size_t p = 0; p < VECTOR; p++) {
                    uint32_t pixel = pixels[v * VECTOR + p];
                    part += pixel * pixel;
                }
                squares[v % TILE] += part;
                any |= part;
            }
            ranking->has_signal[tile * ranking->n_strips + strip] = any != 0;
        }
        for (size_t i = 0; i < TILE; i++) {
            ranking->length[TILE * tile + i] = sqrt((double)squares[i]);
        }
    }
}

/*
 * Find for images first to stop of all (tiles.h), pixels from 0 to 4095, those with the highest
 * cosines above 0, itself included: partner and coefficient (stop - first, n_kept), falling, equal
 * ones in order. Both are left as they are where there is none. The first of them is the first of a
 * tile. What the processor can do beyond any other is used if is_plain is 0; the result is the same.
 * n_done is raised by the pairs that are ranked, of two rows once, for who looks at it meanwhile from
 * another thread.
 */
int32_t ionbox_find_partners(const uint16_t *images, int64_t n_images, int64_t n_vectors,
                             int64_t first, int64_t stop, int32_t is_plain, int64_t n_kept,
                             int32_t *partner, float *coefficient, int64_t *n_done)
{
    if (n_images < 0 || n_images > INT32_MAX || n_vectors < 0 || n_kept < 1 || first < 0
        || stop < first || stop > n_images || first % TILE != 0
        || (stop % TILE != 0 && stop != n_images)) {
        return STATUS_INVALID;
    }
    size_t n = (size_t)n_images, n_tiles = count_groups(n, TILE);
    size_t n_strips = count_groups((size_t)n_vectors, STRIP);
    struct ranking ranking = {
        .images = images,
        .n_tiles = n_tiles,
        .n_vectors = (size_t)n_vectors,
        .n_strips = n_strips,
        .multiply = choose_multiplication(is_plain != 0),
        .has_signal = malloc(n_tiles * n_strips + 1),
        .length = malloc((TILE * n_tiles + 1) * sizeof *ranking.length),
        .first_row = (size_t)first / TILE,
        .row_stop = count_groups((size_t)stop, TILE),
        .n_kept = (size_t)n_kept,
        .n_found = calloc((size_t)(stop - first) + 1, sizeof *ranking.n_found),
        .partner = partner,
        .coefficient = coefficient,
    };
    int64_t *products = malloc(BLOCK * BLOCK * TILE * TILE * sizeof *products);
    bool has_memory = ranking.has_signal && ranking.length && ranking.n_found && products;
    if (has_memory) {
        look_at_images(&ranking);
        size_t first_row = ranking.first_row, row_stop = ranking.row_stop;
        for (size_t start = first_row; start < row_stop; start += BLOCK) {
            struct block rows = {start, row_stop - start < BLOCK ? row_stop : start + BLOCK};
            struct block ranges[] = {{0, first_row}, {start, row_stop}, {row_stop, n_tiles}};
            for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
                rank_range(&ranking, n, rows, ranges[k], products, n_done);
            }
        }
    }
    free(ranking.has_signal);
    free(ranking.length);
    free(ranking.n_found);
    free(products);
    return has_memory ? STATUS_OK : STATUS_NO_MEMORY;
}
