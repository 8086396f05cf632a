/* The vector layer on AVX2 and FMA; vector_base.h says what each macro means. */
#ifndef FD_VECTOR_AVX2
#define FD_VECTOR_AVX2
static inline __m256d fd_sums_avx2(__m256d a, __m256d b, __m256d c, __m256d d) {
    const __m256d ab = _mm256_hadd_pd(a, b), cd = _mm256_hadd_pd(c, d);
    return _mm256_add_pd(_mm256_permute2f128_pd(ab, cd, 0x20), _mm256_permute2f128_pd(ab, cd, 0x31));
}
static inline double fd_sum_avx2(__m256d a) {
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}
/* Where the halves of the lanes come from that are stored, by which are: those first. */
static inline __m256d fd_compressed_avx2(__m256d a, unsigned bits) {
    static const int32_t halves[16][8] = {
        {0, 1, 0, 1, 0, 1, 0, 1},
        {0, 1, 0, 1, 0, 1, 0, 1},
        {2, 3, 0, 1, 0, 1, 0, 1},
        {0, 1, 2, 3, 0, 1, 0, 1},
        {4, 5, 0, 1, 0, 1, 0, 1},
        {0, 1, 4, 5, 0, 1, 0, 1},
        {2, 3, 4, 5, 0, 1, 0, 1},
        {0, 1, 2, 3, 4, 5, 0, 1},
        {6, 7, 0, 1, 0, 1, 0, 1},
        {0, 1, 6, 7, 0, 1, 0, 1},
        {2, 3, 6, 7, 0, 1, 0, 1},
        {0, 1, 2, 3, 6, 7, 0, 1},
        {4, 5, 6, 7, 0, 1, 0, 1},
        {0, 1, 4, 5, 6, 7, 0, 1},
        {2, 3, 4, 5, 6, 7, 0, 1},
        {0, 1, 2, 3, 4, 5, 6, 7}};
    return _mm256_castps_pd(
        _mm256_permutevar8x32_ps(_mm256_castpd_ps(a), _mm256_loadu_si256((const __m256i *)halves[bits])));
}
/* i + the places of the bits that are set, one after the other: 8 places of 4 bits are looked up. */
static inline __m256i fd_places_avx2(int i, unsigned bits) {
    static const uint32_t places[256] = {
        0x00000000, 0x00000000, 0x00000001, 0x00000010, 0x00000002, 0x00000020, 0x00000021, 0x00000210,
        0x00000003, 0x00000030, 0x00000031, 0x00000310, 0x00000032, 0x00000320, 0x00000321, 0x00003210,
        0x00000004, 0x00000040, 0x00000041, 0x00000410, 0x00000042, 0x00000420, 0x00000421, 0x00004210,
        0x00000043, 0x00000430, 0x00000431, 0x00004310, 0x00000432, 0x00004320, 0x00004321, 0x00043210,
        0x00000005, 0x00000050, 0x00000051, 0x00000510, 0x00000052, 0x00000520, 0x00000521, 0x00005210,
        0x00000053, 0x00000530, 0x00000531, 0x00005310, 0x00000532, 0x00005320, 0x00005321, 0x00053210,
        0x00000054, 0x00000540, 0x00000541, 0x00005410, 0x00000542, 0x00005420, 0x00005421, 0x00054210,
        0x00000543, 0x00005430, 0x00005431, 0x00054310, 0x00005432, 0x00054320, 0x00054321, 0x00543210,
        0x00000006, 0x00000060, 0x00000061, 0x00000610, 0x00000062, 0x00000620, 0x00000621, 0x00006210,
        0x00000063, 0x00000630, 0x00000631, 0x00006310, 0x00000632, 0x00006320, 0x00006321, 0x00063210,
        0x00000064, 0x00000640, 0x00000641, 0x00006410, 0x00000642, 0x00006420, 0x00006421, 0x00064210,
        0x00000643, 0x00006430, 0x00006431, 0x00064310, 0x00006432, 0x00064320, 0x00064321, 0x00643210,
        0x00000065, 0x00000650, 0x00000651, 0x00006510, 0x00000652, 0x00006520, 0x00006521, 0x00065210,
        0x00000653, 0x00006530, 0x00006531, 0x00065310, 0x00006532, 0x00065320, 0x00065321, 0x00653210,
        0x00000654, 0x00006540, 0x00006541, 0x00065410, 0x00006542, 0x00065420, 0x00065421, 0x00654210,
        0x00006543, 0x00065430, 0x00065431, 0x00654310, 0x00065432, 0x00654320, 0x00654321, 0x06543210,
        0x00000007, 0x00000070, 0x00000071, 0x00000710, 0x00000072, 0x00000720, 0x00000721, 0x00007210,
        0x00000073, 0x00000730, 0x00000731, 0x00007310, 0x00000732, 0x00007320, 0x00007321, 0x00073210,
        0x00000074, 0x00000740, 0x00000741, 0x00007410, 0x00000742, 0x00007420, 0x00007421, 0x00074210,
        0x00000743, 0x00007430, 0x00007431, 0x00074310, 0x00007432, 0x00074320, 0x00074321, 0x00743210,
        0x00000075, 0x00000750, 0x00000751, 0x00007510, 0x00000752, 0x00007520, 0x00007521, 0x00075210,
        0x00000753, 0x00007530, 0x00007531, 0x00075310, 0x00007532, 0x00075320, 0x00075321, 0x00753210,
        0x00000754, 0x00007540, 0x00007541, 0x00075410, 0x00007542, 0x00075420, 0x00075421, 0x00754210,
        0x00007543, 0x00075430, 0x00075431, 0x00754310, 0x00075432, 0x00754320, 0x00754321, 0x07543210,
        0x00000076, 0x00000760, 0x00000761, 0x00007610, 0x00000762, 0x00007620, 0x00007621, 0x00076210,
        0x00000763, 0x00007630, 0x00007631, 0x00076310, 0x00007632, 0x00076320, 0x00076321, 0x00763210,
        0x00000764, 0x00007640, 0x00007641, 0x00076410, 0x00007642, 0x00076420, 0x00076421, 0x00764210,
        0x00007643, 0x00076430, 0x00076431, 0x00764310, 0x00076432, 0x00764320, 0x00764321, 0x07643210,
        0x00000765, 0x00007650, 0x00007651, 0x00076510, 0x00007652, 0x00076520, 0x00076521, 0x00765210,
        0x00007653, 0x00076530, 0x00076531, 0x00765310, 0x00076532, 0x00765320, 0x00765321, 0x07653210,
        0x00007654, 0x00076540, 0x00076541, 0x00765410, 0x00076542, 0x00765420, 0x00765421, 0x07654210,
        0x00076543, 0x00765430, 0x00765431, 0x07654310, 0x00765432, 0x07654320, 0x07654321, 0x76543210};
    const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const __m256i place = _mm256_srlv_epi32(_mm256_set1_epi32((int)places[bits]), shifts);
    return _mm256_add_epi32(_mm256_set1_epi32(i), _mm256_and_si256(place, _mm256_set1_epi32(7)));
}
static inline void fd_columns_avx2(__m256d *x, const double *p, ptrdiff_t n) {
    const __m256d a = _mm256_loadu_pd(p), b = _mm256_loadu_pd(p + n), c = _mm256_loadu_pd(p + 2 * n);
    const __m256d d = _mm256_loadu_pd(p + 3 * n);
    const __m256d ab = _mm256_unpacklo_pd(a, b), cd = _mm256_unpacklo_pd(c, d);
    const __m256d ba = _mm256_unpackhi_pd(a, b), dc = _mm256_unpackhi_pd(c, d);
    x[0] = _mm256_permute2f128_pd(ab, cd, 0x20);
    x[1] = _mm256_permute2f128_pd(ba, dc, 0x20);
    x[2] = _mm256_permute2f128_pd(ab, cd, 0x31);
    x[3] = _mm256_permute2f128_pd(ba, dc, 0x31);
}
static inline uint32_t fd_bits_avx2(__m256i a) {
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
}
#endif

