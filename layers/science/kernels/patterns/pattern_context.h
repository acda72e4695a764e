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

/* Version of cpyMSpec whose patterns are made, as Python numbers them. */
enum { CPYMSPEC_0_4_2, CPYMSPEC_0_3_5, N_VERSIONS };

/* What the versions do in different ways. */
struct recipe {
    bool is_constant_width; /* its most abundant isotopologue sets an ion's width: the analyzer does
                               not */
    bool is_exact;          /* exponentials are; else up to 1e-8 too low */
    bool has_reference;     /* cpyMSpec can be asked where the last digits decide about an ion */
    double grid_reach;      /* sigma; how far from an isotopologue the grid goes */
    double reach;           /* sigma; beyond it a Gaussian counts as nothing */
    double separate;        /* sigma; beyond it isotopologues do not interact */
};

/* Exponentials of least, least + 0.004 and so on to 0. */
struct exponentials {
    double least;
    int32_t size;
    double *value; /* (size) */
};

/* Recipe of the reference that concerns more than one step. */
enum {
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
typedef void add_gaussians(const struct exponentials *exponentials, const double *mass,
                           const double *abundance, int32_t n_masses, double sigma, int n,
                           const double *mz, double *value);

struct pattern_context {
    const struct recipe *recipe;
    struct exponentials exponentials;
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

    bool declined; /* the last digits decide about the ion, or cpyMSpec refuses it */
};

#endif
