/*
 * Checksums of the blocks of stored objects: CRC-32C (Castagnoli, IEEE Trans. Commun. 41, 1993,
 * doi:10.1109/26.231911), as zarr, parquet and iSCSI use it.
 *
 * In: bytes. Out: a checksum per block. Processors with SSE4.2 take 8 bytes in an instruction of
 * three cycles, of which three may be under way: so three blocks are worked on side by side.
 * Elsewhere a table takes a byte at a time. Cost: linear in bytes, some 10 to 20 GB/s with the
 * instruction.
 */

#include <stdint.h>
#include <string.h>

#include "../status.h"

#ifdef __SSE4_2__
#include <nmmintrin.h>

/* Return the running checksum of n bytes more. */
static uint32_t extend_checksum(uint32_t running, const uint8_t *data, size_t n)
{
    uint64_t wide = running;
    for (; n >= 8; n -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    running = (uint32_t)wide;
    for (; n > 0; n--, data++) {
        running = _mm_crc32_u8(running, *data);
    }
    return running;
}

/* Write the running checksums of three neighbouring blocks of n bytes each, n a multiple of 8. */
static void checksum_three(const uint8_t *data, size_t n, uint32_t *running)
{
    uint64_t first = UINT32_MAX, second = UINT32_MAX, third = UINT32_MAX;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t words[3];
        memcpy(&words[0], data + i, 8);
        memcpy(&words[1], data + n + i, 8);
        memcpy(&words[2], data + 2 * n + i, 8);
        first = _mm_crc32_u64(first, words[0]);
        second = _mm_crc32_u64(second, words[1]);
        third = _mm_crc32_u64(third, words[2]);
    }
    running[0] = (uint32_t)first;
    running[1] = (uint32_t)second;
    running[2] = (uint32_t)third;
}
#else
/* The polynomial 0x1EDC6F41, its bits in reverse. */
static const uint32_t POLYNOMIAL = 0x82F63B78;

static uint32_t extend_checksum(uint32_t running, const uint8_t *data, size_t n)
{
    uint32_t table[256];
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) {
            value = (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
        }
        table[byte] = value;
    }
    for (size_t i = 0; i < n; i++) {
        running = table[(running ^ data[i]) & 0xFF] ^ (running >> 8);
    }
    return running;
}

static void checksum_three(const uint8_t *data, size_t n, uint32_t *running)
{
    for (size_t block = 0; block < 3; block++) {
        running[block] = extend_checksum(UINT32_MAX, data + block * n, n);
    }
}
#endif

/*
 * Write the checksum of each block of n_bytes bytes: (ceil(n_bytes / block_bytes),). The last block
 * may be shorter; of no bytes there is none. Copy the bytes to a target of as many, unless it is
 * NULL: blocks are copied just before they are summed up, so that memory is read once.
 */
static int32_t sum_blocks(const uint8_t *data, int64_t n_bytes, int64_t block_bytes,
                          uint8_t *target, uint32_t *checksum)
{
    if (n_bytes < 0 || block_bytes < 1) {
        return STATUS_INVALID;
    }
    const size_t size = (size_t)n_bytes, step = (size_t)block_bytes;
    size_t start = 0;
    if (step % 8 == 0) {
        for (; (size - start) / 3 >= step; start += 3 * step) {
            if (target != NULL) {
                memcpy(target + start, data + start, 3 * step);
            }
            checksum_three(data + start, step, checksum);
            for (int block = 0; block < 3; block++) {
                *checksum++ ^= UINT32_MAX;
            }
        }
    }
    for (; start < size; start += step) {
        const size_t length = size - start < step ? size - start : step;
        if (target != NULL) {
            memcpy(target + start, data + start, length);
        }
        *checksum++ = ~extend_checksum(UINT32_MAX, data + start, length);
    }
    return STATUS_OK;
}

/* Write the checksum of each block, as sum_blocks does. */
int32_t ionbox_checksum_blocks(const uint8_t *data, int64_t n_bytes, int64_t block_bytes,
                               uint32_t *checksum)
{
    return sum_blocks(data, n_bytes, block_bytes, NULL, checksum);
}

/* The same, and copy the blocks. */
int32_t ionbox_copy_blocks(const uint8_t *data, int64_t n_bytes, int64_t block_bytes,
                           uint8_t *target, uint32_t *checksum)
{
    return sum_blocks(data, n_bytes, block_bytes, target, checksum);
}
