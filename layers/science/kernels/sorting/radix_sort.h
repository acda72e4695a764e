/* Sorts distinct integers; see radix_sort.c. */

#ifndef IONBOX_RADIX_SORT_H
#define IONBOX_RADIX_SORT_H

#include <stddef.h>
#include <stdint.h>

enum {
    DIGIT_BITS = 10, /* 1024 counters, which fit the first-level cache */
    /* Values that agree in so many leading bits of their range are rare enough to insert. */
    SORTED_BITS = 3 * DIGIT_BITS
};

/*
 * Sort n distinct values below 2^high_bit; few of them may differ only below low_bit, and
 * high_bit - low_bit is at most SORTED_BITS. other: (n,) scratch. Returns values or other,
 * whichever has the result.
 */
const uint64_t *sort_values(uint64_t *values, uint64_t *other, size_t n, int low_bit, int high_bit);

#endif
