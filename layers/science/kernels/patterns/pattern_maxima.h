/* Maxima of the envelope of an isotope pattern; see pattern_maxima.c. */

#ifndef IONBOX_PATTERN_MAXIMA_H
#define IONBOX_PATTERN_MAXIMA_H

#include "pattern_context.h"

/*
 * Return a < b; declines the ion where the two are so close that rounding may decide, if cpyMSpec
 * can be asked.
 */
bool is_less(struct pattern_context *context, double a, double b);

/* Collect all maxima that can be among the n best in the context's peaks. Returns a status. */
int32_t find_maxima(struct pattern_context *context, int32_t n_wanted);

#endif
