/*
 * Sums of the leaves of boosted oblivious trees: what a learned score is made of.
 *
 * In: features of ions, the borders at which trees split them, splits and leaves of all trees. Out:
 * per ion the sum of its leaves, tree after tree in float64, which is CatBoost's sum to the last
 * bit (Prokhorenkova et al. 2018, arXiv:1706.09516; its model evaluator).
 *
 * All leaves of an oblivious tree lie behind the same questions ("is feature f above border b?"), so
 * an ion's leaf is the number that its answers spell in binary. Each feature is ranked among its
 * borders once; then a question compares two small integers, which compilers do for many ions at a
 * time. Cost: some 6 comparisons and one look-up per ion and tree, 2 ns.
 */

#include <stdint.h>
#include <stdlib.h>

#include "../status.h"

/*
 * BLOCK: ions whose ranks stay in cache while all trees are walked through. AT_ONCE: trees whose
 * leaves are added to a sum before it is written back.
 */
enum { BLOCK = 512, MAX_DEPTH = 8, USUAL_DEPTH = 6, AT_ONCE = 4, MAX_BORDERS = INT16_MAX - 1 };

/* Compiled once per depth that is known. */
#define SPECIALISED static inline __attribute__((always_inline))

/* Trees, as ionbox_sum_leaves takes them. */
struct trees {
    size_t n, depth;
    const uint8_t *feature;
    const uint16_t *rank;
    const double *leaf;
};

/* Count the borders below a value; none for NaN, which is above nothing. Ascending borders. */
static int16_t rank_among(const float *border, size_t n_borders, float value)
{
    size_t low = 0, high = n_borders;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (value > border[middle]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (int16_t)low;
}

/* Find each ion's leaf of a tree: a bit for each question; rank: (n_features, BLOCK). */
SPECIALISED void find_leaves_of(const struct trees *trees, size_t depth, size_t tree,
                                const int16_t *rank, uint16_t *restrict leaf)
{
    const int16_t *row[MAX_DEPTH] = {rank};
    int16_t split[MAX_DEPTH] = {0};
    for (size_t level = 0; level < depth; level++) {
        row[level] = rank + trees->feature[tree * depth + level] * (size_t)BLOCK;
        split[level] = (int16_t)trees->rank[tree * depth + level];
    }
    for (size_t i = 0; i < BLOCK; i++) {
        int16_t bits = 0;
        for (size_t level = 0; level < depth; level++) {
            bits = (int16_t)(bits | (row[level][i] > split[level] ? 1 << level : 0));
        }
        leaf[i] = (uint16_t)bits;
    }
}

static void find_leaves(const struct trees *trees, size_t tree, const int16_t *rank,
                        uint16_t *restrict leaf)
{
    if (trees->depth == USUAL_DEPTH) {
        find_leaves_of(trees, USUAL_DEPTH, tree, rank, leaf);
    } else {
        find_leaves_of(trees, trees->depth, tree, rank, leaf);
    }
}

/* Add the leaves of all trees to the sums of a block of ions; rank: (n_features, BLOCK). */
static void sum_block(const struct trees *trees, const int16_t *rank, double *restrict sum)
{
    uint16_t leaf[AT_ONCE][BLOCK];
    size_t tree = 0;
    for (; tree + AT_ONCE <= trees->n; tree += AT_ONCE) {
        const double *value[AT_ONCE];
        for (size_t k = 0; k < AT_ONCE; k++) {
            find_leaves(trees, tree + k, rank, leaf[k]);
            value[k] = trees->leaf + ((tree + k) << trees->depth);
        }
        for (size_t i = 0; i < BLOCK; i++) {
            double total = sum[i];
            for (size_t k = 0; k < AT_ONCE; k++) {
                total += value[k][leaf[k][i]];
            }
            sum[i] = total;
        }
    }
    for (; tree < trees->n; tree++) {
        find_leaves(trees, tree, rank, leaf[0]);
        for (size_t i = 0; i < BLOCK; i++) {
            sum[i] += trees->leaf[(tree << trees->depth) + leaf[0][i]];
        }
    }
}

/*
 * Sum the leaves of all trees for each ion.
 *
 * features: (n_features, n_ions). border: those of all features, ascending within each; the borders
 * of feature f are border_start[f] .. border_start[f + 1] - 1. feature, rank: (n_trees, depth), what
 * each question is about: a feature, and the place of its border among that feature's; one past the
 * last is a question to which nobody says yes. leaf: (n_trees, 2^depth). sum: (n_ions,).
 */
int32_t ionbox_sum_leaves(const float *features, int64_t n_ions, int64_t n_features,
                          const float *border, const int64_t *border_start, int64_t n_trees,
                          int64_t depth, const uint8_t *feature, const uint16_t *rank,
                          const double *leaf, double *sum)
{
    if (n_ions < 0 || n_features < 0 || n_trees < 0 || depth < 0 || depth > MAX_DEPTH) {
        return STATUS_INVALID;
    }
    for (int64_t f = 0; f < n_features; f++) {
        const int64_t n_borders = border_start[f + 1] - border_start[f];
        if (border_start[f] < 0 || n_borders < 0 || n_borders > MAX_BORDERS) {
            return STATUS_INVALID;
        }
    }
    for (int64_t split = 0; split < n_trees * depth; split++) {
        if (feature[split] >= n_features || rank[split] > MAX_BORDERS) {
            return STATUS_INVALID;
        }
    }
    const struct trees trees = {(size_t)n_trees, (size_t)depth, feature, rank, leaf};
    int16_t *ranks = calloc((size_t)n_features * BLOCK + 1, sizeof *ranks);
    if (!ranks) {
        return STATUS_NO_MEMORY;
    }
    for (int64_t start = 0; start < n_ions; start += BLOCK) {
        const size_t n = (size_t)(n_ions - start < BLOCK ? n_ions - start : BLOCK);
        for (int64_t f = 0; f < n_features; f++) {
            const float *own = border + border_start[f];
            const size_t n_borders = (size_t)(border_start[f + 1] - border_start[f]);
            for (size_t i = 0; i < n; i++) {
                const float value = features[f * n_ions + start + (int64_t)i];
                ranks[(size_t)f * BLOCK + i] = rank_among(own, n_borders, value);
            }
        }
        /* the last block has ions left over from the one before: their sums are not copied */
        double total[BLOCK] = {0};
        sum_block(&trees, ranks, total);
        for (size_t i = 0; i < n; i++) {
            sum[start + (int64_t)i] = total[i];
        }
    }
    free(ranks);
    return STATUS_OK;
}
