"""A piano-like sound for any piece, by adding up decaying partials.

Each note is a sum of slightly sharpened partials (a stiff string's, f_n = n f sqrt(1 + B n^2);
Fletcher, Blackham and Stratton 1962) that fade the faster the higher they are, first quickly and
then slowly, with the knock of a hammer at the beginning. Low notes sound from the left, high ones
from the right, and a short room answers. Nothing is sampled from an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ResourceError
from recurra.core.notes import Piece

RATE = 44_100
LONGEST_S = 1800.0
"""A longer piece is refused: half an hour takes 600 MB while it is made."""
TONE_S = 6.0
"""Longest sound of one note; by then it has faded."""
RELEASE_S = 0.12
PARTIALS = 14
TAIL_S = 1.2

Audio = NDArray[np.float32]
Progress = Callable[[int, int], None]


def render(piece: Piece, *, rate: int = RATE, progress: Progress | None = None) -> Audio:
    """Return the piece as stereo sound, [samples, 2] from -1 to 1.

    Args:
        rate: samples a second.
        progress: called with notes done and in all.
    Raises:
        ResourceError: it is longer than half an hour.
    """
    seconds = piece.duration_s
    if seconds > LONGEST_S:
        raise ResourceError(
            f"the piece lasts {seconds / 60:.0f} minutes, but at most {LONGEST_S / 60:.0f} are "
            "rendered as sound; cut it, or write MIDI."
        )
    total = int((seconds + TAIL_S) * rate) + rate // 2
    sound = np.zeros((total, 2), np.float32)
    notes = piece.cleaned().in_seconds()
    longest: dict[int, float] = {}
    for start, end, pitch, _ in notes:
        longest[pitch] = max(longest.get(pitch, 0.0), end - start + RELEASE_S)
    for n, (start, end, pitch, velocity) in enumerate(notes, 1):
        # Half seconds, so that pieces share their tones.
        tone = _tone(pitch, rate, min(TONE_S, math.ceil(2 * longest[pitch]) / 2))
        held = int((end - start) * rate)
        release = int(RELEASE_S * rate)
        count = min(len(tone), held + release, total - int(start * rate))
        part = tone[:count] * np.float32((velocity / 127.0) ** 1.6)
        fade = part[held:]
        part[held:] = fade * np.linspace(1.0, 0.0, release, dtype=np.float32)[: len(fade)] ** 2
        # Equal power between the ears, a little apart.
        angle = (0.5 + 0.35 * (pitch - 64) / 44.0) * np.pi / 2
        at = int(start * rate)
        sound[at : at + count, 0] += part * np.float32(np.cos(np.clip(angle, 0.2, 1.37)))
        sound[at : at + count, 1] += part * np.float32(np.sin(np.clip(angle, 0.2, 1.37)))
        if progress is not None and (n % 64 == 0 or n == len(notes)):
            progress(n, len(notes))
    return _levelled(sound + _room(sound, rate))


@lru_cache(maxsize=128)
def _tone(pitch: int, rate: int, seconds: float) -> NDArray[np.float32]:
    """Return one note at full strength, as it sounds while it is held."""
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12.0)
    time = np.arange(int(seconds * rate), dtype=np.float64) / rate
    stiffness = 1.2e-4 * 2.0 ** ((pitch - 48) / 14.0)
    # How long the lowest partial takes to fall to 1/e: seconds in the bass, a fraction on top.
    fade = 2.6 * 2.0 ** (-(pitch - 48) / 17.0)
    tone = np.zeros(len(time))
    for n in range(1, PARTIALS + 1):
        partial = n * frequency * np.sqrt(1.0 + stiffness * n * n)
        if partial > 0.45 * rate:
            break
        strength = n**-1.35 * (0.55 if n % 7 == 0 else 1.0)  # a hammer at a seventh of the string
        slow = fade / n**0.75
        envelope = 0.75 * np.exp(-time / (0.22 * slow)) + 0.25 * np.exp(-time / slow)
        tone += strength * envelope * np.sin(2 * np.pi * partial * time + 0.7 * n)
    noise = np.random.Generator(np.random.Philox(pitch)).standard_normal(len(time))
    knock = np.convolve(noise[: rate // 20], np.ones(12) / 12, "same")
    tone[: len(knock)] += 0.12 * knock * np.exp(-time[: len(knock)] / 0.008)
    rise = int(0.003 * rate)
    tone[:rise] *= np.linspace(0.0, 1.0, rise)
    # Equal loudness by ear: the bass carries more power.
    loudness = 2.0 ** (-(pitch - 60) / 60.0)
    return np.asarray(0.25 * loudness * tone, np.float32)


def _room(sound: Audio, rate: int) -> Audio:
    """Return what a small room answers: noise that fades, met by the sound (block by block)."""
    size = int(TAIL_S * rate)
    time = np.arange(size) / rate
    found = np.zeros_like(sound)
    block = 1 << 17
    width = 1 << int(np.ceil(np.log2(block + size)))
    for ear in range(2):
        noise = np.random.Generator(np.random.Philox(ear)).standard_normal(size)
        # High sounds are swallowed first: a running mean that grows with time would be dearer.
        smooth = np.convolve(noise, np.ones(6) / 6, "same")
        answer = np.fft.rfft(0.010 * smooth * np.exp(-time / 0.28) * (time > 0.012), width)
        for first in range(0, len(sound), block):
            part = np.fft.irfft(np.fft.rfft(sound[first : first + block, ear], width) * answer)
            room = min(width, len(sound) - first)
            found[first : first + room, ear] += part[:room].astype(np.float32)
    return found


def _levelled(sound: Audio) -> Audio:
    """Return the sound at a level that never clips, peaks at 0.9."""
    peak = float(np.abs(sound).max(initial=0.0))
    return sound if peak < 1e-6 else (sound * np.float32(0.9 / peak)).astype(np.float32)
