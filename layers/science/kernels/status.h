/*
 * What a kernel that can fail returns: an int32_t, one of these.
 *
 * Python raises an exception for each (kernel_calls.py); a test holds the two lists equal.
 */

#ifndef IONBOX_STATUS_H
#define IONBOX_STATUS_H

enum {
    STATUS_OK = 0,
    STATUS_NO_MEMORY = 1,
    STATUS_INVALID = 2,   /* an argument or an index in an array is out of range */
    STATUS_TOO_LARGE = 3, /* pixels do not fit 32-bit numbers */
    STATUS_CHANGED = 4,   /* an ibd has other peaks than were counted before */
};

#endif
