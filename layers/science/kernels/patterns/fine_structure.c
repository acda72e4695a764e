/*
 * Isotopologues of an ion: the product of the isotopologues of its elements.
 *
 * In: elements and atoms of an ion, its charge. Out: m/z (Da at charge +-1) and abundance relative
 * to the top of those isotopologues that have at least 1e-4 of it, by ascending m/z. They are what
 * the envelope of the isotope pattern is the sum of (isotope_patterns.c, step 1).
 *
 * Elements are multiplied one by one, and what falls below 1e-4 is dropped at once, as cpyMSpec
 * 0.4.2 (ims-cpp) does, in whose order the sums run. Cost: isotopologues of the product so far
 * times those of the next element, and a sort by mass, most of which is counting nucleons.
 */

#include "fine_structure.h"

#include <stdlib.h>
#include <string.h>

#include "../status.h"
#include "isotope_counts.h"
#include "memory.h"

static const double ELECTRON_MASS = 0.00054857990924; /* Da, with the digits of cpyMSpec */
enum { FIRST_ISOTOPOLOGUES = 256 };

/* Make room for `wanted` isotopologues; those there are stay. Returns a status. */
static int32_t reserve_isotopologues(struct fine_structure *fine, int64_t wanted)
{
    size_t capacity = (size_t)wanted;
    if (wanted <= fine->capacity) {
        return STATUS_OK;
    }
    fine->capacity = 0;
    if (grow_array(&fine->mass, capacity, sizeof(double)) != STATUS_OK
        || grow_array(&fine->mass_next, capacity, sizeof(double)) != STATUS_OK
        || grow_array(&fine->abundance, capacity, sizeof(double)) != STATUS_OK
        || grow_array(&fine->abundance_next, capacity, sizeof(double)) != STATUS_OK
        || grow_array(&fine->nucleons, capacity, sizeof(int32_t)) != STATUS_OK
        || grow_array(&fine->nucleons_next, capacity, sizeof(int32_t)) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    fine->capacity = (int32_t)wanted;
    return STATUS_OK;
}

static void swap_pointers(double **a, double **b)
{
    double *c = *a;
    *a = *b;
    *b = c;
}

/*
 * Combine the ion's isotopologues with those of one more element; keeps what has at least 1e-4 of
 * the top. Sets n to 0 where there are too many. Returns a status.
 */
static int32_t combine(struct fine_structure *fine, const struct element_table *table)
{
    const int64_t most = (int64_t)fine->n * table->n;
    if (most > FIRST_ISOTOPOLOGUES) {
        const int32_t status = reserve_isotopologues(
            fine, most < 2 * MAX_ISOTOPOLOGUES ? most : 2 * MAX_ISOTOPOLOGUES);
        if (status != STATUS_OK) {
            return status;
        }
    }
    const double clearly_less = MIN_ABUNDANCE * (1.0 - NEAR_TIE);
    const double clearly_more = MIN_ABUNDANCE * (1.0 + NEAR_TIE);
    int64_t n = 0;
    for (int32_t j = 0; j < table->n; j++) {
        const double mass = table->mass[j], abundance = table->abundance[j];
        const int32_t shift = table->nucleons[j] - table->min_nucleons;
        /* there would be no room; n is above MAX_ISOTOPOLOGUES then, which is too many anyway */
        if (n + fine->n > 2 * MAX_ISOTOPOLOGUES) {
            break;
        }
        for (int32_t i = 0; i < fine->n; i++) {
            double product = fine->abundance[i] * abundance;
            fine->mass_next[n] = fine->mass[i] + mass;
            fine->abundance_next[n] = product;
            fine->nucleons_next[n] = fine->nucleons[i] + shift;
            /* written in any case, kept only if n moves on */
            if (product > clearly_less) {
                n++;
                if (product < clearly_more) {
                    fine->declined = true;
                }
            }
        }
    }
    swap_pointers(&fine->mass, &fine->mass_next);
    swap_pointers(&fine->abundance, &fine->abundance_next);
    int32_t *nucleons = fine->nucleons;
    fine->nucleons = fine->nucleons_next;
    fine->nucleons_next = nucleons;
    fine->n = n > MAX_ISOTOPOLOGUES ? 0 : (int32_t)n;
    return STATUS_OK;
}

/* ---- by ascending mass ---- */

/* Sort isotopologues by mass: merge sort for the few ions that have thousands. */
static void merge_sort(struct fine_structure *fine)
{
    const int32_t n = fine->n;
    for (int32_t width = 1; width < n; width *= 2) {
        const double *mass = fine->mass, *abundance = fine->abundance;
        for (int32_t low = 0; low < n; low += 2 * width) {
            const int32_t middle = low + width < n ? low + width : n;
            const int32_t high = low + 2 * width < n ? low + 2 * width : n;
            int32_t i = low, j = middle;
            for (int32_t k = low; k < high; k++) {
                int32_t from = i < middle && (j >= high || mass[i] <= mass[j]) ? i++ : j++;
                fine->mass_next[k] = mass[from];
                fine->abundance_next[k] = abundance[from];
            }
        }
        swap_pointers(&fine->mass, &fine->mass_next);
        swap_pointers(&fine->abundance, &fine->abundance_next);
    }
}

/* Group isotopologues by number of nucleons, which all but sorts them by mass. */
static void group_by_nucleons(struct fine_structure *fine, int32_t n_buckets)
{
    int32_t *bucket = fine->bucket;
    int32_t sum = 0;
    memset(bucket, 0, (size_t)n_buckets * sizeof *bucket);
    for (int32_t i = 0; i < fine->n; i++) {
        bucket[fine->nucleons[i]]++;
    }
    for (int32_t b = 0; b < n_buckets; b++) {
        int32_t in_bucket = bucket[b];
        bucket[b] = sum;
        sum += in_bucket;
    }
    for (int32_t i = 0; i < fine->n; i++) {
        int32_t place = bucket[fine->nucleons[i]]++;
        fine->mass_next[place] = fine->mass[i];
        fine->abundance_next[place] = fine->abundance[i];
    }
    swap_pointers(&fine->mass, &fine->mass_next);
    swap_pointers(&fine->abundance, &fine->abundance_next);
}

/*
 * Sort isotopologues by ascending mass. Masses of one number of nucleons lie within some mDa, those
 * of the next one a Da away: grouped by nucleons, few are out of order, and insertion sorts them
 * quickly. Not so in large groups, or where there are more groups than isotopologues.
 */
static int32_t sort_by_mass(struct fine_structure *fine, int32_t n_buckets)
{
    if (fine->n > 1000 || n_buckets > 4 * fine->n + 64) {
        merge_sort(fine);
        return STATUS_OK;
    }
    if (n_buckets > fine->bucket_capacity) {
        if (grow_array(&fine->bucket, (size_t)n_buckets, sizeof *fine->bucket) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
        fine->bucket_capacity = n_buckets;
    }
    group_by_nucleons(fine, n_buckets);
    double *mass = fine->mass;
    double *abundance = fine->abundance;
    for (int32_t i = 1; i < fine->n; i++) {
        const double m = mass[i], a = abundance[i];
        int32_t j = i;
        for (; j > 0 && mass[j - 1] > m; j--) {
            mass[j] = mass[j - 1];
            abundance[j] = abundance[j - 1];
        }
        mass[j] = m;
        abundance[j] = a;
    }
    return STATUS_OK;
}

/* ---- the ion ---- */

/* Element ids ascend by symbol: cpyMSpec sums masses in this order, which decides the last bits. */
int32_t build_fine_structure(struct fine_structure *fine, int64_t n_elements,
                             const int32_t *elements, const int32_t *counts, int32_t charge)
{
    int32_t n_buckets = 1;
    const double electrons = charge * ELECTRON_MASS;
    limit_element_tables(&fine->elements);
    fine->declined = false;
    fine->n = 1;
    fine->mass[0] = 0.0;
    fine->abundance[0] = 1.0;
    fine->nucleons[0] = 0;
    for (int64_t e = 0; e < n_elements && fine->n; e++) {
        const struct element_table *table =
            get_element_table(&fine->elements, elements[e], counts[e]);
        if (!table) {
            return STATUS_NO_MEMORY;
        }
        if (table->n == 0) {
            fine->n = 0;
            return STATUS_OK;
        }
        n_buckets += table->max_nucleons - table->min_nucleons;
        const int32_t status = combine(fine, table);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (int32_t i = 0; i < fine->n; i++) {
        fine->mass[i] -= electrons;
    }
    return sort_by_mass(fine, n_buckets);
}

void release_fine_structure(struct fine_structure *fine)
{
    release_element_tables(&fine->elements);
    free(fine->mass);
    free(fine->mass_next);
    free(fine->abundance);
    free(fine->abundance_next);
    free(fine->nucleons);
    free(fine->nucleons_next);
    free(fine->bucket);
}

int32_t prepare_fine_structure(struct fine_structure *fine, int32_t n_elements,
                               const int32_t *isotope_starts, const double *masses,
                               const double *abundances)
{
    const int32_t status =
        prepare_element_tables(&fine->elements, n_elements, isotope_starts, masses, abundances);
    if (status != STATUS_OK) {
        return status;
    }
    return reserve_isotopologues(fine, FIRST_ISOTOPOLOGUES);
}
