/*
 * Transposes spectra that share one ascending m/z axis (continuous imzML).
 *
 * In: intensities, spectrum by spectrum. Out: columns of peaks, channel by channel, a channel being
 * one m/z of the axis, which is their order by m/z: nothing needs sorting.
 *
 * Two passes over the spectra: the first counts the peaks of every channel, the second writes each
 * to the rows of its channel, in tiles of some spectra by some channels, so that both what is read
 * and what is written stays in cache. Cost: linear in the intensities.
 */

#include "spectra.h"

/* A tile reads 64 stretches of 512 or 1024 bytes and writes to 128 places: both fit the cache. */
enum { TILE_CHANNELS = 128, TILE_SPECTRA = 64 };

/*
 * First pass: count the peaks above zero per channel and sum their intensities per spectrum.
 *
 * spectra: all with n_channels peaks; their m/z is not read.
 * channel_count: (n_channels,), added to. tic: (n_spectra,) counts, written.
 */
int32_t ionbox_count_channels(const struct spectra *spectra, int64_t n_channels,
                              uint64_t *channel_count, double *tic)
{
    if (!types_are_known(spectra)) {
        return STATUS_INVALID;
    }
    const size_t width = intensity_bytes(spectra->intensity_type);
    float value[CHUNK_PEAKS];
    uint8_t above[CHUNK_PEAKS];
    for (int64_t s = 0; s < spectra->n_spectra; s++) {
        const unsigned char *intensity = bytes_at(spectra->intensity_address[s]);
        double sum = 0;
        for (size_t start = 0; start < (size_t)n_channels; start += CHUNK_PEAKS) {
            const size_t left = (size_t)n_channels - start;
            const size_t n = left < CHUNK_PEAKS ? left : CHUNK_PEAKS;
            convert_intensity(spectra->intensity_type, intensity + start * width, n, value, above);
            for (size_t i = 0; i < n; i++) {
                channel_count[start + i] += above[i];
                sum += above[i] ? (double)value[i] : 0.0;
            }
        }
        tic[s] = sum;
    }
    return STATUS_OK;
}

/*
 * Write a block of n channels of one spectrum. The row is written before it is known whether the
 * peak counts, and written again if it does not: a choice per peak would cost more.
 */
static int32_t scatter_channels(const float *value, const uint8_t *above, size_t n, uint32_t pixel,
                                struct rows *channel_rows, float *out_intensity,
                                uint32_t *out_pixel)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t row = channel_rows[i].next;
        if (row == channel_rows[i].stop) {
            if (above[i]) {
                return STATUS_CHANGED;
            }
            continue;
        }
        out_intensity[row] = value[i];
        out_pixel[row] = pixel;
        channel_rows[i].next = row + above[i];
    }
    return STATUS_OK;
}

/* Write n channels from channel start on, of spectra first to stop; channel_rows: of the first. */
static int32_t scatter_tile(const struct spectra *spectra, int64_t first, int64_t stop,
                            size_t start, size_t n, struct rows *channel_rows, float *out_intensity,
                            uint32_t *out_pixel)
{
    const size_t skipped = start * intensity_bytes(spectra->intensity_type);
    float value[TILE_CHANNELS];
    uint8_t above[TILE_CHANNELS];
    for (int64_t s = first; s < stop; s++) {
        const unsigned char *intensity = bytes_at(spectra->intensity_address[s]) + skipped;
        convert_intensity(spectra->intensity_type, intensity, n, value, above);
        const int32_t status = scatter_channels(value, above, n, spectra->pixel[s], channel_rows,
                                                out_intensity, out_pixel);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/*
 * Second pass: write intensity and pixel of every peak above zero to the rows of its channel.
 *
 * first_channel, n_channels: which ones; others are passed over.
 * channel_rows: (n_channels,) rows that this part of the spectra fills; next moves on.
 * Returns STATUS_CHANGED where there are more peaks than were counted; nothing is written beyond a
 * stop.
 */
int32_t ionbox_scatter_channels(const struct spectra *spectra, int64_t first_channel,
                                int64_t n_channels, struct rows *channel_rows,
                                const struct peak_columns *out)
{
    if (!types_are_known(spectra)) {
        return STATUS_INVALID;
    }
    for (int64_t first = 0; first < spectra->n_spectra; first += TILE_SPECTRA) {
        const int64_t left = spectra->n_spectra - first;
        const int64_t stop = first + (left < TILE_SPECTRA ? left : TILE_SPECTRA);
        for (size_t start = 0; start < (size_t)n_channels; start += TILE_CHANNELS) {
            const size_t rest = (size_t)n_channels - start;
            const size_t n = rest < TILE_CHANNELS ? rest : TILE_CHANNELS;
            const int32_t status =
                scatter_tile(spectra, first, stop, (size_t)first_channel + start, n,
                             channel_rows + start, out->intensity, out->pixel);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

/*
 * Last step: write the m/z of every channel to its rows.
 *
 * mz: (n_channels,) of the type of the columns. stop: (n_channels,) one past the last row of each.
 */
int32_t ionbox_fill_channels(int64_t n_channels, const void *mz, const uint64_t *stop,
                             const struct peak_columns *out)
{
    const int32_t mz_bytes = out->mz_bytes;
    if (mz_bytes != 4 && mz_bytes != 8) {
        return STATUS_INVALID;
    }
    uint64_t row = 0;
    for (int64_t channel = 0; channel < n_channels; channel++) {
        const uint64_t bits = load_mz(mz, (size_t)channel, mz_bytes);
        for (; row < stop[channel]; row++) {
            store_mz(out->mz, row, mz_bytes, bits);
        }
    }
    return STATUS_OK;
}
