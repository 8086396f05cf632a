/* The vector layer in plain C, for any compiler: vd holds VD_LANES doubles, vf holds VF_LANES floats (here one).
 *
 * Every vector_NAME.h defines the same macros, for both types (read vf for vd):
 *   vd_load(p) vd_store(p, a)         unaligned
 *   vd_set1(x) vd_zero()
 *   vd_add vd_sub vd_mul vd_div vd_max vd_min (a, b)    vd_sqrt vd_abs (a)
 *   vd_max_abs(a, b) = max(a, |b|), for a >= 0
 *   vd_fma(a, b, c) = a b + c         vd_fnma(a, b, c) = c - a b   (may round twice where there is no fused form)
 *   vd_lt(a, b)                       a vd_mask, true where a < b
 *   vd_select(m, a, b)                a where m, else b
 *   vd_keep(m, a)                     a where m, else 0
 *   vd_mask_bits(m)                   bit i set where lane i is true
 *   vd_scale_exponent(p, r)           p 2^k, where r = k + VD_MAGIC carries the integer k in its low bits
 *   vd_scale_steps(p, r)              p 2^(k / VD_STEPS), where r = (k + VD_MAGIC) / VD_STEPS; one step where there is
 *                                     no table in registers
 *   VD_TILE                           vectors that times four are as many sums as the registers hold
 * and for vd alone:
 *   vd_exponent(a) vd_mantissa(a)     e and m with a = m 2^e, 1 <= m < 2, for normal a > 0
 *   vd_add_sums(p, a, b, c, d)        adds the sums over the lanes of a, b, c, d to p[0], p[1], p[2], p[3]
 *   vd_sum(a)                         the sum over the lanes
 *   vd_hold(a)                        keeps a variable in a register that compilers would load anew for each use
 *   vd_compress(p, a, bits)           stores the lanes whose bits are set, one after the other; writes VD_LANES
 *   vd_columns(x, p, n)               x[j] = p[j], p[n + j], p[2 n + j], ... for j < VD_LANES
 * and vu, VD_LANES words of 64 bits:
 *   vu_load(p) vu_store(p, a)         unaligned, from and to memory of words or of doubles
 *   vu_set1(x) vu_add vu_xor vu_or (a, b)    vu_left vu_right (a, n): shifts by a constant, 0 < n < 64
 *   vd_of_bits(a) vu_of_bits(a)       the same bits
 * and vh, VH_LANES signed integers of 16 bits:
 *   vh_load(p) vh_store(p, a) vh_set1(x) vh_add vh_min vh_max (a, b)
 *   vh_count_less(n, a, b)            n + 1 where a < b, else n
 *   vh_less_bits(a, b)                bit i set where a < b in lane i, an uint32_t
 * and only where there is an instruction for it
 *   vi_compress(p, i, bits)           stores those of i, ..., i + 7 whose bits are set
 */
#ifndef FD_VECTOR_COMMON
#define FD_VECTOR_COMMON

#define VD_MAGIC 6755399441055744.0 /* 1.5 * 2^52: adding it rounds to an integer, kept in the low bits */
#define VF_MAGIC 12582912.0f        /* 1.5 * 2^23 */

