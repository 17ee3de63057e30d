"""What this processor can do at most: multiply-adds a second, and bytes a second from its caches.

Every loop here does nothing else, so no network can be faster. They are compiled on the spot, with
`zig` where its package is installed and with the system's compiler elsewhere.
"""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

SOURCE = r"""
#if defined(__AVX512BF16__) || defined(__AVX512VNNI__)
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__) && defined(__linux__)
#define TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif
typedef float v __attribute__((vector_size(64)));

float float32(long rounds)
{
    v a[16], x = (v){0} + 0.999f, y = (v){0} + 1e-9f;
    for (int i = 0; i < 16; i++) a[i] = (v){0} + (float)i;
    for (long k = 0; k < rounds; k++)
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) a[i] = a[i] * x + y;
    float s = 0;
    for (int i = 0; i < 16; i++) s += a[i][0];
    return s;
}

#ifdef TILES
/* As many operations as the vectors below: a product of 16 x 32 by 32 x 16 is 16 of their turns. */
static int tiles(long rounds)
{
    struct { unsigned char palette, start, reserved[14]; unsigned short bytes[16];
             unsigned char rows[16]; } shape = {.palette = 1};
    /* ARCH_REQ_XCOMP_PERM, of tile data: Linux has to let a program use them. */
    if (syscall(SYS_arch_prctl, 0x1023, 18)) return 0;
    for (int i = 0; i < 8; i++) shape.bytes[i] = 64, shape.rows[i] = 16;
    _tile_loadconfig(&shape);
    for (long k = 0; k < rounds / 128; k++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 1;
}
#endif

float bfloat16(long rounds)
{
#ifdef TILES
    if (tiles(rounds)) return 0.0f;
#endif
#ifdef __AVX512BF16__
    __m512 a[16];
    __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f003e80);
    __m512bh y = (__m512bh)_mm512_set1_epi32(0x3e003d80);
    for (int i = 0; i < 16; i++) a[i] = _mm512_set1_ps((float)i);
    for (long k = 0; k < rounds; k++)
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) a[i] = _mm512_dpbf16_ps(a[i], x, y);
    float s = 0;
    for (int i = 0; i < 16; i++) s += _mm512_reduce_add_ps(a[i]);
    return s;
#else
    return rounds ? -1.0f : 0.0f;
#endif
}

float int8(long rounds)
{
#ifdef __AVX512VNNI__
    __m512i a[16], x = _mm512_set1_epi32(0x01020304), y = _mm512_set1_epi32(0x7f010203);
    for (int i = 0; i < 16; i++) a[i] = _mm512_set1_epi32(i);
    for (long k = 0; k < rounds; k++) {
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++)
            a[i] = _mm512_dpbusd_epi32(a[i], x, y);
        __asm__ volatile("" : "+v"(x));
    }
    float s = 0;
    for (int i = 0; i < 16; i++) s += (float)_mm512_reduce_add_epi32(a[i]);
    return s;
#else
    return rounds ? -1.0f : 0.0f;
#endif
}

/* Read `count` vectors `rounds` times. */
float reading(const v *from, long count, long rounds)
{
    v a[8];
    for (int i = 0; i < 8; i++) a[i] = (v){0};
    for (long k = 0; k < rounds; k++) {
        for (long n = 0; n + 8 <= count; n += 8)
            _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) a[i] += from[n + i];
        __asm__ volatile("" : : : "memory");
    }
    float s = 0;
    for (int i = 0; i < 8; i++) s += a[i][0];
    return s;
}
"""
# Multiply-adds of one turn of a loop: 16 vectors of 64 bytes, times two operations.
OPERATIONS = {"float32": 16 * 16 * 2, "bfloat16": 16 * 32 * 2, "int8": 16 * 64 * 2}


def compiled(source: Path, folder: Path, name: str) -> Path | None:
    """Compile one C file for this machine; None without a compiler."""
    if importlib.util.find_spec("ziglang"):
        compiler = [sys.executable, "-m", "ziglang", "cc"]
    else:
        found = shutil.which("gcc") or shutil.which("clang")
        if found is None:
            return None
        compiler = [found]
    library = folder / f"{name}.so"
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-pthread"]
    # For some processors compilers prefer shorter vectors, which are no limit.
    if platform.machine().lower() in ("x86_64", "amd64"):
        flags.append("-mprefer-vector-width=512")
    subprocess.run([*compiler, *flags, str(source), "-o", str(library), "-lm"], check=True)
    return library


def build(folder: Path) -> Path | None:
    """Compile the loops into a folder; None without a compiler."""
    source = folder / "peaks.c"
    source.write_text(SOURCE)
    return compiled(source, folder, "peaks")


class Peaks:
    """One core's limits. A contestant: every method returns one number."""

    def __init__(self, *, library: str, threads: int = 1) -> None:
        self.threads = threads
        self.functions = ctypes.CDLL(library)
        for name in OPERATIONS:
            function = getattr(self.functions, name)
            function.argtypes, function.restype = [ctypes.c_long], ctypes.c_float
        self.functions.reading.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long]
        self.functions.reading.restype = ctypes.c_float

    def multiply_adds(self, kind: str, seconds: float) -> float:
        """Return the GFLOP/s of a loop of multiply-adds in `float32`, `bfloat16` or `int8`.

        Raises `ValueError` where the processor has no such instruction.
        """
        function, rounds, best = getattr(self.functions, kind), 1_000_000, 0.0
        if function(1) == -1.0:
            raise ValueError(f"this processor multiplies no {kind} in one instruction.")
        end = time.process_time() + seconds
        while time.process_time() < end:
            start = time.process_time()
            function(rounds)
            best = max(best, rounds * OPERATIONS[kind] / (time.process_time() - start) / 1e9)
        return best

    def reading(self, size: int, seconds: float) -> float:
        """Return the GB/s at which `size` bytes are read over and over: they lie in some cache."""
        vectors = max(8, size // 64 // 8 * 8)
        memory = ctypes.create_string_buffer(vectors * 64 + 64)
        address = -(-ctypes.addressof(memory) // 64) * 64
        # Memory that nobody has written is one page of zeros.
        ctypes.memset(address, 1, vectors * 64)
        rounds, best = max(1, 100_000_000 // (vectors * 64)), 0.0
        self.functions.reading(address, vectors, 1)
        end = time.process_time() + seconds
        while time.process_time() < end:
            start = time.process_time()
            self.functions.reading(address, vectors, rounds)
            best = max(best, rounds * vectors * 64 / (time.process_time() - start) / 1e9)
        return best
