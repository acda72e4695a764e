/*
 * Sorts distinct integers that fit the processor's cache.
 *
 * In and out: n values of 64 bits, of which few differ only below some bit (the packed peaks of
 * bucket_sort.c). From that bit up, they are sorted digit by digit, the lowest digit first, and
 * then by insertion, which costs little if few are out of order. If many are, because values
 * cluster below that bit, all digits are sorted instead, so that the cost is linear in any case.
 */

#include "radix_sort.h"

#include <stdbool.h>
#include <string.h>

enum {
    N_DIGIT_VALUES = 1 << DIGIT_BITS,
    MAX_DIGITS = 7, /* for all of 64 bits */
    FEW = 48        /* values that are sorted by insertion alone, and moves per value it may take */
};

/* Turn counts into where each digit value's rows begin. */
static void accumulate(uint32_t *next)
{
    uint32_t total = 0;
    for (size_t value = 0; value < N_DIGIT_VALUES; value++) {
        const uint32_t count = next[value];
        next[value] = total;
        total += count;
    }
}

/* Sort by the bits from low_bit up, digit by digit; return which array has the result. */
static inline uint64_t *radix_sort(uint64_t *values, uint64_t *other, size_t n, int low_bit,
                                   const int n_digits)
{
    const uint64_t mask = N_DIGIT_VALUES - 1;
    uint32_t next[MAX_DIGITS][N_DIGIT_VALUES];
    memset(next, 0, (size_t)n_digits * sizeof next[0]);
    for (size_t i = 0; i < n; i++) {
        uint64_t digits = values[i] >> low_bit;
        for (int d = 0; d < n_digits; d++) {
            next[d][digits & mask]++;
            digits >>= DIGIT_BITS;
        }
    }
    for (int d = 0; d < n_digits; d++) {
        const int bit = low_bit + d * DIGIT_BITS;
        accumulate(next[d]);
        for (size_t i = 0; i < n; i++) {
            other[next[d][(values[i] >> bit) & mask]++] = values[i];
        }
        uint64_t *swap = values;
        values = other;
        other = swap;
    }
    return values;
}

/* Sort by insertion; give up, and return false, after max_moves. */
static bool insertion_sort(uint64_t *values, size_t n, size_t max_moves)
{
    size_t moves = 0;
    for (size_t i = 1; i < n; i++) {
        const uint64_t value = values[i];
        size_t k = i;
        while (k > 0 && values[k - 1] > value) {
            values[k] = values[k - 1];
            k--;
        }
        values[k] = value;
        moves += i - k;
        if (moves > max_moves) {
            return false;
        }
    }
    return true;
}

const uint64_t *sort_values(uint64_t *values, uint64_t *other, size_t n, int low_bit, int high_bit)
{
    uint64_t *sorted = values;
    if (n > FEW) {
        sorted = high_bit - low_bit <= 2 * DIGIT_BITS ? radix_sort(values, other, n, low_bit, 2)
                                                      : radix_sort(values, other, n, low_bit, 3);
    }
    if (insertion_sort(sorted, n, FEW * n)) {
        return sorted;
    }
    return radix_sort(sorted, sorted == values ? other : values, n, 0, MAX_DIGITS);
}
