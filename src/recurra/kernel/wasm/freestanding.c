/* What a compiler takes from the C library without being asked, for WebAssembly has none. */
#include <stddef.h>

/* With bulk memory each is one instruction. */
void *memcpy(void *to, const void *from, size_t count) { return __builtin_memcpy(to, from, count); }

void *memmove(void *to, const void *from, size_t count)
{
    return __builtin_memmove(to, from, count);
}

void *memset(void *to, int value, size_t count) { return __builtin_memset(to, value, count); }
