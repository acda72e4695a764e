/*
 * Lists how n atoms of one element can be divided among its isotopes, the probable cases only.
 *
 * In: n, and the logarithms of the isotopes' abundances. Out: counts per isotope and their log
 * probability (multinomial), of all with at least 1e-4 of the mode's probability, the mode first.
 * The mode is the most probable division. element_tables.c makes isotopologues of them.
 *
 * The probability is log-concave over the counts, so moves of one atom from isotope to isotope
 * climb to the mode, and connect all probable counts with it: a walk outwards from the mode that
 * keeps a set of what it met finds them all and little else (as IsoSpec does: Lacki et al. 2017,
 * doi:10.1021/acs.analchem.6b01459). Cost: the counts found times the cube of the number of
 * isotopes.
 */

#include "isotope_counts.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"
#include "memory.h"

/* Natural logarithm of the multinomial probability of isotope counts. */
static double log_probability(const double *log_factorial, const double *log_abundance,
                              const int16_t *counts, int32_t n_isotopes, int32_t n_atoms)
{
    double result = 0.0;
    for (int32_t i = 0; i < n_isotopes; i++) {
        result += counts[i] * log_abundance[i] - log_factorial[counts[i]];
    }
    return result + log_factorial[n_atoms];
}

/* Move atoms between isotopes while that makes the counts more probable; return their log. */
static double climb_to_mode(const double *log_factorial, const double *log_abundance,
                            int16_t *counts, int32_t n_isotopes, int32_t n_atoms)
{
    double best = log_probability(log_factorial, log_abundance, counts, n_isotopes, n_atoms);
    bool found = true;
    while (found) {
        found = false;
        for (int32_t i = 0; i < n_isotopes; i++) {
            for (int32_t j = 0; j < n_isotopes && counts[i] > 0; j++) {
                if (i == j) {
                    continue;
                }
                counts[i]--;
                counts[j]++;
                const double here =
                    log_probability(log_factorial, log_abundance, counts, n_isotopes, n_atoms);
                if (here > best) {
                    best = here;
                    found = true;
                } else {
                    counts[i]++;
                    counts[j]--;
                }
            }
        }
    }
    return best;
}

/*
 * Hash counts as FNV-1a does (Fowler, Noll and Vo), but by 16 bits instead of 8 and from another
 * start; high bits are folded in, as slots are told by low ones.
 */
static uint32_t hash_counts(const int16_t *counts)
{
    uint64_t hash = 1469598103934665603u;
    for (int i = 0; i < MAX_ISOTOPES; i++) {
        hash = (hash ^ (uint16_t)counts[i]) * 1099511628211u;
    }
    return (uint32_t)(hash ^ (hash >> 29));
}

/* Slot where counts are, or the free slot where they belong. */
static uint32_t find_slot(const struct count_set *set, const int16_t *counts)
{
    uint32_t slot = hash_counts(counts) & set->mask;
    while (set->slots[slot]
           && memcmp(set->counts[set->slots[slot] - 1], counts, sizeof *set->counts) != 0) {
        slot = (slot + 1) & set->mask;
    }
    return slot;
}

/* Make a set four times as large, with twice as many slots as counts fit. Returns a status. */
static int32_t grow_count_set(struct count_set *set)
{
    int32_t capacity = set->capacity ? 4 * set->capacity : 64;
    int32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (!slots) {
        return STATUS_NO_MEMORY;
    }
    if (grow_array(&set->counts, (size_t)capacity, sizeof *set->counts) != STATUS_OK
        || grow_array(&set->log_probability, (size_t)capacity, sizeof *set->log_probability)
               != STATUS_OK) {
        free(slots);
        return STATUS_NO_MEMORY;
    }
    free(set->slots);
    set->slots = slots;
    set->mask = (uint32_t)capacity * 2 - 1;
    set->capacity = capacity;
    for (int32_t i = 0; i < set->n; i++) {
        slots[find_slot(set, set->counts[i])] = i + 1;
    }
    return STATUS_OK;
}

/* Add counts unless they are there. Returns a status. */
static int32_t add_counts(struct count_set *set, const int16_t *counts, double log_prob)
{
    if (set->n == set->capacity && grow_count_set(set) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    memcpy(set->counts[set->n], counts, sizeof *set->counts);
    set->log_probability[set->n] = log_prob;
    set->n++;
    set->slots[find_slot(set, counts)] = set->n;
    return STATUS_OK;
}

void free_count_set(struct count_set *set)
{
    free(set->counts);
    free(set->log_probability);
    free(set->slots);
}

/* Add what moves of one atom make of counts where that is probable. Returns a status. */
static int32_t add_neighbours(const double *log_factorial, const double *log_abundance,
                              int32_t n_isotopes, int32_t n_atoms, double least, int16_t *counts,
                              struct count_set *set)
{
    for (int32_t i = 0; i < n_isotopes; i++) {
        if (counts[i] == 0) {
            continue;
        }
        for (int32_t j = 0; j < n_isotopes; j++) {
            if (i == j) {
                continue;
            }
            counts[i]--;
            counts[j]++;
            const double here =
                log_probability(log_factorial, log_abundance, counts, n_isotopes, n_atoms);
            if (here >= least && set->slots[find_slot(set, counts)] == 0
                && add_counts(set, counts, here) != STATUS_OK) {
                return STATUS_NO_MEMORY;
            }
            counts[i]++;
            counts[j]--;
        }
    }
    return STATUS_OK;
}

/* Starts near the mode: at the expected counts, rounded down, with the rest given to the first. */
int32_t collect_counts(const double *log_factorial, const double *log_abundance, int32_t n_isotopes,
                       int32_t n_atoms, struct count_set *set)
{
    int16_t counts[MAX_ISOTOPES] = {0};
    int32_t left = n_atoms;
    for (int32_t i = 1; i < n_isotopes; i++) {
        counts[i] = (int16_t)(n_atoms * exp(log_abundance[i]));
        left -= counts[i];
    }
    counts[0] = (int16_t)left;
    const double mode = climb_to_mode(log_factorial, log_abundance, counts, n_isotopes, n_atoms);
    /* a little more than needed: borderline cases are decided once, for the whole ion */
    const double least = fmax(mode + log(MIN_ABUNDANCE) - 1e-6, MIN_LOG_ABUNDANCE);
    if (add_counts(set, counts, mode) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    /* the set is its own queue: counts whose neighbours were not looked at yet lie behind `next` */
    for (int32_t next = 0; next < set->n && set->n <= MAX_ISOTOPOLOGUES; next++) {
        memcpy(counts, set->counts[next], sizeof counts);
        if (add_neighbours(log_factorial, log_abundance, n_isotopes, n_atoms, least, counts, set)
            != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}
