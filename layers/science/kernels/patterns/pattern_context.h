/*
 * What one thread needs to compute isotope patterns: tables, and what its steps hand on.
 *
 * Arrays grow to what the largest ion so far needed, so that an ion mostly allocates nothing.
 */

#ifndef IONBOX_PATTERN_CONTEXT_H
#define IONBOX_PATTERN_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "fine_structure.h"

/* Recipe of the reference that concerns more than one step. */
#define REACH 6.0 /* sigma, beyond which a Gaussian is cut off: its exponent is -18 there */
enum {
    EXP_SIZE = 4501, /* of the table of exponentials: -18 to 0 by 0.004 */
    SAMPLES_AT_ONCE = 16,
    WINDOW = 15, /* samples a centroid is the mean of */
    HALF_WINDOW = WINDOW / 2
};

/* Samples start + j * increment, 0 <= j < count, of one width. */
struct segment {
    double start;     /* m/z */
    double increment; /* m/z */
    double sigma;     /* m/z */
    int64_t first;    /* index of the first sample on the grid */
    int64_t count;
    int32_t peak; /* isotopologue that sets sigma; -1 in the empty space between clusters */
};

/* Neighbouring isotopologues whose Gaussians reach no others. */
struct cluster {
    int32_t first, last; /* both included */
    double top, sum;     /* the largest of their abundances, and all together */
    double mean;         /* m/z, weighted by abundance */
};

/* A maximum of the envelope. */
struct centroid_peak {
    double mz;
    double intensity; /* height of its top sample, relative to the most abundant isotopologue */
};

/*
 * Adds the Gaussians of n_masses isotopologues to n <= SAMPLES_AT_ONCE samples at ascending m/z:
 * value += abundance * gaussian, one isotopologue after the other.
 */
typedef void add_gaussians(const double *exp_table, const double *mass, const double *abundance,
                           int32_t n_masses, double sigma, int n, const double *mz, double *value);

struct pattern_context {
    double exp_table[EXP_SIZE];
    add_gaussians *add;
    struct fine_structure fine;

    /* Grid. */
    double *sigma, *step; /* (fine.n) m/z, where each isotopologue sets the width */
    int32_t width_capacity;
    struct segment *segments;
    int32_t n_segments, segment_capacity;

    /* Envelope. */
    double *sample_mz, *sample_value;
    int64_t sample_capacity;

    /* Maxima. */
    struct cluster *clusters;
    int32_t n_clusters, cluster_capacity;
    struct centroid_peak *peaks;
    int32_t n_peaks, peak_capacity;
    double *best; /* (n_wanted) largest tops of clusters, falling */
    int32_t best_capacity;

    bool declined; /* the last digits decide about the ion: the caller asks cpyMSpec */
};

#endif
