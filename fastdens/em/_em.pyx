"""The E step and the fused EM step of Gaussian mixtures, by tiles of samples against one component at a time.

A tile holds the log-densities of a few dozen samples under every component; it is turned into relative densities
and, in the EM step, into the moments of every component before the next tile is loaded. Differences from the mean of
the component are formed first, so data far from the origin lose no digits.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc

from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core._blocks cimport BlockQueue

cdef extern from "math.h" nogil:
    double sqrt(double x)

cdef extern from "em.h" nogil:
    struct fd_em_tiles:
        void (*square_full)(const double *x, Py_ssize_t d, Py_ssize_t size, const double *mean, const double *factor,
                            double *scratch, double *out) noexcept nogil
        void (*square_diag)(const double *x, Py_ssize_t d, Py_ssize_t size, const double *mean, const double *factor,
                            double *scratch, double *out) noexcept nogil
        void (*square_spherical)(const double *x, Py_ssize_t d, Py_ssize_t size, const double *mean,
                                 const double *factor, double *scratch, double *out) noexcept nogil
        void (*whiten)(const double *x, Py_ssize_t d, Py_ssize_t size, const double *origin, const double *factor,
                       double *scratch, double *out) noexcept nogil
        void (*keep_largest)(double *square, double constant, Py_ssize_t component, Py_ssize_t size, double *largest,
                             double *component_of_largest) noexcept nogil
        void (*normalise)(double *roots, Py_ssize_t n_components, Py_ssize_t size, double cut, const double *largest,
                          const double *weights, double *root_scale, double *log_likelihood) noexcept nogil
        void (*scatter_full)(const double *x, Py_ssize_t d, Py_ssize_t size, const double *centre, const double *root,
                             const double *root_scale, double *scratch, double *sums) noexcept nogil
        void (*scatter_diag)(const double *x, Py_ssize_t d, Py_ssize_t size, const double *centre, const double *root,
                             const double *root_scale, double *scratch, double *sums) noexcept nogil
    const fd_em_tiles tiles_of_level "fd_em_tiles" []
    enum:
        FD_EM_TILE_MULTIPLE

TILE_MULTIPLE = FD_EM_TILE_MULTIPLE  # the number of samples in a tile is a multiple of this

cdef enum:
    FAMILY_FULL = 0
    FAMILY_DIAG = 1
    FAMILY_SPHERICAL = 2
    FAMILY_TIED = 3

FULL = FAMILY_FULL
DIAG = FAMILY_DIAG
SPHERICAL = FAMILY_SPHERICAL
TIED = FAMILY_TIED

# Square roots of responsibilities below 2^CUT count as zero: their squares are subnormal, or in the EM step their
# products with differences might be (which is slow).
cdef double CUT_E_STEP = -510.0
cdef double CUT_EM_STEP = -256.0
cdef Py_ssize_t WORK_BETWEEN_CHECKS = 4_000_000  # multiplications between two looks for Ctrl-C

ctypedef fused floating:
    float
    double

cdef const fd_em_tiles *tiles


def use_level(int level):
    """Run on the tiles of one instruction set."""
    global tiles
    tiles = &tiles_of_level[level]


instruction_sets.register(use_level)


cdef struct Mixture:
    int family
    Py_ssize_t n_components
    Py_ssize_t d
    const double *means       # of the whitened features where the covariance is shared
    const double *factors
    Py_ssize_t factor_length  # numbers per component
    const double *constants
    const double *origin      # where the covariance is shared


cdef struct Tile:
    Py_ssize_t size
    double *memory
    double *x             # (d, size)
    double *whitened      # (d, size), only where the covariance is shared
    double *scratch       # (d + 1, size)
    double *roots         # (n_components, size)
    double *largest       # these and all below: (size,)
    double *label
    double *weights
    double *root_weights
    double *ones
    double *root_scale
    double *log_likelihood


cdef Mixture mixture_of(int family, const double[:, ::1] means, const double[:, ::1] factors,
                        const double[::1] constants, const double[::1] origin) noexcept:
    cdef Mixture mixture
    mixture.family = family
    mixture.n_components = means.shape[0]
    mixture.d = means.shape[1]
    mixture.means = &means[0, 0]
    mixture.factors = &factors[0, 0]
    mixture.factor_length = factors.shape[1]
    mixture.constants = &constants[0]
    mixture.origin = &origin[0]
    return mixture


cdef class PackedMixture:
    """A mixture for half log-densities in units of log 2; see em.h.

    Parameters
    ----------
    means : of the whitened features where the covariance is shared
    factors : one row per component, one row in all where the covariance is shared
    constants : the log-density of each component at its mean with its log-weight
    origin : where the covariance is shared, what means are taken from
    """
    cdef Mixture mixture
    cdef tuple arrays  # which the mixture points into

    def __init__(
        self, int family, const double[:, ::1] means, const double[:, ::1] factors, const double[::1] constants,
        const double[::1] origin,
    ):
        self.arrays = (means, factors, constants, origin)
        self.mixture = mixture_of(family, means, factors, constants, origin)


cdef Tile new_tile(Py_ssize_t size, Py_ssize_t d, Py_ssize_t n_components) except *:
    cdef Tile tile
    cdef Py_ssize_t i, n = (2 * d + (d + 1) + n_components + 7) * size
    tile.size = size
    tile.memory = <double *> PyMem_Malloc(n * sizeof(double) + 64)
    if tile.memory == NULL:
        raise MemoryError()
    tile.x = <double *> ((<size_t> tile.memory + 63) & ~<size_t> 63)
    tile.whitened = tile.x + d * size
    tile.scratch = tile.whitened + d * size
    tile.roots = tile.scratch + (d + 1) * size
    tile.largest = tile.roots + n_components * size
    tile.label = tile.largest + size
    tile.weights = tile.label + size
    tile.root_weights = tile.weights + size
    tile.ones = tile.root_weights + size
    tile.root_scale = tile.ones + size
    tile.log_likelihood = tile.root_scale + size
    for i in range(size):
        tile.weights[i] = 1.0
        tile.ones[i] = 1.0
    return tile


cdef void load_rows(Tile *tile, const floating *rows, Py_ssize_t n, Py_ssize_t d) noexcept nogil:
    # By groups of features, so that the columns written to stay in the first-level cache. Places that no sample
    # fills repeat the last one.
    cdef Py_ssize_t i, j, first, last
    for first in range(0, d, 16):
        last = min(first + 16, d)
        for i in range(n):
            for j in range(first, last):
                tile.x[j * tile.size + i] = <double> rows[i * d + j]
        for j in range(first, last):
            for i in range(n, tile.size):
                tile.x[j * tile.size + i] = <double> rows[(n - 1) * d + j]


cdef void evaluate(Tile *tile, const Mixture *mixture, double cut) noexcept nogil:
    # From samples to roots of relative densities, their scale, the log-likelihood and the most probable component.
    cdef Py_ssize_t k, d = mixture.d, size = tile.size
    cdef const double *mean
    cdef const double *factor
    cdef double *root
    cdef double one = 1.0
    if mixture.family == FAMILY_TIED:
        tiles.whiten(tile.x, d, size, mixture.origin, mixture.factors, tile.scratch, tile.whitened)
    for k in range(mixture.n_components):
        mean = mixture.means + k * d
        factor = mixture.factors + k * mixture.factor_length
        root = tile.roots + k * size
        if mixture.family == FAMILY_FULL:
            tiles.square_full(tile.x, d, size, mean, factor, tile.scratch, root)
        elif mixture.family == FAMILY_DIAG:
            tiles.square_diag(tile.x, d, size, mean, factor, tile.scratch, root)
        elif mixture.family == FAMILY_SPHERICAL:
            tiles.square_spherical(tile.x, d, size, mean, factor, tile.scratch, root)
        else:
            tiles.square_spherical(tile.whitened, d, size, mean, &one, tile.scratch, root)
        tiles.keep_largest(root, mixture.constants[k], k, size, tile.largest, tile.label)
    tiles.normalise(tile.roots, mixture.n_components, size, cut, tile.largest, tile.weights, tile.root_scale,
                    tile.log_likelihood)


def scatter_length(Py_ssize_t width):
    """Numbers that the lower triangle of a width x width matrix takes in the layout of em.h."""
    cdef Py_ssize_t rest = width % 4, first = width - rest
    return first * (first + 4) // 2 + (4 * width if rest else 0)


cdef Py_ssize_t tiles_between_checks(const Tile *tile, const Mixture *mixture) noexcept nogil:
    cdef Py_ssize_t per_component = mixture.d + 16
    if mixture.family == FAMILY_FULL or mixture.family == FAMILY_TIED:
        per_component += mixture.d * mixture.d
    return max(1, WORK_BETWEEN_CHECKS // (tile.size * mixture.n_components * per_component))


def e_step(
    const floating[:, ::1] X,
    PackedMixture packed,
    Py_ssize_t tile_size,
    Py_ssize_t block_rows,
    floating[::1] log_likelihood_out,
    Py_ssize_t[::1] labels_out,
    floating[:, ::1] responsibilities_out,
    BlockQueue queue,
):
    """Log-likelihood per sample and, into arrays that are not empty, the most probable component and responsibilities.
    """
    cdef Mixture mixture = packed.mixture
    cdef Tile tile = new_tile(tile_size, mixture.d, mixture.n_components)
    cdef Py_ssize_t n = X.shape[0], start, end, row, t, i, k, m, done = 0
    cdef Py_ssize_t check = tiles_between_checks(&tile, &mixture)
    cdef bint want_labels = labels_out.shape[0] > 0, want_responsibilities = responsibilities_out.shape[0] > 0
    try:
        with nogil:
            while queue.next_rows(block_rows, n, &start, &end):
                for t in range((end - start + tile_size - 1) // tile_size):
                    row = start + t * tile_size
                    m = min(tile_size, end - row)
                    load_rows(&tile, &X[row, 0], m, mixture.d)
                    evaluate(&tile, &mixture, CUT_E_STEP)
                    for i in range(m):
                        log_likelihood_out[row + i] = <floating> tile.log_likelihood[i]
                    if want_labels:
                        for i in range(m):
                            labels_out[row + i] = <Py_ssize_t> tile.label[i]
                    if want_responsibilities:
                        for k in range(mixture.n_components):
                            for i in range(m):
                                responsibilities_out[row + i, k] = <floating> (
                                    (tile.roots[k * tile_size + i] * tile.root_scale[i]) ** 2)
                    done += 1
                    if done % check == 0 and queue.must_stop():
                        break
    finally:
        PyMem_Free(tile.memory)


def em_step(
    const floating[:, ::1] X,
    const double[::1] sample_weight,
    PackedMixture packed,
    const double[:, ::1] centres,
    bint separate_scatter,
    Py_ssize_t tile_size,
    Py_ssize_t block_rows,
    double[:, ::1] sums_out,
    double[::1] log_likelihood_out,
    BlockQueue queue,
):
    """Adds the moments of each component, under the responsibilities of the given mixture, to one row per block.

    With `separate_scatter` a row holds, for each component, the lower triangle of the sum of r v v^T for
    v = (x - centre, 1), in the layout of em.h. Without it, 1 + 2 d numbers for each: sums of r, r (x - centre) and
    r (x - centre)^2; where the covariance is shared, one triangle of all samples about the origin follows.
    `log_likelihood_out` gets the weighted sum of log-likelihoods. An empty `sample_weight` means all ones.
    """
    cdef Mixture mixture = packed.mixture
    cdef Tile tile = new_tile(tile_size, mixture.d, mixture.n_components)
    cdef Py_ssize_t n = X.shape[0], d = mixture.d, start, end, row, t, i, k, m, done = 0
    cdef Py_ssize_t check = tiles_between_checks(&tile, &mixture)
    cdef Py_ssize_t length = scatter_length(d + 1) if separate_scatter else 1 + 2 * d
    cdef bint weighted = sample_weight.shape[0] > 0
    cdef double *sums
    cdef double total
    cdef Py_ssize_t block
    try:
        with nogil:
            while queue.next_rows(block_rows, n, &start, &end):
                block = start // block_rows
                sums = &sums_out[block, 0]
                total = 0.0
                for t in range((end - start + tile_size - 1) // tile_size):
                    row = start + t * tile_size
                    m = min(tile_size, end - row)
                    load_rows(&tile, &X[row, 0], m, d)
                    if weighted:
                        for i in range(m):
                            tile.weights[i] = sample_weight[row + i]
                    for i in range(tile_size):
                        if i >= m:
                            tile.weights[i] = 0.0
                        elif not weighted:
                            tile.weights[i] = 1.0
                    evaluate(&tile, &mixture, CUT_EM_STEP)
                    for i in range(m):
                        total += tile.weights[i] * tile.log_likelihood[i]
                    for k in range(mixture.n_components):
                        if separate_scatter:
                            tiles.scatter_full(tile.x, d, tile_size, &centres[k, 0], tile.roots + k * tile_size,
                                               tile.root_scale, tile.scratch, sums + k * length)
                        else:
                            tiles.scatter_diag(tile.x, d, tile_size, &centres[k, 0], tile.roots + k * tile_size,
                                               tile.root_scale, tile.scratch, sums + k * length)
                    if mixture.family == FAMILY_TIED and not separate_scatter:
                        for i in range(tile_size):
                            tile.root_weights[i] = sqrt(tile.weights[i])
                        tiles.scatter_full(tile.x, d, tile_size, mixture.origin, tile.ones, tile.root_weights,
                                           tile.scratch, sums + mixture.n_components * length)
                    done += 1
                    if done % check == 0 and queue.must_stop():
                        break
                log_likelihood_out[block] = total
    finally:
        PyMem_Free(tile.memory)
