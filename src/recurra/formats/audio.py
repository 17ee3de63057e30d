"""Sound files: `.wav` by the standard library, `.ogg` and `.flac` by soundfile, if it is here."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import FormatError, ResourceError


def write_wav(sound: NDArray[np.floating[Any]], rate: int) -> bytes:
    """Return 16-bit PCM of sound [samples, channels] from -1 to 1; what is beyond is clipped."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        clipped = np.clip(np.nan_to_num(sound), -1.0, 1.0)
        file.writeframes((clipped * 32767.0).astype("<i2").tobytes())
    return buffer.getvalue()


def encoder(kind: str) -> Any:
    """Return the library that writes "ogg" and "flac". Raises `ResourceError`: it is not here."""
    try:
        import soundfile
    except (ImportError, OSError):
        raise ResourceError(
            f".{kind} needs the package soundfile: pip install 'recurra[music]', or write .wav."
        ) from None
    return soundfile


def write_compressed(sound: NDArray[np.floating[Any]], rate: int, kind: str) -> bytes:
    """Return sound as Ogg Vorbis ("ogg") or FLAC ("flac").

    Raises:
        ResourceError: soundfile is not installed.
        FormatError: the library refuses.
    """
    soundfile = encoder(kind)
    buffer = io.BytesIO()
    subtype = "VORBIS" if kind == "ogg" else "PCM_16"
    try:
        with soundfile.SoundFile(
            buffer,
            "w",
            rate,
            sound.shape[1],
            subtype,
            format=kind.upper(),
            compression_level=0.85 if kind == "ogg" else None,
        ) as file:
            # In blocks: the encoder's stack overflows on long sounds in one piece.
            for first in range(0, len(sound), 1 << 16):
                file.write(sound[first : first + (1 << 16)])
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise FormatError(f"the sound could not be written as .{kind}: {error}.") from None
    return buffer.getvalue()
