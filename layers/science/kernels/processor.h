/*
 * What the processor can do beyond what all of them can.
 *
 * Kernels are compiled for any processor; one that has a second version of a loop for a better
 * processor asks here. Both versions give the same bits.
 */

#ifndef IONBOX_PROCESSOR_H
#define IONBOX_PROCESSOR_H

#include <stdbool.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#define HAS_WIDE
#define WIDE __attribute__((target("avx2")))
#define WIDE_FUSED __attribute__((target("avx2,fma")))

/*
 * Say whether the processor has AVX2 and, if `fused`, multiplies and adds in one, and the operating
 * system keeps its registers. Compilers have a question for it, which clang answers by a library
 * that not every build of it has.
 */
static inline bool is_wide(bool fused)
{
    enum { AVX2 = 1 << 5, OSXSAVE = 1 << 27, FMA = 1 << 12, REGISTERS = 6 };
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & OSXSAVE) || (fused && !(ecx & FMA))) {
        return false;
    }
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & AVX2)) {
        return false;
    }
    __asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return (eax & REGISTERS) == REGISTERS;
}
#endif

#endif