#define vd __m256d
#define vd_mask __m256d
#define VD_LANES 4
#define VD_TILE 2
#define VD_STEPS 1
#define vd_load(p) _mm256_loadu_pd(p)
#define vd_store(p, a) _mm256_storeu_pd(p, a)
#define vd_set1(x) _mm256_set1_pd(x)
#define vd_zero() _mm256_setzero_pd()
#define vd_add(a, b) _mm256_add_pd(a, b)
#define vd_sub(a, b) _mm256_sub_pd(a, b)
#define vd_mul(a, b) _mm256_mul_pd(a, b)
#define vd_div(a, b) _mm256_div_pd(a, b)
#define vd_fma(a, b, c) _mm256_fmadd_pd(a, b, c)
#define vd_fnma(a, b, c) _mm256_fnmadd_pd(a, b, c)
#define vd_max(a, b) _mm256_max_pd(a, b)
#define vd_min(a, b) _mm256_min_pd(a, b)
#define vd_sqrt(a) _mm256_sqrt_pd(a)
#define vd_abs(a) _mm256_andnot_pd(_mm256_set1_pd(-0.0), a)
#define vd_max_abs(a, b) _mm256_max_pd(a, _mm256_andnot_pd(_mm256_set1_pd(-0.0), b))
#define vd_lt(a, b) _mm256_cmp_pd(a, b, _CMP_LT_OQ)
#define vd_select(m, a, b) _mm256_blendv_pd(b, a, m)
#define vd_keep(m, a) _mm256_and_pd(m, a)
#define vd_mask_bits(m) ((unsigned)_mm256_movemask_pd(m))
#define vd_scale_exponent(p, r) \
    _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(p), _mm256_slli_epi64(_mm256_castpd_si256(r), 52)))
