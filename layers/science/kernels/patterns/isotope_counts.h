/* How many atoms of an element are of which isotope: the probable cases; see isotope_counts.c. */

#ifndef IONBOX_ISOTOPE_COUNTS_H
#define IONBOX_ISOTOPE_COUNTS_H

#include <stdint.h>

/* Least abundance of an isotopologue, and of a peak, relative to the top. */
#define MIN_ABUNDANCE 1e-4

/* Least natural logarithm of the probability of an element's isotopologue. */
#define MIN_LOG_ABUNDANCE (-20.0)

enum {
    MAX_ISOTOPES = 10,         /* of one element: tin has ten */
    MAX_ISOTOPOLOGUES = 100000 /* the reference refuses more */
};

/* Isotope counts found so far, as a set. */
struct count_set {
    int16_t (*counts)[MAX_ISOTOPES]; /* (n), of the isotopes in their order, then zeros */
    double *log_probability;         /* (n) natural logarithm */
    int32_t n, capacity;
    int32_t *slots; /* hash table, open addressing: index + 1, 0 = free */
    uint32_t mask;  /* slots - 1, their number being a power of two */
};

/*
 * Collect all isotope counts of n atoms of an element with at least 1e-4 of the mode's probability
 * into a zeroed set, the mode first. log_abundance (n_isotopes) falls; log_factorial is filled up
 * to n_atoms. Stops beyond MAX_ISOTOPOLOGUES. Returns a status; free the set in any case.
 */
int32_t collect_counts(const double *log_factorial, const double *log_abundance, int32_t n_isotopes,
                       int32_t n_atoms, struct count_set *set);

void free_count_set(struct count_set *set);

#endif
