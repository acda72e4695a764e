/* Isotopologues of n atoms of one element, kept for the ions to come; see element_tables.c. */

#ifndef IONBOX_ELEMENT_TABLES_H
#define IONBOX_ELEMENT_TABLES_H

#include <stdint.h>

/* The isotopologues of n_atoms of an element, the most abundant first. */
struct element_table {
    int32_t element;
    int32_t n_atoms;
    int32_t n; /* 0: too many to list */
    int32_t min_nucleons, max_nucleons;
    double *mass;      /* (n) Da */
    double *abundance; /* (n) relative to the first */
    int32_t *nucleons; /* (n) protons and neutrons */
};

/* All tables of one thread, and what new ones are made of. */
struct element_tables {
    /* Isotopes of the elements, the most abundant first. */
    int32_t *isotope_starts;       /* (n_elements + 1) */
    double *isotope_mass;          /* Da */
    double *isotope_log_abundance; /* natural logarithm of the share in the element */

    double *log_factorial; /* (MAX_ATOMS + 1) ln(i!), of which n_factorials are filled in */
    int32_t n_factorials;

    struct element_table **tables; /* hash table, open addressing */
    int32_t n_tables, capacity;
    int64_t n_cached; /* isotopologues in all tables */
};

/*
 * Set up zeroed tables. isotope_starts is (n_elements + 1); masses (Da) and abundances hold
 * isotope_starts[n_elements], at most ten of an element. Returns a status; release in any case.
 */
int32_t prepare_element_tables(struct element_tables *cache, int32_t n_elements,
                               const int32_t *isotope_starts, const double *masses,
                               const double *abundances);

/* Free what prepare_element_tables and the tables since then have allocated. */
void release_element_tables(struct element_tables *cache);

/* Forget all tables if they have become large. Tables handed out before are gone then. */
void limit_element_tables(struct element_tables *cache);

/* The table of 1 .. 32767 atoms of an element, kept or new. Returns NULL without memory. */
const struct element_table *get_element_table(struct element_tables *cache, int32_t element,
                                              int32_t n_atoms);

#endif
