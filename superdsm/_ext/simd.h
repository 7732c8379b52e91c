/* Registers of doubles, and the exponential function for them.
 *
 * This file is compiled once for each width, by the files in widths/, which define one of SIMD_AVX512, SIMD_AVX2,
 * SIMD_SSE2, SIMD_NEON, SIMD_SCALAR. A register (`vec`) has LANES lanes. Sums have STRIP lanes on all machines: they are
 * kept in PARTS registers, and `sum` adds their lanes in one order, so that the width does not change the result.
 * Products are fused with sums by `madd` and `nmadd` only: AVX-512, AVX2 and NEON round alike, the others twice. */
#ifndef SUPERDSM_SIMD_H
#define SUPERDSM_SIMD_H

#include "kernels.h"

#if defined(SIMD_AVX512)
#define LANES 8
#define SINGLES 16
typedef __m512d vec;
typedef __m512i ivec;
typedef __m512 single;
INLINE vec load(const double *p) { return _mm512_loadu_pd(p); }
INLINE void store(double *p, vec v) { _mm512_storeu_pd(p, v); }
INLINE vec splat(double x) { return _mm512_set1_pd(x); }
INLINE vec add(vec a, vec b) { return _mm512_add_pd(a, b); }
INLINE vec sub(vec a, vec b) { return _mm512_sub_pd(a, b); }
INLINE vec mul(vec a, vec b) { return _mm512_mul_pd(a, b); }
INLINE vec divide(vec a, vec b) { return _mm512_div_pd(a, b); }
INLINE vec madd(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
INLINE vec nmadd(vec a, vec b, vec c) { return _mm512_fnmadd_pd(a, b, c); }
INLINE vec lesser(vec a, vec b) { return _mm512_min_pd(a, b); }
INLINE vec if_negative(vec z, vec a, vec b) { return _mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_castpd_si512(z)), b, a); }
INLINE ivec bits(vec v) { return _mm512_castpd_si512(v); }
INLINE vec from_bits(ivec i) { return _mm512_castsi512_pd(i); }
INLINE ivec splat_bits(uint64_t i) { return _mm512_set1_epi64((long long)i); }
INLINE ivec add_bits(ivec a, ivec b) { return _mm512_add_epi64(a, b); }
INLINE ivec sub_bits(ivec a, ivec b) { return _mm512_sub_epi64(a, b); }
INLINE ivec and_bits(ivec a, ivec b) { return _mm512_and_si512(a, b); }
INLINE ivec xor_bits(ivec a, ivec b) { return _mm512_xor_si512(a, b); }
INLINE ivec shift_left(ivec i) { return _mm512_slli_epi64(i, 52); }
INLINE ivec shift_right(ivec i) { return _mm512_srli_epi64(i, 52); }
INLINE single load_single(const float *p) { return _mm512_loadu_ps(p); }
INLINE void store_single(float *p, single v) { _mm512_storeu_ps(p, v); }
INLINE single splat_single(float x) { return _mm512_set1_ps(x); }
INLINE single add_product(single sum, single a, single b) { return _mm512_add_ps(sum, _mm512_mul_ps(a, b)); }

