/*
 * Isotopologues of n atoms of one element, made once and kept for the ions to come.
 *
 * The first step to an ion's isotope pattern; fine_structure.c multiplies these tables.
 *
 * In: an element and a number of atoms. Out: mass (Da), abundance relative to the first, and
 * nucleons of its isotopologues, the most abundant first, as cpyMSpec 0.4.2 (ims-cpp) lists them.
 *
 * The ions of a molecule database have few different numbers of atoms per element, so most tables
 * are there already. Finding one costs a probe of a hash table; making one costs what
 * isotope_counts.c does, and a sort. All tables of a thread are forgotten when they have grown to
 * 80 MB (20 bytes per isotopologue).
 */

/* for lgamma_r: lgamma itself writes a global variable, and threads are here; macOS: _REENTRANT */
#define _DEFAULT_SOURCE
#define _REENTRANT

#include "element_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"
#include "isotope_counts.h"

enum {
    MAX_ATOMS = 32767,
    FIRST_CAPACITY = 1024, /* of the hash table, a power of two */
    TABLE_LIMIT = 4000000  /* isotopologues in all tables, before they are made anew */
};

/* ---- elements ---- */

/* Sort an element's isotopes by falling abundance and turn abundances into log probabilities. */
static void normalise_element(double *mass, double *abundance, int32_t n)
{
    double total = 0.0, top;
    for (int32_t i = 1; i < n; i++) {
        double m = mass[i], a = abundance[i];
        int32_t j = i;
        for (; j > 0 && abundance[j - 1] < a; j--) {
            mass[j] = mass[j - 1];
            abundance[j] = abundance[j - 1];
        }
        mass[j] = m;
        abundance[j] = a;
    }
    top = abundance[0];
    for (int32_t i = 0; i < n; i++) {
        abundance[i] /= top;
        total += abundance[i];
    }
    for (int32_t i = 0; i < n; i++) {
        abundance[i] = log(abundance[i] / total);
    }
}

/* Extend the table of ln(i!) to i = n. */
static void fill_factorials(struct element_tables *cache, int32_t n)
{
    for (int32_t i = cache->n_factorials; i <= n; i++) {
        int sign;
        cache->log_factorial[i] = lgamma_r((double)i + 1.0, &sign);
    }
    if (n >= cache->n_factorials) {
        cache->n_factorials = n + 1;
    }
}

/* ---- one table ---- */

/*
 * Order indices by falling key. Heap sort: it needs no memory, and unlike the C library's qsort it
 * orders equal keys in the same way on every system.
 */
static void sort_falling(int32_t *index, const double *key, int32_t n)
{
    for (int32_t end = n, start = n / 2; end > 1;) {
        int32_t moving;
        if (start > 0) {
            moving = index[--start];
        } else {
            end--;
            moving = index[end];
            index[end] = index[0];
        }
        int32_t root = start;
        for (;;) {
            int32_t child = 2 * root + 1;
            if (child >= end) {
                break;
            }
            if (child + 1 < end && key[index[child + 1]] < key[index[child]]) {
                child++;
            }
            if (!(key[index[child]] < key[moving])) {
                break;
            }
            index[root] = index[child];
            root = child;
        }
        index[root] = moving;
    }
}

static void free_table(struct element_table *table)
{
    if (table) {
        free(table->mass);
        free(table->abundance);
        free(table->nucleons);
        free(table);
    }
}

/* Fill in one isotopologue; `order` lists the set's, the most abundant first. */
static void fill_row(struct element_table *table, int32_t row, const struct count_set *set,
                     const int32_t *order, const double *isotope_mass, int32_t n_isotopes)
{
    const int16_t *counts = set->counts[order[row]];
    double mass = 0.0;
    int32_t nucleons = 0;
    for (int32_t k = 0; k < n_isotopes; k++) {
        mass += counts[k] * isotope_mass[k];
        nucleons += counts[k] * (int32_t)(isotope_mass[k] + 0.5); /* mass number: rounded Da */
    }
    table->mass[row] = mass;
    table->nucleons[row] = nucleons;
    table->abundance[row] = exp(set->log_probability[order[row]] - set->log_probability[order[0]]);
    if (nucleons < table->min_nucleons) {
        table->min_nucleons = nucleons;
    }
    if (nucleons > table->max_nucleons) {
        table->max_nucleons = nucleons;
    }
}

/* Turn isotope counts into an element table, most abundant first. Returns a status. */
static int32_t fill_table(struct element_table *table, const struct count_set *set,
                          const double *isotope_mass, int32_t n_isotopes)
{
    size_t n = (size_t)set->n;
    if (set->n > MAX_ISOTOPOLOGUES || set->log_probability[0] < MIN_LOG_ABUNDANCE) {
        return STATUS_OK; /* n stays 0: too many */
    }
    int32_t *order = malloc(n * sizeof *order);
    table->mass = malloc(n * sizeof *table->mass);
    table->abundance = malloc(n * sizeof *table->abundance);
    table->nucleons = malloc(n * sizeof *table->nucleons);
    if (!order || !table->mass || !table->abundance || !table->nucleons) {
        free(order);
        return STATUS_NO_MEMORY;
    }
    for (int32_t i = 0; i < set->n; i++) {
        order[i] = i;
    }
    sort_falling(order, set->log_probability, set->n);
    table->min_nucleons = INT32_MAX;
    table->max_nucleons = 0;
    for (int32_t i = 0; i < set->n; i++) {
        fill_row(table, i, set, order, isotope_mass, n_isotopes);
    }
    table->n = set->n;
    free(order);
    return STATUS_OK;
}

