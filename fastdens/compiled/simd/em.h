/* Tiles of the mixture EM: up to a few hundred samples against one component.
 *
 * A tile stores samples by feature: x[j * size + i] is feature j of sample i, and size is a multiple of
 * FD_EM_TILE_MULTIPLE. Log-densities are in units of log 2, so that 2^t is what the softmax needs: the factors carry
 * sqrt(log2(e) / 2).
 */
#ifndef FD_EM_H
#define FD_EM_H

#include <stddef.h>

#include "instruction_sets.h"

#define FD_EM_TILE_MULTIPLE 8
#define FD_EM_FLOOR (-1e308) /* log-densities below it, and those that overflow, are set to it */

struct fd_em_tiles {
    /* constant - |factor (x - mean)|^2, for a lower triangle (d x d, rows), one factor per feature, or one for all;
     * scratch holds d * size. */
    void (*log_density_full)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *mean, const double *factor,
                             double constant, double *scratch, double *log_density_out);
    void (*log_density_diag)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *mean, const double *factor,
                             double constant, double *scratch, double *log_density_out);
    void (*log_density_spherical)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *mean,
                                  const double *factor, double constant, double *scratch, double *log_density_out);
    /* factor (x - origin) for a lower triangle: makes a shared covariance the identity. */
    void (*whiten)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *origin, const double *factor,
                   double *scratch, double *whitened_out);
    /* The largest log-density so far and its component; the first of equal ones. */
    void (*keep_largest)(const double *log_density, ptrdiff_t component, ptrdiff_t size, double *largest,
                         double *component_of_largest);
    /* Replaces log-densities by relative densities 2^(log_density - largest), zero below 2^cut, and gives
     * scale = weight / their sum (density * scale = responsibility * weight) and the natural log-likelihood. */
    void (*normalise)(double *log_densities, ptrdiff_t n_components, ptrdiff_t size, double cut, const double *largest,
                      const double *weights, double *scale_out, double *log_likelihood_out);
    /* Adds the lower triangle of the sum of r v v^T, v = (x - centre, 1), r = density * scale, to `sums`: by groups of
     * four rows (the last of fewer), of each group all columns up to its last row, the rows of a column together.
     * scratch holds 2 (d + 1) * size. */
    void (*scatter_full)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *centre, const double *density,
                         const double *scale, double *scratch, double *sums);
    /* Adds r, d sums of r (x - centre) and d of r (x - centre)^2 to 1 + 2 d numbers. */
    void (*scatter_diag)(const double *x, ptrdiff_t d, ptrdiff_t size, const double *centre, const double *density,
                         const double *scale, double *scratch, double *sums);
};

extern const struct fd_em_tiles fd_em_tiles[FD_N_INSTRUCTION_SETS];

#endif