#elif defined(SIMD_AVX2)
#define LANES 4
#define SINGLES 8
typedef __m256d vec;
typedef __m256i ivec;
typedef __m256 single;
INLINE vec load(const double *p) { return _mm256_loadu_pd(p); }
INLINE void store(double *p, vec v) { _mm256_storeu_pd(p, v); }
INLINE vec splat(double x) { return _mm256_set1_pd(x); }
INLINE vec add(vec a, vec b) { return _mm256_add_pd(a, b); }
INLINE vec sub(vec a, vec b) { return _mm256_sub_pd(a, b); }
INLINE vec mul(vec a, vec b) { return _mm256_mul_pd(a, b); }
INLINE vec divide(vec a, vec b) { return _mm256_div_pd(a, b); }
INLINE vec madd(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
INLINE vec nmadd(vec a, vec b, vec c) { return _mm256_fnmadd_pd(a, b, c); }
INLINE vec lesser(vec a, vec b) { return _mm256_min_pd(a, b); }
INLINE vec if_negative(vec z, vec a, vec b) { return _mm256_blendv_pd(b, a, z); }
INLINE ivec bits(vec v) { return _mm256_castpd_si256(v); }
INLINE vec from_bits(ivec i) { return _mm256_castsi256_pd(i); }
INLINE ivec splat_bits(uint64_t i) { return _mm256_set1_epi64x((long long)i); }
INLINE ivec add_bits(ivec a, ivec b) { return _mm256_add_epi64(a, b); }
INLINE ivec sub_bits(ivec a, ivec b) { return _mm256_sub_epi64(a, b); }
INLINE ivec and_bits(ivec a, ivec b) { return _mm256_and_si256(a, b); }
INLINE ivec xor_bits(ivec a, ivec b) { return _mm256_xor_si256(a, b); }
INLINE ivec shift_left(ivec i) { return _mm256_slli_epi64(i, 52); }
INLINE ivec shift_right(ivec i) { return _mm256_srli_epi64(i, 52); }
INLINE single load_single(const float *p) { return _mm256_loadu_ps(p); }
INLINE void store_single(float *p, single v) { _mm256_storeu_ps(p, v); }
INLINE single splat_single(float x) { return _mm256_set1_ps(x); }
INLINE single add_product(single sum, single a, single b) { return _mm256_add_ps(sum, _mm256_mul_ps(a, b)); }

#elif defined(SIMD_SSE2)
#define LANES 2
#define SINGLES 4
typedef __m128d vec;
typedef __m128i ivec;
typedef __m128 single;
INLINE vec load(const double *p) { return _mm_loadu_pd(p); }
INLINE void store(double *p, vec v) { _mm_storeu_pd(p, v); }
INLINE vec splat(double x) { return _mm_set1_pd(x); }
INLINE vec add(vec a, vec b) { return _mm_add_pd(a, b); }
INLINE vec sub(vec a, vec b) { return _mm_sub_pd(a, b); }
INLINE vec mul(vec a, vec b) { return _mm_mul_pd(a, b); }
INLINE vec divide(vec a, vec b) { return _mm_div_pd(a, b); }
INLINE vec madd(vec a, vec b, vec c) { return _mm_add_pd(_mm_mul_pd(a, b), c); }
INLINE vec nmadd(vec a, vec b, vec c) { return _mm_sub_pd(c, _mm_mul_pd(a, b)); }
INLINE vec lesser(vec a, vec b) { return _mm_min_pd(a, b); }
INLINE vec if_negative(vec z, vec a, vec b) {
    const vec mask = _mm_cmplt_pd(z, _mm_setzero_pd());
    return _mm_or_pd(_mm_and_pd(mask, a), _mm_andnot_pd(mask, b));
}
INLINE ivec bits(vec v) { return _mm_castpd_si128(v); }
INLINE vec from_bits(ivec i) { return _mm_castsi128_pd(i); }
INLINE ivec splat_bits(uint64_t i) { return _mm_set1_epi64x((long long)i); }
INLINE ivec add_bits(ivec a, ivec b) { return _mm_add_epi64(a, b); }
INLINE ivec sub_bits(ivec a, ivec b) { return _mm_sub_epi64(a, b); }
INLINE ivec and_bits(ivec a, ivec b) { return _mm_and_si128(a, b); }
INLINE ivec xor_bits(ivec a, ivec b) { return _mm_xor_si128(a, b); }
INLINE ivec shift_left(ivec i) { return _mm_slli_epi64(i, 52); }
INLINE ivec shift_right(ivec i) { return _mm_srli_epi64(i, 52); }
INLINE single load_single(const float *p) { return _mm_loadu_ps(p); }
INLINE void store_single(float *p, single v) { _mm_storeu_ps(p, v); }
INLINE single splat_single(float x) { return _mm_set1_ps(x); }
INLINE single add_product(single sum, single a, single b) { return _mm_add_ps(sum, _mm_mul_ps(a, b)); }

#elif defined(SIMD_NEON)
#define LANES 2
#define SINGLES 4
typedef float64x2_t vec;
typedef uint64x2_t ivec;
typedef float32x4_t single;
INLINE vec load(const double *p) { return vld1q_f64(p); }
INLINE void store(double *p, vec v) { vst1q_f64(p, v); }
INLINE vec splat(double x) { return vdupq_n_f64(x); }
INLINE vec add(vec a, vec b) { return vaddq_f64(a, b); }
INLINE vec sub(vec a, vec b) { return vsubq_f64(a, b); }
INLINE vec mul(vec a, vec b) { return vmulq_f64(a, b); }
INLINE vec divide(vec a, vec b) { return vdivq_f64(a, b); }
INLINE vec madd(vec a, vec b, vec c) { return vfmaq_f64(c, a, b); }
INLINE vec nmadd(vec a, vec b, vec c) { return vfmsq_f64(c, a, b); }
INLINE vec lesser(vec a, vec b) { return vminq_f64(a, b); }
INLINE vec if_negative(vec z, vec a, vec b) { return vbslq_f64(vcltzq_f64(z), a, b); }
INLINE ivec bits(vec v) { return vreinterpretq_u64_f64(v); }
INLINE vec from_bits(ivec i) { return vreinterpretq_f64_u64(i); }
INLINE ivec splat_bits(uint64_t i) { return vdupq_n_u64(i); }
INLINE ivec add_bits(ivec a, ivec b) { return vaddq_u64(a, b); }
INLINE ivec sub_bits(ivec a, ivec b) { return vsubq_u64(a, b); }
INLINE ivec and_bits(ivec a, ivec b) { return vandq_u64(a, b); }
INLINE ivec xor_bits(ivec a, ivec b) { return veorq_u64(a, b); }
INLINE ivec shift_left(ivec i) { return vshlq_n_u64(i, 52); }
INLINE ivec shift_right(ivec i) { return vshrq_n_u64(i, 52); }
INLINE single load_single(const float *p) { return vld1q_f32(p); }
INLINE void store_single(float *p, single v) { vst1q_f32(p, v); }
INLINE single splat_single(float x) { return vdupq_n_f32(x); }
INLINE single add_product(single sum, single a, single b) { return vaddq_f32(sum, vmulq_f32(a, b)); }

#elif defined(SIMD_SCALAR)
#define LANES 1
#define SINGLES 1
typedef double vec;
typedef uint64_t ivec;
typedef float single;
INLINE vec load(const double *p) { return *p; }
INLINE void store(double *p, vec v) { *p = v; }
INLINE vec splat(double x) { return x; }
INLINE vec add(vec a, vec b) { return a + b; }
INLINE vec sub(vec a, vec b) { return a - b; }
INLINE vec mul(vec a, vec b) { return a * b; }
INLINE vec divide(vec a, vec b) { return a / b; }
INLINE vec madd(vec a, vec b, vec c) { return a * b + c; }
INLINE vec nmadd(vec a, vec b, vec c) { return c - a * b; }
INLINE vec lesser(vec a, vec b) { return a < b ? a : b; }
INLINE vec if_negative(vec z, vec a, vec b) { return z < 0 ? a : b; }
INLINE ivec bits(vec v) { ivec i; memcpy(&i, &v, sizeof i); return i; }
INLINE vec from_bits(ivec i) { vec v; memcpy(&v, &i, sizeof v); return v; }
INLINE ivec splat_bits(uint64_t i) { return i; }
INLINE ivec add_bits(ivec a, ivec b) { return a + b; }
INLINE ivec sub_bits(ivec a, ivec b) { return a - b; }
INLINE ivec and_bits(ivec a, ivec b) { return a & b; }
INLINE ivec xor_bits(ivec a, ivec b) { return a ^ b; }
INLINE ivec shift_left(ivec i) { return i << 52; }
INLINE ivec shift_right(ivec i) { return i >> 52; }
INLINE single load_single(const float *p) { return *p; }
INLINE void store_single(float *p, single v) { *p = v; }
INLINE single splat_single(float x) { return x; }
INLINE single add_product(single sum, single a, single b) { return sum + a * b; }

#else
#error "no width: this file is for those in widths/"
#endif

#define PARTS (STRIP / LANES) /* registers that hold the lanes of a sum */
_Static_assert(PARTS * LANES == STRIP, "registers have to divide the lanes of a sum");

INLINE vec zero(void) { return splat(0.0); }
INLINE vec negate(vec v) { return from_bits(xor_bits(bits(v), splat_bits(UINT64_C(0x8000000000000000)))); }
INLINE vec absolute(vec v) { return from_bits(and_bits(bits(v), splat_bits(UINT64_C(0x7fffffffffffffff)))); }
INLINE void accumulate(double *to, vec value) { store(to, add(load(to), value)); }

/* The sum of all lanes: halves are folded until one lane is left. */
INLINE double sum(const vec parts[PARTS]) {
    double v[STRIP];
    for (int part = 0; part < PARTS; part++) store(v + part * LANES, parts[part]);
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}
_Static_assert(STRIP == 8, "`sum` is written for eight lanes");

/* The same a * b + c for one number as for the lanes of a register. */
#if defined(SIMD_AVX512) || defined(SIMD_AVX2)
INLINE double madd_one(double a, double b, double c) {
    return _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(c)));
}
#elif defined(SIMD_NEON)
INLINE double madd_one(double a, double b, double c) { return vget_lane_f64(vfma_f64(vdup_n_f64(c), vdup_n_f64(a), vdup_n_f64(b)), 0); }
#else
INLINE double madd_one(double a, double b, double c) { return a * b + c; }
#endif

