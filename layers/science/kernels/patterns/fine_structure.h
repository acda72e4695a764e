/* Isotopologues of an ion: the fine structure of its isotope pattern; see fine_structure.c. */

#ifndef IONBOX_FINE_STRUCTURE_H
#define IONBOX_FINE_STRUCTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "element_tables.h"

/*
 * Relative difference of two numbers below which rounding may decide which one is larger. Ours
 * differ from those of the reference, cpyMSpec, by about 1e-15, so there is a wide margin.
 */
#define NEAR_TIE 1e-12

/* The isotopologues of one ion after the other, and memory to compute them. */
struct fine_structure {
    /* Result: isotopologues of the last ion, by ascending mass. */
    int32_t n;         /* 0: too many */
    double *mass;      /* (n) m/z in Da at charge +-1 */
    double *abundance; /* (n) relative to the top */
    bool declined;     /* rounding decides whether an isotopologue belongs to it */

    struct element_tables elements;

    int32_t capacity; /* room in mass, abundance and the next four arrays */
    double *mass_next, *abundance_next;
    int32_t *nucleons, *nucleons_next;
    int32_t *bucket; /* first place of each number of nucleons, when sorting */
    int32_t bucket_capacity;
};

/*
 * Set up a zeroed fine structure. isotope_starts is (n_elements + 1); masses (Da) and abundances
 * hold isotope_starts[n_elements], at most ten of an element. Returns a status; release in any
 * case.
 */
int32_t prepare_fine_structure(struct fine_structure *fine, int32_t n_elements,
                               const int32_t *isotope_starts, const double *masses,
                               const double *abundances);

/* Free what a fine structure has allocated. */
void release_fine_structure(struct fine_structure *fine);

/*
 * Compute the isotopologues of an ion that have at least 1e-4 of the top one's abundance. elements
 * (n_elements) ascend, counts are 1 .. 32767. Returns a status.
 */
int32_t build_fine_structure(struct fine_structure *fine, int64_t n_elements,
                             const int32_t *elements, const int32_t *counts, int32_t charge);

#endif
