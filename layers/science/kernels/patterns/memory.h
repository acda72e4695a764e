/*
 * Arrays that grow.
 */

#ifndef IONBOX_MEMORY_H
#define IONBOX_MEMORY_H

#include <stdlib.h>
#include <string.h>

/*
 * Make room for `wanted` items of `size` bytes in the array that a pointer, given by its address,
 * points to; the old content stays. Returns 0 without memory.
 */
static inline int grow_array(void *pointer_to_array, size_t wanted, size_t size)
{
    void *grown;
    void *old;
    memcpy(&old, pointer_to_array, sizeof old);
    grown = realloc(old, wanted * size);
    if (!grown) {
        return 0;
    }
    memcpy(pointer_to_array, &grown, sizeof grown);
    return 1;
}

#endif
