/* Minimax polynomials of 2^f on [-1/2, 1/2] by Remez exchange, for Horner's scheme: the first coefficient, then a
 * `step` for each of the others. Relative error 2.1e-16 (double) and 1.9e-9 (float). On [-1/32, 1/32], for instruction
 * sets that hold the sixteen powers of 2^(1/16) in registers: 7e-18. */
#ifndef FD_EXP2_POLYNOMIAL_H
#define FD_EXP2_POLYNOMIAL_H

#define FD_EXP2_FIRST_DOUBLE 7.03727953058280352e-9
#define FD_EXP2_REST_DOUBLE(step)                                                                          \
    step(1.02085379045521639e-7) step(1.32156628318461028e-6) step(1.52526581165613843e-5)                  \
    step(1.54035299611359555e-4) step(1.33335582285614755e-3) step(9.61812910803458869e-3)                  \
    step(5.55041086644588332e-2) step(2.40226506959087678e-1) step(6.93147180559949775e-1) step(1.0)

#define FD_EXP2_FIRST_SIXTEENTH 1.54033055513736977e-4
#define FD_EXP2_REST_SIXTEENTH(step)                                                                       \
    step(1.33338188060957552e-3) step(9.61812911313047279e-3) step(5.55041086520947564e-2)                  \
    step(2.40226506959098426e-1) step(6.93147180559946863e-1) step(1.0)

#define FD_EXP2_FIRST_FLOAT 1.53458121613116298e-4
#define FD_EXP2_REST_FLOAT(step)                                                                           \
    step(1.3399931177239738e-3) step(9.61848895633118162e-3) step(5.5503287771053248e-2)                    \
    step(2.40226468906455207e-1) step(6.93147205737195751e-1) step(1.0)

#endif
