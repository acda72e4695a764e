/*
 * Counts the elements of many formulas at once: from the text of ions to what isotope patterns are
 * generated from.
 *
 * In: formulas, one a line, as "C6H12O6": symbols with optional counts; a symbol may stand twice.
 * Isotope labels ("Cx": carbon-13 in every molecule) are symbols too. Out: ids and counts of each
 * formula's elements, ascending; the summed mass of its labels in Da, which enter no count.
 *
 * Cost: a look at each byte and, per formula, at each symbol there is. The odd limits are those of
 * the reference (cpyMSpec 0.4.2), which must read the same formula from the same text.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What became of a formula; the numbers are those of compositions.py. */
enum { READ, WITHOUT_PATTERN, DECLINED };
enum {
    MAX_SYMBOLS = 256,
    SECOND_LETTERS = 27, /* none, a .. z */
    MAX_ATOMS = 32767,   /* of one element: counts of isotopes are int16 (isotope_counts.h) */
    /* the reference (cpyMSpec) reads no further digit after a number from here on */
    LAST_EXTENSIBLE = 3000
};

/* Numbers stop growing here: far above all limits, and sums of two stay far inside int64. */
static const int64_t SATURATED = 1000000000000000;

/* Symbols by their letters. */
struct symbol_table {
    int16_t symbol_id[26 * SECOND_LETTERS]; /* -1: no such symbol */
    int32_t n_elements;                     /* further symbols are labels */
    int32_t n_symbols;
    const double *label_masses;
};

/* What one formula holds. */
struct composition {
    int64_t counts[MAX_SYMBOLS]; /* by symbol id */
    int64_t largest;             /* of the numbers in the text */
    int32_t n_symbols;           /* in the text, repeated ones counted again */
};

/* Fill in symbol_id; returns whether all symbols are a capital letter and at most a small one. */
static bool fill_symbol_table(struct symbol_table *table, const char *symbols)
{
    memset(table->symbol_id, 0xff, sizeof table->symbol_id);
    for (int32_t s = 0; s < table->n_symbols; s++) {
        const char first = symbols[2 * s], second = symbols[2 * s + 1];
        if (first < 'A' || first > 'Z' || (second && (second < 'a' || second > 'z'))) {
            return false;
        }
        table->symbol_id[(first - 'A') * SECOND_LETTERS + (second ? second - 'a' + 1 : 0)] =
            (int16_t)s;
    }
    return true;
}

static bool is_lower(char letter)
{
    return letter >= 'a' && letter <= 'z';
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* Read one line into a zeroed composition; returns whether it is a formula. */
static bool read_formula(const struct symbol_table *table, const char *text, const char *end,
                         struct composition *read)
{
    while (text < end) {
        const char first = *text++;
        char second = 0;
        int64_t count = 0;
        if (first < 'A' || first > 'Z') {
            return false;
        }
        if (text < end && is_lower(*text)) {
            second = *text++;
        }
        const int32_t id =
            table->symbol_id[(first - 'A') * SECOND_LETTERS + (second ? second - 'a' + 1 : 0)];
        if (id < 0) {
            return false;
        }
        if (text == end || !is_digit(*text)) {
            count = 1;
        }
        for (; text < end && is_digit(*text); text++) {
            count = count < SATURATED ? count * 10 + (*text - '0') : SATURATED;
        }
        if (count > read->largest) {
            read->largest = count;
        }
        if (read->counts[id] < SATURATED) {
            read->counts[id] += count;
        }
        read->n_symbols++;
    }
    return true;
}

/* Return the summed mass of a formula's labels in Da; writes how many kinds of them it has. */
static double take_labels(const struct symbol_table *table, struct composition *read,
                          int32_t *n_labels)
{
    double mass = 0.0;
    *n_labels = 0;
    for (int32_t s = table->n_elements; s < table->n_symbols; s++) {
        mass += table->label_masses[s - table->n_elements] * (double)read->counts[s];
        *n_labels += read->counts[s] > 0;
    }
    return mass;
}

/*
 * Write one formula's elements and counts; returns how many, or -1 where there are no atoms.
 *
 * Whether the reference can read a formula depends on the largest number in its text. A formula
 * with labels is written anew, without them, before the reference gets it: there the largest sum
 * decides.
 */
static int64_t write_counts(const struct symbol_table *table, struct composition *read,
                            int32_t *elements, int32_t *counts, double *label_mass,
                            uint8_t *outcome)
{
    int64_t n = 0, most = 0;
    int32_t n_labels;
    *label_mass = take_labels(table, read, &n_labels);
    for (int32_t s = 0; s < table->n_elements; s++) {
        if (read->counts[s]) {
            most = read->counts[s] > most ? read->counts[s] : most;
            elements[n] = s;
            counts[n++] = read->counts[s] > MAX_ATOMS ? MAX_ATOMS : (int32_t)read->counts[s];
        }
    }
    if (n == 0 && n_labels == 0 && read->n_symbols > 0) {
        return -1;
    }
    if (n == 0 || (n_labels ? most : read->largest) >= 10 * LAST_EXTENSIBLE) {
        *outcome = WITHOUT_PATTERN;
    } else {
        *outcome = most > MAX_ATOMS ? DECLINED : READ;
    }
    return *outcome == READ ? n : 0;
}

/*
 * Count the elements of formulas, one a line.
 *
 * symbols: (n_symbols, 2) chars, zero-padded: n_elements elements, ascending, then isotope labels
 * of label_masses (n_symbols - n_elements) Da. starts (n_formulas + 1): where each formula's
 * elements (ids, ascending) and counts begin; both hold at most n_bytes. label_mass (n_formulas)
 * Da. outcome (n_formulas): 0 read; 1 no natural isotopes, or a number too big; 2 too many atoms.
 * Returns -1, or the index of the first line that is no formula (n_formulas: as many lines are not
 * there, or the table of symbols is wrong).
 */
int64_t ionbox_parse_formulas(const char *text, int64_t n_bytes, int64_t n_formulas,
                              const char *symbols, int32_t n_elements, int32_t n_symbols,
                              const double *label_masses, int64_t *starts, int32_t *elements,
                              int32_t *counts, double *label_mass, uint8_t *outcome)
{
    struct symbol_table table;
    struct composition read;
    const char *end = text + n_bytes;
    int64_t n = 0;
    table.n_elements = n_elements;
    table.n_symbols = n_symbols;
    table.label_masses = label_masses;
    if (n_symbols > MAX_SYMBOLS || n_symbols < n_elements || !fill_symbol_table(&table, symbols)) {
        return n_formulas;
    }
    starts[0] = 0;
    for (int64_t i = 0; i < n_formulas; i++) {
        const char *line_end = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
        if (!line_end) {
            return n_formulas;
        }
        memset(&read, 0, sizeof read);
        if (!read_formula(&table, text, line_end, &read)) {
            return i;
        }
        const int64_t written =
            write_counts(&table, &read, elements + n, counts + n, label_mass + i, outcome + i);
        if (written < 0) {
            return i;
        }
        n += written;
        starts[i + 1] = n;
        text = line_end + 1;
    }
    return text == end ? -1 : n_formulas;
}
