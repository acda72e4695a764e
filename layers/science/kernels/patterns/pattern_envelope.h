/* Envelope of an isotope pattern, a sum of Gaussians; see pattern_envelope.c. */

#ifndef IONBOX_PATTERN_ENVELOPE_H
#define IONBOX_PATTERN_ENVELOPE_H

#include "pattern_context.h"

/* Choose how Gaussians are added up: plain or not, the result is the same, to the last bit. */
add_gaussians *choose_addition(const struct recipe *recipe, bool is_plain);

/* Make the table of exponentials that a recipe needs, to be freed. Returns a status. */
int32_t make_exponentials(const struct recipe *recipe, struct exponentials *made);

/*
 * Compute samples first .. first + count - 1 of the grid into mz and value (count). `hint` is a
 * segment at or before the first. Samples before or after the grid make the ion declined.
 */
void sample_envelope(struct pattern_context *context, int32_t hint, int64_t first, int64_t count,
                     double *mz, double *value);

/* Whether the envelope of a cluster may reach `least` between two m/z; sigma: its largest width. */
bool may_reach(const struct pattern_context *context, const struct cluster *within, double sigma,
               double from, double to, double least);

#endif
