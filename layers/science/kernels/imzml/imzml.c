/*
 * Reads the spectra of an imzML file that are like the first one but for some values.
 *
 * In: the bytes of the file, and the first spectrum cut into literals (text that every spectrum
 * must repeat byte by byte) and slots between them (attribute values that may differ). Out: the
 * numbers in the slots of every spectrum, up to the first that deviates.
 *
 * Cost: each byte of the file is compared once; nothing is allocated. pyimzml, walking the XML,
 * takes some 100 times longer (imzML: Schramm et al. 2012, doi:10.1016/j.jprot.2012.07.026). What
 * may stand in a slot is so narrow that no slot can end an attribute, a tag or a character
 * reference; imzml/scan.py argues why a match then means that an XML parser would read the same.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What may stand in a slot; the numbers are those of scan.py. */
enum slot_kind { TEXT = 0, SIGNED = 1, UNSIGNED = 2 };

/* Any number of so many digits fits into int64, whatever it is; of 19, not all do. */
enum { MAX_DIGITS = 18 };

static bool is_white_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Printable ASCII that means nothing to XML inside an attribute, whichever quote delimits it. */
static bool is_plain(uint8_t byte)
{
    return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\'' && byte != '&' && byte != '<';
}

/* Read `-?[0-9]{1,18}` (the sign only if allowed); return where it ends, NULL if there is none. */
static const uint8_t *read_number(const uint8_t *at, const uint8_t *stop, bool sign_allowed,
                                  int64_t *number)
{
    const bool negative = sign_allowed && at < stop && *at == '-';
    const uint8_t *first = at + negative;
    int64_t magnitude = 0;

    for (at = first; at < stop && is_digit(*at); at++) {
        if (at - first == MAX_DIGITS) {
            return NULL;
        }
        magnitude = 10 * magnitude + (*at - '0');
    }
    *number = negative ? -magnitude : magnitude;
    return at == first ? NULL : at;
}

/*
 * Match one spectrum; return where it ends, NULL where it deviates from the first.
 *
 * values: number k of the spectrum goes to values[k * stride], as columns lie one after the other.
 */
static const uint8_t *match_spectrum(const uint8_t *source, const uint8_t *at, const uint8_t *stop,
                                     const int64_t *literals, const uint8_t *kinds, int64_t n_slots,
                                     int64_t *values, int64_t stride)
{
    for (int64_t slot = 0;; slot++) {
        const int64_t begin = literals[2 * slot], length = literals[2 * slot + 1] - begin;

        if (stop - at < length || memcmp(at, source + begin, (size_t)length) != 0) {
            return NULL;
        }
        at += length;
        if (slot == n_slots) {
            return at;
        }
        if (kinds[slot] == TEXT) {
            while (at < stop && is_plain(*at)) {
                at++;
            }
        } else {
            at = read_number(at, stop, kinds[slot] == SIGNED, values);
            if (at == NULL) {
                return NULL;
            }
            values += stride;
        }
    }
}

/*
 * Match spectra, white space between them, from byte `start` on until one deviates.
 *
 * source:   (size,) bytes of the file.
 * literals: (n_slots + 1, 2), where each literal begins and ends in source; slot i lies between
 *           literal i and i + 1.
 * kinds:    (n_slots,) enum slot_kind.
 * values:   (n_numbers, capacity), receives what the slots other than TEXT hold, in their order;
 *           a spectrum that deviates may leave numbers behind those of the last one that matched.
 * end:      receives one past the last byte of the last spectrum that matched, or start.
 *
 * Returns the number of spectra that matched, at most capacity.
 */
int64_t ionbox_match_spectra(const uint8_t *source, int64_t size, int64_t start,
                             const int64_t *literals, const uint8_t *kinds, int64_t n_slots,
                             int64_t *values, int64_t capacity, int64_t *end)
{
    const uint8_t *const stop = source + size;
    int64_t n_spectra = 0;

    for (*end = start; n_spectra < capacity; n_spectra++) {
        const uint8_t *at = source + *end;

        while (at < stop && is_white_space(*at)) {
            at++;
        }
        at = match_spectrum(source, at, stop, literals, kinds, n_slots, values + n_spectra,
                            capacity);
        if (at == NULL) {
            break;
        }
        *end = at - source;
    }
    return n_spectra;
}
