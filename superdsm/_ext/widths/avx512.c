/* AVX-512 (of x86-64-v4): registers of eight doubles. */
#include "kernels.h"

#ifdef MACHINE_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi,bmi2,lzcnt,popcnt")
#endif
#define SIMD_AVX512
#include "widths/table.h"

const Kernels kernels_avx512 = TABLE("avx512");

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
