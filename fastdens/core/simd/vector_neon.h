/* The vector layer on NEON (aarch64); vector_base.h says what each macro means. */
#ifndef FD_VECTOR_NEON
#define FD_VECTOR_NEON
static inline unsigned fd_mask_bits_neon_double(uint64x2_t m) {
    return (unsigned)(vgetq_lane_u64(m, 0) & 1) | (unsigned)(vgetq_lane_u64(m, 1) & 2);
}
static inline unsigned fd_mask_bits_neon_float(uint32x4_t m) {
    const uint32_t place[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(place)));
}
static inline uint32_t fd_bits_neon(uint16x8_t m) {
    const uint16_t place[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    return vaddvq_u16(vandq_u16(m, vld1q_u16(place)));
}
static inline void fd_add_sums_neon(double *p, float64x2_t a, float64x2_t b, float64x2_t c, float64x2_t d) {
    vst1q_f64(p, vaddq_f64(vld1q_f64(p), vpaddq_f64(a, b)));
    vst1q_f64(p + 2, vaddq_f64(vld1q_f64(p + 2), vpaddq_f64(c, d)));
}
#endif

#define vd float64x2_t
#define vd_mask uint64x2_t
#define VD_LANES 2
#define VD_TILE 4
#define VD_STEPS 1
#define vd_load(p) vld1q_f64(p)
#define vd_store(p, a) vst1q_f64(p, a)
#define vd_set1(x) vdupq_n_f64(x)
#define vd_zero() vdupq_n_f64(0)
#define vd_add(a, b) vaddq_f64(a, b)
#define vd_sub(a, b) vsubq_f64(a, b)
#define vd_mul(a, b) vmulq_f64(a, b)
#define vd_div(a, b) vdivq_f64(a, b)
#define vd_fma(a, b, c) vfmaq_f64(c, a, b)
#define vd_fnma(a, b, c) vfmsq_f64(c, a, b)
#define vd_max(a, b) vmaxq_f64(a, b)
#define vd_min(a, b) vminq_f64(a, b)
#define vd_sqrt(a) vsqrtq_f64(a)
#define vd_abs(a) vabsq_f64(a)
#define vd_max_abs(a, b) vmaxq_f64(a, vabsq_f64(b))
#define vd_lt(a, b) vcltq_f64(a, b)
#define vd_select(m, a, b) vbslq_f64(m, a, b)
#define vd_keep(m, a) vreinterpretq_f64_u64(vandq_u64(m, vreinterpretq_u64_f64(a)))
#define vd_mask_bits(m) fd_mask_bits_neon_double(m)
#define vd_scale_exponent(p, r) \
    vreinterpretq_f64_u64(vaddq_u64(vreinterpretq_u64_f64(p), vshlq_n_u64(vreinterpretq_u64_f64(r), 52)))
#define vd_scale_steps(p, r) vd_scale_exponent(p, r)
#define vd_exponent(a) \
    vsubq_f64(vreinterpretq_f64_u64(vorrq_u64(vshrq_n_u64(vreinterpretq_u64_f64(a), 52), \
                                              vreinterpretq_u64_f64(vdupq_n_f64(4503599627370496.0)))), \
              vdupq_n_f64(4503599627371519.0)) /* 2^52 and 2^52 + 1023 */
#define vd_mantissa(a) \
    vreinterpretq_f64_u64(vorrq_u64(vandq_u64(vreinterpretq_u64_f64(a), vdupq_n_u64(0xFFFFFFFFFFFFF)), \
                                    vreinterpretq_u64_f64(vdupq_n_f64(1.0))))
#define vd_sum(a) vaddvq_f64(a)
#define vd_hold(a) __asm__("" : "+w"(a))
#define vd_add_sums(p, a, b, c, d) fd_add_sums_neon(p, a, b, c, d)

#define vu uint64x2_t
#define vu_load(p) vreinterpretq_u64_u8(vld1q_u8((const uint8_t *)(p)))
#define vu_store(p, a) vst1q_u8((uint8_t *)(p), vreinterpretq_u8_u64(a))
#define vu_set1(x) vdupq_n_u64(x)
#define vu_add(a, b) vaddq_u64(a, b)
#define vu_xor(a, b) veorq_u64(a, b)
#define vu_or(a, b) vorrq_u64(a, b)
#define vu_left(a, n) vshlq_n_u64(a, n)
#define vu_right(a, n) vshrq_n_u64(a, n)
#define vd_compress(p, a, bits) vst1q_f64(p, (bits) == 2 ? vdupq_laneq_f64(a, 1) : (a))
#define vd_columns(x, p, n)                                               \
    {                                                                     \
        const float64x2_t row = vld1q_f64(p), next = vld1q_f64((p) + (n)); \
        (x)[0] = vzip1q_f64(row, next);                                   \
        (x)[1] = vzip2q_f64(row, next);                                   \
    }
#define vd_of_bits(a) vreinterpretq_f64_u64(a)
#define vu_of_bits(a) vreinterpretq_u64_f64(a)

#define vh int16x8_t
#define VH_LANES 8
#define vh_load(p) vld1q_s16(p)
#define vh_store(p, a) vst1q_s16(p, a)
#define vh_set1(x) vdupq_n_s16((int16_t)(x))
#define vh_add(a, b) vaddq_s16(a, b)
#define vh_min(a, b) vminq_s16(a, b)
#define vh_max(a, b) vmaxq_s16(a, b)
#define vh_less_bits(a, b) fd_bits_neon(vcltq_s16(a, b))
#define vh_count_less(n, a, b) vsubq_s16(n, vreinterpretq_s16_u16(vcltq_s16(a, b)))

#define vf float32x4_t
#define vf_mask uint32x4_t
#define VF_LANES 4
#define VF_TILE 4
#define VF_STEPS 1
#define vf_load(p) vld1q_f32(p)
#define vf_store(p, a) vst1q_f32(p, a)
#define vf_set1(x) vdupq_n_f32(x)
#define vf_zero() vdupq_n_f32(0)
#define vf_add(a, b) vaddq_f32(a, b)
#define vf_sub(a, b) vsubq_f32(a, b)
#define vf_mul(a, b) vmulq_f32(a, b)
#define vf_div(a, b) vdivq_f32(a, b)
#define vf_fma(a, b, c) vfmaq_f32(c, a, b)
#define vf_fnma(a, b, c) vfmsq_f32(c, a, b)
#define vf_max(a, b) vmaxq_f32(a, b)
#define vf_min(a, b) vminq_f32(a, b)
#define vf_sqrt(a) vsqrtq_f32(a)
#define vf_abs(a) vabsq_f32(a)
#define vf_max_abs(a, b) vmaxq_f32(a, vabsq_f32(b))
#define vf_lt(a, b) vcltq_f32(a, b)
#define vf_select(m, a, b) vbslq_f32(m, a, b)
#define vf_keep(m, a) vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(a)))
#define vf_mask_bits(m) fd_mask_bits_neon_float(m)
#define vf_scale_exponent(p, r) \
    vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(p), vshlq_n_u32(vreinterpretq_u32_f32(r), 23)))
#define vf_scale_steps(p, r) vf_scale_exponent(p, r)
