/* Tiles of the mixture EM: up to a few hundred samples against one component.
 *
 * A tile stores samples by feature: x[j * size + i] is feature j of sample i, and size is a multiple of
 * FD_EM_TILE_MULTIPLE.
 *
 * Densities are kept as square roots, so that moments are sums of squares of one set of vectors: "half" log-densities
 * are log2(sqrt(density)), and the factors carry sqrt(log2(e)) / 2 to make them so.
 */
#ifndef FD_EM_H
#define FD_EM_H

#include <stddef.h>

#include "instruction_sets.h"

#define FD_EM_TILE_MULTIPLE 8
#define FD_EM_FLOOR (-5e307) /* half log-densities below it, and those that overflow, are set to it */

struct fd_em_tiles {
    /* |factor (x - mean)|^2, for a lower triangle (d x d, by rows), one factor per feature, or one for all;
     * scratch holds d * size. */
    void (*square_full)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *mean, const double *factor,
                        double *scratch, double *square_out);
    void (*square_diag)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *mean, const double *factor,
                        double *scratch, double *square_out);
    void (*square_spherical)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *mean, const double *factor,
                             double *scratch, double *square_out);
    /* factor (x - origin) for a lower triangle: makes a shared covariance a multiple of the identity. */
    void (*whiten)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *origin, const double *factor,
                   double *scratch, double *whitened_out);
    /* Replaces squares by half log-densities, constant - square, and keeps the largest so far and its component
     * (the first of equal ones). */
    void (*keep_largest)(double *square, double constant, ptrdiff_t component, ptrdiff_t size, double *largest,
                         double *component_of_largest);
    /* Replaces half log-densities by roots, 2^(half log-density - largest), zero below 2^cut, and gives
     * root_scale = sqrt(weight / sum of squared roots) and the natural log-likelihood:
     * (root * root_scale)^2 = responsibility * weight. */
    void (*normalise)(double *roots, ptrdiff_t n_components, ptrdiff_t size, double cut, const double *largest,
                      const double *weights, double *root_scale_out, double *log_likelihood_out);
    /* Adds the lower triangle of the sum of v v^T, v = root * root_scale * (x - centre, 1), to `sums`: by groups of four
     * rows (the last filled up), of each group all columns up to its last row, the four rows of a column together.
     * scratch holds (d + 1) * size. */
    void (*scatter_full)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *centre, const double *root,
                         const double *root_scale, double *scratch, double *sums);
    /* Adds r = (root * root_scale)^2, d sums of r (x - centre) and d of r (x - centre)^2 to 1 + 2 d numbers. */
    void (*scatter_diag)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *centre, const double *root,
                         const double *root_scale, double *scratch, double *sums);
};

extern const struct fd_em_tiles fd_em_tiles[FD_N_INSTRUCTION_SETS];

#endif
