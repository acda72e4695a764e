"""The kernels' exported functions and the structs they take, as C declarations.

`DECLARATIONS` repeats what ``layers/science/kernels`` defines, because an installed ionbox has the
library and not its sources; a test compares the two word by word. Whoever adds a kernel, or changes
one, changes the lines here as well. `ionbox_science.kernel_calls` derives from them how arguments
are checked and passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DECLARATIONS = """
struct peak_columns {
    void *mz;
    float *intensity;
    uint32_t *pixel;
    int64_t n_rows;
    int32_t mz_bytes;
};

struct spectra {
    int64_t n_spectra;
    const uint64_t *mz_address;
    const uint64_t *intensity_address;
    const int64_t *n_peaks;
    const uint32_t *pixel;
    int32_t mz_bytes;
    int32_t intensity_type;
};

struct score_job {
    struct peak_columns peaks;
    const int64_t *start, *stop;
    const double *pattern_mz;
    const float *pattern_intensity;
    const uint8_t *is_target;
    const int64_t *selected;
    int64_t n_ions, n_peaks, n_selected;
    int64_t height, width, n_measured;
    double *chaos, *spatial, *spectral, *msm, *mz_error_abs, *mz_error_rel;
    float *total, *minimum, *maximum;
    double *mz_mean, *mz_stddev;
};

int64_t ionbox_match_spectra(const uint8_t *source, int64_t size, int64_t start,
                             const int64_t *literals, const uint8_t *kinds, int64_t n_slots,
                             int64_t *values, int64_t capacity, int64_t *end);

int64_t ionbox_parse_formulas(const char *text, int64_t n_bytes, int64_t n_formulas,
                              const char *symbols, int32_t n_elements, int32_t n_symbols,
                              const double *label_masses, int64_t *starts, int32_t *elements,
                              int32_t *counts, double *label_mass, uint8_t *outcome);
struct pattern_context *ionbox_make_pattern_context(int32_t n_elements,
                                                    const int32_t *isotope_starts,
                                                    const double *masses,
                                                    const double *abundances, int32_t version,
                                                    int32_t is_plain);
void ionbox_free_pattern_context(struct pattern_context *context);
int32_t ionbox_generate_patterns(struct pattern_context *context, int64_t n_ions,
                                 const int64_t *starts, const int32_t *elements,
                                 const int32_t *counts, const double *shifts, int32_t analyzer,
                                 double sigma, int32_t charge, int32_t n_peaks, double *mz,
                                 float *intensity, uint8_t *outcome);

int32_t ionbox_pick_peaks(const struct spectra *spectra, const uint8_t *is_profile, void *mz,
                          double *intensity, float *valley, int64_t *n_found);

int64_t ionbox_get_n_cells(void);
int32_t ionbox_count_cells(const struct spectra *spectra, uint64_t *cell_count, double *tic,
                           uint8_t *ascends);
int64_t ionbox_plan_buckets(const uint64_t *cell_count, uint32_t *cell_bucket,
                            uint32_t *first_cell, uint64_t *bucket_start);
int32_t ionbox_scatter_peaks(const struct spectra *spectra, const uint32_t *cell_bucket,
                             int64_t first_cell, int64_t stop_cell, struct rows *bucket_rows,
                             const struct peak_columns *out, const uint8_t *ascends);
int32_t ionbox_sort_buckets(int64_t n_buckets, const uint64_t *bucket_start,
                            const struct peak_columns *columns);
int32_t ionbox_merge_buckets(int64_t n_spans, const struct peak_columns *spans, int64_t n_buckets,
                             const int64_t *cuts, const struct peak_columns *out);
int32_t ionbox_count_channels(const struct spectra *spectra, int64_t n_channels,
                              uint64_t *channel_count, double *tic);
int32_t ionbox_scatter_channels(const struct spectra *spectra, int64_t first_channel,
                                int64_t n_channels, struct rows *channel_rows,
                                const struct peak_columns *out);
int32_t ionbox_fill_channels(int64_t n_channels, const void *mz, const uint64_t *stop,
                             const struct peak_columns *out);

int32_t ionbox_checksum_blocks(const uint8_t *data, int64_t n_bytes, int64_t block_bytes,
                               uint32_t *checksum);
int32_t ionbox_copy_blocks(const uint8_t *data, int64_t n_bytes, int64_t block_bytes,
                           uint8_t *target, uint32_t *checksum);

int32_t ionbox_bound_windows(const double *pattern_mz, int64_t n_windows, double ppm,
                             double *lowest, double *highest);
int32_t ionbox_find_windows(const void *mz, int32_t mz_bytes, int64_t n_rows,
                            const double *pattern_mz, int64_t n_queries, double ppm,
                            int64_t *start, int64_t *stop);
