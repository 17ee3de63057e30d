/* Which of the builds this processor can run. Compiled for the oldest one, and asked first. */
#include "recurra.h"

#if defined(__x86_64__)

typedef struct { uint32_t a, b, c, d; } Answer;

static Answer ask(uint32_t leaf, uint32_t part)
{
    Answer r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(part));
    return r;
}

/* Whether the system lets this process use tiles. Linux wants to be asked, once a process and before
 * its threads start: their saved state is eight kilobytes larger then. */
static int tiles_granted(void)
{
#if defined(__linux__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(158L /* arch_prctl */), "D"(0x1023L /* ARCH_REQ_XCOMP_PERM */),
                       "S"(18L /* tile data */)
                     : "rcx", "r11", "memory");
    return result == 0;
#else
    return 0;
#endif
}

int64_t recurra_processor(void)
{
    int64_t found = 0;
    Answer one = ask(1, 0);
    /* FMA, MOVBE, OSXSAVE, AVX, F16C of leaf 1; then what the system saves on a switch. */
    uint32_t wanted = 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29;
    if (ask(0, 0).a < 7 || (one.c & wanted) != wanted) return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    Answer seven = ask(7, 0);
    uint32_t avx2 = 1u << 3 | 1u << 5 | 1u << 8; /* BMI1, AVX2, BMI2 */
    if ((low & 6) != 6 || (seven.b & avx2) != avx2) return 0;
    found |= 1;
    uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F DQ CD BW VL */
    if ((low & 0xe6) != 0xe6 || (seven.b & avx512) != avx512) return found;
    found |= 2;
    if (seven.a >= 1 && (ask(7, 1).a & 1u << 5)) found |= 4;
    if (seven.c & 1u << 11) found |= 8;
    Answer name = ask(0, 0);
    int amd = name.b == 0x68747541 && name.d == 0x69746e65 && name.c == 0x444d4163;
    if ((found & 4) && amd) found |= 64;
    uint32_t amx = 1u << 22 | 1u << 24; /* BF16, tiles; and both states of them are saved */
    if ((seven.d & amx) != amx || (low & 0x60000) != 0x60000) return found;
    return found | 16 | (tiles_granted() ? 32 : 0);
}

#else

int64_t recurra_processor(void) { return 0; }

#endif