/* exp(-a) for a >= 0 (beyond 708: exp(-708)), relative error below 1e-15.
 *
 * -a = k log(2) - r with an integer k and |r| <= log(2) / 2; exp(-r) is its Taylor polynomial of degree 12, in even and
 * odd powers, and k is added to the exponent. */
INLINE vec exp_minus(vec a) {
    const vec round = splat(6755399441055744.0); /* 1.5 * 2^52: adding it leaves an integer in the low bits */
    const vec bounded = lesser(splat(708.0), a);
    const vec shifted = nmadd(bounded, splat(1.4426950408889634), round), k = sub(shifted, round);
    /* log(2) in two parts, the first of which has so few bits that its products with k are exact */
    const vec r = madd(k, splat(1.90821492927058770002e-10), madd(k, splat(6.93147180369123816490e-01), bounded));
    const vec r2 = mul(r, r);
    vec even = madd(splat(1.0 / 479001600.0), r2, splat(1.0 / 3628800.0));
    vec odd = madd(splat(1.0 / 39916800.0), r2, splat(1.0 / 362880.0));
    even = madd(even, r2, splat(1.0 / 40320.0));
    odd = madd(odd, r2, splat(1.0 / 5040.0));
    even = madd(even, r2, splat(1.0 / 720.0));
    odd = madd(odd, r2, splat(1.0 / 120.0));
    even = madd(even, r2, splat(1.0 / 24.0));
    odd = madd(odd, r2, splat(1.0 / 6.0));
    even = madd(even, r2, splat(0.5));
    odd = madd(odd, r2, splat(1.0));
    even = madd(even, r2, splat(1.0));
    return from_bits(add_bits(bits(nmadd(odd, r, even)), shift_left(bits(shifted))));
}

/* A product of many factors from [1, 2], as mantissas and exponents, so that its logarithm costs one log per lane. */
typedef struct {
    vec mantissa;
    ivec exponent;
} Product;

INLINE Product one(void) {
    Product product;
    product.mantissa = splat(1.0);
    product.exponent = splat_bits(0);
    return product;
}

/* To be called at least after every thousand factors (the exponent of a double ends at 1023). */
INLINE void normalise(Product *product) {
    const ivec b = bits(product->mantissa), fraction = splat_bits(UINT64_C(0x000fffffffffffff));
    product->exponent = add_bits(product->exponent, sub_bits(shift_right(b), splat_bits(1023)));
    product->mantissa = from_bits(xor_bits(and_bits(b, fraction), bits(splat(1.0)))); /* with the exponent of 1 */
}
_Static_assert(CHUNK <= 1000, "a product of CHUNK factors from [1, 2] must not overflow");

#endif
