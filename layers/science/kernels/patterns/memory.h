/*
 * Arrays that grow as an ion needs them, and are kept for the next: see pattern_context.h.
 */

#ifndef IONBOX_MEMORY_H
#define IONBOX_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../status.h"

/*
 * Make room for `wanted` items of `size` bytes in the array that a pointer, given by its address,
 * points to; the old content stays. The pointer is copied as bytes, as pointers of all types come
 * here and C lets none be read as a void pointer. Returns a status; without memory the old array
 * stays.
 */
static inline int32_t grow_array(void *pointer_to_array, size_t wanted, size_t size)
{
    void *old;
    memcpy(&old, pointer_to_array, sizeof old);
    void *grown = realloc(old, wanted * size);
    if (!grown) {
        return STATUS_NO_MEMORY;
    }
    memcpy(pointer_to_array, &grown, sizeof grown);
    return STATUS_OK;
}

#endif