static inline double fd_scale_exponent_double(double p, double r) {
    uint64_t a, k;
    memcpy(&a, &p, 8);
    memcpy(&k, &r, 8);
    a += k << 52;
    memcpy(&p, &a, 8);
    return p;
}
static inline float fd_scale_exponent_float(float p, float r) {
    uint32_t a, k;
    memcpy(&a, &p, 4);
    memcpy(&k, &r, 4);
    a += k << 23;
    memcpy(&p, &a, 4);
    return p;
}
static inline uint64_t fd_load_word(const void *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}
static inline void fd_store_word(void *p, uint64_t word) { memcpy(p, &word, 8); }
static inline double fd_double_of_bits(uint64_t bits) {
    double a;
    memcpy(&a, &bits, 8);
    return a;
}
static inline uint64_t fd_bits_of_double(double a) {
    uint64_t bits;
    memcpy(&bits, &a, 8);
    return bits;
}
static inline double fd_exponent_base(double a) {
    uint64_t bits;
    memcpy(&bits, &a, 8);
    return (double)((int)(bits >> 52) - 1023);
}
static inline double fd_mantissa_base(double a) {
    uint64_t bits;
    memcpy(&bits, &a, 8);
    bits = (bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    memcpy(&a, &bits, 8);
    return a;
}
#endif

#define vd double
#define vd_mask int
#define VD_LANES 1
#define VD_TILE 2
#define VD_STEPS 1
#define vd_load(p) (*(p))
#define vd_store(p, a) (*(p) = (a))
#define vd_set1(x) (double)(x)
#define vd_zero() (double)0
#define vd_add(a, b) ((a) + (b))
#define vd_sub(a, b) ((a) - (b))
#define vd_mul(a, b) ((a) * (b))
#define vd_div(a, b) ((a) / (b))
#define vd_fma(a, b, c) ((a) * (b) + (c))
#define vd_fnma(a, b, c) ((c) - (a) * (b))
#define vd_max(a, b) ((a) > (b) ? (a) : (b))
#define vd_min(a, b) ((a) < (b) ? (a) : (b))
#define vd_sqrt(a) sqrt(a)
#define vd_abs(a) fabs(a)
#define vd_max_abs(a, b) vd_max(a, fabs(b))
#define vd_lt(a, b) ((a) < (b))
#define vd_select(m, a, b) ((m) ? (a) : (b))
#define vd_keep(m, a) ((m) ? (a) : (double)0)
#define vd_mask_bits(m) ((unsigned)(m))
#define vd_scale_exponent(p, r) fd_scale_exponent_double(p, r)
#define vd_scale_steps(p, r) vd_scale_exponent(p, r)
#define vd_exponent(a) fd_exponent_base(a)
#define vd_mantissa(a) fd_mantissa_base(a)
#define vd_sum(a) (a)
#define vd_hold(a) (void)0
#define vd_add_sums(p, a, b, c, d) ((p)[0] += (a), (p)[1] += (b), (p)[2] += (c), (p)[3] += (d))

#define vu uint64_t
#define vu_load(p) fd_load_word(p)
#define vu_store(p, a) fd_store_word(p, a)
#define vu_set1(x) (uint64_t)(x)
#define vu_add(a, b) ((a) + (b))
#define vu_xor(a, b) ((a) ^ (b))
#define vu_or(a, b) ((a) | (b))
#define vu_left(a, n) ((a) << (n))
#define vu_right(a, n) ((a) >> (n))
#define vd_compress(p, a, bits) (*(p) = (a))
#define vd_columns(x, p, n) ((x)[0] = *(p))
#define vd_of_bits(a) fd_double_of_bits(a)
#define vu_of_bits(a) fd_bits_of_double(a)

#define vh int16_t
#define VH_LANES 1
#define vh_load(p) (*(p))
#define vh_store(p, a) (*(p) = (a))
#define vh_set1(x) (int16_t)(x)
#define vh_add(a, b) (int16_t)((a) + (b))
#define vh_min(a, b) ((a) < (b) ? (a) : (b))
#define vh_max(a, b) ((a) > (b) ? (a) : (b))
#define vh_count_less(n, a, b) (int16_t)((n) + ((a) < (b)))
#define vh_less_bits(a, b) (uint32_t)((a) < (b))

#define vf float
#define vf_mask int
#define VF_LANES 1
#define VF_TILE 2
#define VF_STEPS 1
#define vf_load(p) (*(p))
#define vf_store(p, a) (*(p) = (a))
#define vf_set1(x) (float)(x)
#define vf_zero() (float)0
#define vf_add(a, b) ((a) + (b))
#define vf_sub(a, b) ((a) - (b))
#define vf_mul(a, b) ((a) * (b))
#define vf_div(a, b) ((a) / (b))
#define vf_fma(a, b, c) ((a) * (b) + (c))
#define vf_fnma(a, b, c) ((c) - (a) * (b))
#define vf_max(a, b) ((a) > (b) ? (a) : (b))
#define vf_min(a, b) ((a) < (b) ? (a) : (b))
#define vf_sqrt(a) sqrtf(a)
#define vf_abs(a) fabsf(a)
#define vf_max_abs(a, b) vf_max(a, fabsf(b))
#define vf_lt(a, b) ((a) < (b))
#define vf_select(m, a, b) ((m) ? (a) : (b))
#define vf_keep(m, a) ((m) ? (a) : (float)0)
#define vf_mask_bits(m) ((unsigned)(m))
#define vf_scale_exponent(p, r) fd_scale_exponent_float(p, r)
#define vf_scale_steps(p, r) vf_scale_exponent(p, r)
