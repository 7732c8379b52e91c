/* Which of the kernels this machine can run. */
#ifndef SUPERDSM_CPU_H
#define SUPERDSM_CPU_H

#include "kernels.h"

#if defined(MACHINE_X86)
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static void cpuid(int leaf, uint32_t out[4]) { __cpuidex((int *)out, leaf, 0); }
static uint32_t saved_registers(void) { return (uint32_t)_xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(int leaf, uint32_t out[4]) { __cpuid_count(leaf, 0, out[0], out[1], out[2], out[3]); }
static uint32_t saved_registers(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

#define BIT(i) (UINT32_C(1) << (i))
#define HAS(bits, wanted) (((bits) & (wanted)) == (wanted))

/* Whether the processor has these features (of leaf 7, EBX), and the system saves the registers (XCR0) that they use.
 * Not by the compiler's own function for it: not all compilers that have one make it work. */
static int has_features(uint32_t wanted, uint32_t saved) {
    const uint32_t fma_osxsave_avx = BIT(12) | BIT(27) | BIT(28);
    uint32_t leaf[4];
    cpuid(0, leaf);
    if (leaf[0] < 7) return 0;
    cpuid(1, leaf);
    if (!HAS(leaf[2], fma_osxsave_avx) || !HAS(saved_registers(), saved)) return 0;
    cpuid(7, leaf);
    return HAS(leaf[1], wanted);
}

/* BMI1, AVX2, BMI2; and of AVX-512 F, DQ, CD, BW, VL. */
#define AVX2_BITS (BIT(3) | BIT(5) | BIT(8))
#define AVX512_BITS (AVX2_BITS | BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31))
static int has_avx2(void) { return has_features(AVX2_BITS, 0x6); }
static int has_avx512(void) { return has_features(AVX512_BITS, 0xe6); }
#endif

#define MAX_TABLES 4

/* The tables of kernels that this machine can run, the fastest first; returns how many. */
static int supported_kernels(const Kernels *tables[MAX_TABLES]) {
    int n = 0;
#if defined(MACHINE_X86)
    if (has_avx512()) tables[n++] = &kernels_avx512;
    if (has_avx2()) tables[n++] = &kernels_avx2;
    tables[n++] = &kernels_sse2;
#elif defined(MACHINE_ARM64)
    tables[n++] = &kernels_neon;
#endif
    tables[n++] = &kernels_scalar;
    return n;
}

#endif