#define vd_scale_steps(p, r) vd_scale_exponent(p, r)
#define vd_exponent(a) \
    _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64(_mm256_castpd_si256(a), 52)), \
                               _mm256_set1_pd(4503599627370496.0)), \
                  _mm256_set1_pd(4503599627371519.0)) /* 2^52 and 2^52 + 1023 */
#define vd_mantissa(a) \
    _mm256_or_pd(_mm256_and_pd(a, _mm256_castsi256_pd(_mm256_set1_epi64x(0xFFFFFFFFFFFFF))), _mm256_set1_pd(1.0))
#define vd_sum(a) fd_sum_avx2(a)
#define vd_hold(a) __asm__("" : "+x"(a))
#define vd_add_sums(p, a, b, c, d) _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), fd_sums_avx2(a, b, c, d)))

#define vu __m256i
#define vu_load(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define vu_store(p, a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#define vu_set1(x) _mm256_set1_epi64x((long long)(x))
#define vu_add(a, b) _mm256_add_epi64(a, b)
#define vu_xor(a, b) _mm256_xor_si256(a, b)
#define vu_or(a, b) _mm256_or_si256(a, b)
#define vu_left(a, n) _mm256_slli_epi64(a, n)
#define vu_right(a, n) _mm256_srli_epi64(a, n)
#define vd_compress(p, a, bits) _mm256_storeu_pd(p, fd_compressed_avx2(a, bits))
#define vi_compress(p, i, bits) _mm256_storeu_si256((__m256i *)(p), fd_places_avx2((int)(i), bits))
#define vd_columns(x, p, n) fd_columns_avx2(x, p, n)
#define vd_of_bits(a) _mm256_castsi256_pd(a)
#define vu_of_bits(a) _mm256_castpd_si256(a)

#define vh __m256i
#define VH_LANES 16
#define vh_load(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define vh_store(p, a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#define vh_set1(x) _mm256_set1_epi16((short)(x))
#define vh_add(a, b) _mm256_add_epi16(a, b)
#define vh_min(a, b) _mm256_min_epi16(a, b)
#define vh_max(a, b) _mm256_max_epi16(a, b)
#define vh_count_less(n, a, b) _mm256_sub_epi16(n, _mm256_cmpgt_epi16(b, a))
#define vh_less_bits(a, b) fd_bits_avx2(_mm256_cmpgt_epi16(b, a))

#define vf __m256
#define vf_mask __m256
#define VF_LANES 8
#define VF_TILE 2
#define VF_STEPS 1
#define vf_load(p) _mm256_loadu_ps(p)
#define vf_store(p, a) _mm256_storeu_ps(p, a)
#define vf_set1(x) _mm256_set1_ps(x)
#define vf_zero() _mm256_setzero_ps()
#define vf_add(a, b) _mm256_add_ps(a, b)
#define vf_sub(a, b) _mm256_sub_ps(a, b)
#define vf_mul(a, b) _mm256_mul_ps(a, b)
#define vf_div(a, b) _mm256_div_ps(a, b)
#define vf_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vf_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define vf_max(a, b) _mm256_max_ps(a, b)
#define vf_min(a, b) _mm256_min_ps(a, b)
#define vf_sqrt(a) _mm256_sqrt_ps(a)
#define vf_abs(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define vf_max_abs(a, b) _mm256_max_ps(a, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), b))
#define vf_lt(a, b) _mm256_cmp_ps(a, b, _CMP_LT_OQ)
#define vf_select(m, a, b) _mm256_blendv_ps(b, a, m)
#define vf_keep(m, a) _mm256_and_ps(m, a)
#define vf_mask_bits(m) ((unsigned)_mm256_movemask_ps(m))
#define vf_scale_exponent(p, r) \
    _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(r), 23)))
#define vf_scale_steps(p, r) vf_scale_exponent(p, r)