/* Make the table of n_atoms of an element; NULL without memory. */
static struct element_table *build_table(struct element_tables *cache, int32_t element,
                                         int32_t n_atoms)
{
    const int32_t start = cache->isotope_starts[element];
    const int32_t n_isotopes = cache->isotope_starts[element + 1] - start;
    struct element_table *table = calloc(1, sizeof *table);
    if (!table) {
        return NULL;
    }
    fill_factorials(cache, n_atoms);
    struct count_set set = {0};
    int32_t status = collect_counts(cache->log_factorial, cache->isotope_log_abundance + start,
                                    n_isotopes, n_atoms, &set);
    if (status == STATUS_OK) {
        status = fill_table(table, &set, cache->isotope_mass + start, n_isotopes);
    }
    free_count_set(&set);
    if (status != STATUS_OK) {
        free_table(table);
        return NULL;
    }
    table->element = element;
    table->n_atoms = n_atoms;
    return table;
}

/* ---- hash table ---- */

static void clear_tables(struct element_tables *cache)
{
    for (int32_t i = 0; i < cache->capacity; i++) {
        free_table(cache->tables[i]);
        cache->tables[i] = NULL;
    }
    cache->n_tables = 0;
    cache->n_cached = 0;
}

/*
 * Return the slot of a table, or the free slot where it belongs. 2654435761 is the prime next to
 * 2^32 over the golden ratio, as in multiplicative hashing (Knuth, The Art of Computer Programming,
 * vol. 3, 6.4); the shift takes bits from the middle, which all of n_atoms has moved.
 */
static struct element_table **find_table(struct element_table **tables, int32_t capacity,
                                         int32_t element, int32_t n_atoms)
{
    uint32_t mask = (uint32_t)capacity - 1;
    uint32_t slot = ((uint32_t)n_atoms * 2654435761u + (uint32_t)element * 40503u) >> 7 & mask;
    while (tables[slot] && (tables[slot]->element != element || tables[slot]->n_atoms != n_atoms)) {
        slot = (slot + 1) & mask;
    }
    return tables + slot;
}

static int32_t grow_tables(struct element_tables *cache)
{
    int32_t capacity = 2 * cache->capacity;
    struct element_table **tables = calloc((size_t)capacity, sizeof *tables);
    if (!tables) {
        return STATUS_NO_MEMORY;
    }
    for (int32_t i = 0; i < cache->capacity; i++) {
        struct element_table *table = cache->tables[i];
        if (table) {
            *find_table(tables, capacity, table->element, table->n_atoms) = table;
        }
    }
    free(cache->tables);
    cache->tables = tables;
    cache->capacity = capacity;
    return STATUS_OK;
}

const struct element_table *get_element_table(struct element_tables *cache, int32_t element,
                                              int32_t n_atoms)
{
    struct element_table **place = find_table(cache->tables, cache->capacity, element, n_atoms);
    if (*place) {
        return *place;
    }
    if (2 * cache->n_tables >= cache->capacity) { /* half full: probes would get long */
        if (grow_tables(cache) != STATUS_OK) {
            return NULL;
        }
        place = find_table(cache->tables, cache->capacity, element, n_atoms);
    }
    *place = build_table(cache, element, n_atoms);
    if (*place) {
        cache->n_tables++;
        cache->n_cached += (*place)->n;
    }
    return *place;
}

void limit_element_tables(struct element_tables *cache)
{
    if (cache->n_cached > TABLE_LIMIT) {
        clear_tables(cache);
    }
}

void release_element_tables(struct element_tables *cache)
{
    if (cache->tables) {
        clear_tables(cache);
    }
    free(cache->tables);
    free(cache->isotope_starts);
    free(cache->isotope_mass);
    free(cache->isotope_log_abundance);
    free(cache->log_factorial);
}

/* Copy the isotopes of all elements. */
static void copy_isotopes(struct element_tables *cache, int32_t n_elements,
                          const int32_t *isotope_starts, const double *masses,
                          const double *abundances)
{
    const size_t n_isotopes = (size_t)isotope_starts[n_elements];
    memcpy(cache->isotope_starts, isotope_starts, ((size_t)n_elements + 1) * sizeof(int32_t));
    memcpy(cache->isotope_mass, masses, n_isotopes * sizeof(double));
    memcpy(cache->isotope_log_abundance, abundances, n_isotopes * sizeof(double));
    for (int32_t e = 0; e < n_elements; e++) {
        normalise_element(cache->isotope_mass + isotope_starts[e],
                          cache->isotope_log_abundance + isotope_starts[e],
                          isotope_starts[e + 1] - isotope_starts[e]);
    }
}

int32_t prepare_element_tables(struct element_tables *cache, int32_t n_elements,
                               const int32_t *isotope_starts, const double *masses,
                               const double *abundances)
{
    const size_t n_isotopes = (size_t)isotope_starts[n_elements];
    for (int32_t e = 0; e < n_elements; e++) {
        const int32_t n = isotope_starts[e + 1] - isotope_starts[e];
        if (n < 1 || n > MAX_ISOTOPES) {
            return STATUS_INVALID;
        }
    }
    cache->capacity = FIRST_CAPACITY;
    cache->isotope_starts = malloc(((size_t)n_elements + 1) * sizeof(int32_t));
    cache->isotope_mass = malloc(n_isotopes * sizeof(double));
    cache->isotope_log_abundance = malloc(n_isotopes * sizeof(double));
    cache->log_factorial = malloc((MAX_ATOMS + 1) * sizeof(double));
    cache->tables = calloc((size_t)cache->capacity, sizeof *cache->tables);
    if (!cache->isotope_starts || !cache->isotope_mass || !cache->isotope_log_abundance
        || !cache->log_factorial || !cache->tables) {
        return STATUS_NO_MEMORY;
    }
    copy_isotopes(cache, n_elements, isotope_starts, masses, abundances);
    return STATUS_OK;
}