int32_t ionbox_extract_images(const struct peak_columns *peaks, const int64_t *start,
                              const int64_t *stop, int64_t n_windows, int64_t n_pixels,
                              float *image);
int32_t ionbox_order_values(const double *value, int64_t n_values, uint32_t *order);
int32_t ionbox_score_ions(const struct score_job *job, const uint32_t *order, int64_t n_order);
int32_t ionbox_measure_chaos(const float *images, int64_t n_images, int64_t height,
                             int64_t width, int32_t n_levels, double *chaos);
int32_t ionbox_sum_leaves(const float *features, int64_t n_ions, int64_t n_features,
                          const float *border, const int64_t *border_start, int64_t n_trees,
                          int64_t depth, const uint8_t *feature, const uint16_t *rank,
                          const double *leaf, double *sum);

int64_t ionbox_pack_image(const void *image, int32_t image_bytes, int64_t n_pixels,
                          double *maximum, uint8_t *packed);
int32_t ionbox_prepare_images(const void *images, int32_t image_bytes, int64_t n_images,
                              int64_t height, int64_t width, int64_t first, int64_t n_all,
                              uint16_t *prepared);
int32_t ionbox_find_partners(const uint16_t *images, int64_t n_images, int64_t n_vectors,
                             int64_t first, int64_t stop, int32_t is_plain, int64_t n_kept,
                             int32_t *partner, float *coefficient, int64_t *n_done);
"""

# Only what C knows as an exported function has the prefix; static ones are not looked at.
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRUCT = re.compile(r"\bstruct (\w+)\s*\{([^{}]*)\}\s*;")
_FUNCTION = re.compile(
    r"^(?P<result>(?:const )?(?:struct )?\w+) (?P<pointer>\*?)(?P<name>ionbox_\w+)"
    r"\((?P<parameters>[^()]*)\)\s*[;{]",
    re.MULTILINE,
)
_VARIABLES = re.compile(
    r"(?P<const>const )?(?P<type>(?:struct )?\w+) (?P<names>\*?\w+(?:, \*?\w+)*)"
)


@dataclass(frozen=True)
class Variable:
    """A parameter of a function, or a field of a struct.

    Attributes
    ----------
    name : str
        As declared.
    type : str
        C type of the value, or of what the pointer points to: ``double``, ``struct spectra``.
    is_pointer : bool
        Whether it is a pointer.
    is_const : bool
        Whether the kernel only reads what the pointer points to.
    """

    name: str
    type: str
    is_pointer: bool
    is_const: bool


@dataclass(frozen=True)
class Function:
    """A function's result, a C type that ends with ``*`` if it is a pointer, and its parameters."""

    result: str
    parameters: tuple[Variable, ...]


@dataclass(frozen=True)
class Declarations:
    """All functions, and the fields of all structs, by name."""

    functions: Mapping[str, Function]
    structs: Mapping[str, tuple[Variable, ...]]


def parse_declarations(source: str) -> Declarations:
    """Read the structs, and the functions that begin with ``ionbox_``, of C text.

    Definitions count as well as prototypes. This parses only the C that the kernels are written
    in: laid out by clang-format, no macros, no pointers to pointers.

    Raises
    ------
    ValueError
        If a function has a parameter that is not a plain variable or pointer.
    """
    code = _COMMENT.sub(" ", source)
    functions = {
        found["name"]: Function(
            found["result"] + " *" * bool(found["pointer"]),
            tuple(_read_parameters(found["parameters"])),
        )
        for found in _FUNCTION.finditer(code)
    }
    structs = {name: tuple(_read_fields(fields)) for name, fields in _STRUCT.findall(code)}
    return Declarations(functions, structs)


def _read_parameters(text: str) -> Iterator[Variable]:
    if text.strip() == "void":
        return
    for parameter in text.split(","):
        found = _VARIABLES.fullmatch(" ".join(parameter.split()))
        if found is None:
            raise ValueError(f"not a plain parameter: {parameter.strip()}")
        yield from _read_names(found)


def _read_fields(text: str) -> Iterator[Variable]:
    """Read the fields of a struct; those the kernels keep for themselves may be of any type."""
    for line in text.split(";"):
        found = _VARIABLES.fullmatch(" ".join(line.split()))
        if found is not None:
            yield from _read_names(found)


def _read_names(found: re.Match[str]) -> Iterator[Variable]:
    for name in found["names"].split(", "):
        is_pointer, is_const = name.startswith("*"), found["const"] is not None
        yield Variable(name.lstrip("*"), found["type"], is_pointer, is_const)
