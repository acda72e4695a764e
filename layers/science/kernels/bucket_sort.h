/*
 * How large a bucket of peaks may be, to be sorted in the processor's cache; see bucket_sort.c.
 */

#ifndef IONBOX_BUCKET_SORT_H
#define IONBOX_BUCKET_SORT_H

/* A peak's place in its bucket and its m/z within the bucket share 64 bits: 16 + 8 + 40. */
enum { MAX_BUCKET_PEAKS = 1 << 16, MAX_BUCKET_CELLS = 1 << 8 };

#endif
