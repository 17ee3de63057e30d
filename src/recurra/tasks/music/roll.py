"""The piano roll of a piece, as SVG, and as PNG where Matplotlib is installed."""

from __future__ import annotations

import io
from html import escape

from recurra.core.errors import ResourceError
from recurra.core.notes import Note, Piece, pitch_name

ROW = 7
LEFT, TOP, BOTTOM = 44, 26, 24
COLOURS = ("#1f6f8b", "#c8553d", "#5b8c5a", "#8a5a9e", "#b8860b", "#4a5a8c")
MOST_NOTES = 50_000
NEEDS_MATPLOTLIB = ".png needs Matplotlib: pip install 'recurra[plots]', or write .svg."
_BLACK = {1, 3, 6, 8, 10}


def _extent(piece: Piece) -> tuple[int, int]:
    pitches = [note.pitch for note in piece.notes] or [60]
    return max(0, min(pitches) - 2), min(127, max(pitches) + 2)


def _colour(note: Note) -> str:
    return COLOURS[note.voice % len(COLOURS)]


def roll_svg(piece: Piece, *, width: int = 1000) -> str:
    """Return the roll as one SVG document: time to the right, pitch upwards, a line a bar.

    Raises:
        ResourceError: it has more notes than a picture can show.
    """
    _check(piece)
    low, high = _extent(piece)
    height = TOP + (high - low + 1) * ROW + BOTTOM
    scale = (width - LEFT - 10) / max(1, piece.length)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{escape(piece.name or 'Piano roll')}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="17" fill="#222">{escape(piece.name)}</text>',
    ]
    for pitch in range(low, high + 1):
        y = TOP + (high - pitch) * ROW
        if pitch % 12 in _BLACK:
            drawn.append(f'<rect x="{LEFT}" y="{y}" width="{width - LEFT - 10}" height="{ROW}" '
                         'fill="#f1f1f1"/>')  # fmt: skip
        if pitch % 12 == 0:
            drawn.append(f'<text x="{LEFT - 6}" y="{y + ROW}" text-anchor="end" fill="#555">'
                         f"{pitch_name(pitch)}</text>")  # fmt: skip
    bars = range(0, piece.length + 1, piece.bar)
    every = max(1, len(bars) // 16)
    for number, tick in enumerate(bars):
        x = LEFT + tick * scale
        drawn.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - BOTTOM}" '
                     'stroke="#d0d0d0"/>')  # fmt: skip
        if number % every == 0 and tick < piece.length:
            drawn.append(f'<text x="{x + 2:.1f}" y="{height - 8}" fill="#555">{number + 1}</text>')
    for note in piece.notes:
        x, w = LEFT + note.start * scale, max(1.0, (note.end - note.start) * scale - 0.6)
        y = TOP + (high - note.pitch) * ROW
        shade = 0.45 + note.velocity / 231
        drawn.append(
            f'<rect x="{x:.1f}" y="{y}" width="{w:.1f}" height="{ROW - 1}" rx="1.5" '
            f'fill="{_colour(note)}" fill-opacity="{shade:.2f}"/>'
        )
    return "\n".join([*drawn, "</svg>", ""])


def roll_png(piece: Piece) -> bytes:
    """Return the roll as PNG.

    Raises:
        ResourceError: Matplotlib is not installed, or the piece has too many notes.
    """
    _check(piece)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import PatchCollection
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ImportError:
        raise ResourceError(NEEDS_MATPLOTLIB) from None
    low, high = _extent(piece)
    figure = Figure(
        figsize=(10, max(2.5, 0.075 * (high - low) + 0.9)), dpi=120, layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bar = piece.bar
    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f1f1f1", zorder=0, linewidth=0)
    boxes = [
        Rectangle((1 + n.start / bar, n.pitch - 0.45), (n.end - n.start) / bar * 0.97, 0.9)
        for n in piece.notes
    ]
    shades = [(*_rgb(_colour(n)), 0.45 + n.velocity / 231) for n in piece.notes]
    axes.add_collection(PatchCollection(boxes, facecolors=shades, linewidths=0))
    axes.set_xlim(1, 1 + max(1, piece.length) / bar)
    axes.set_ylim(low - 0.5, high + 0.5)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axes.set_yticks(octaves, [pitch_name(pitch) for pitch in octaves])
    axes.set_xlabel("bar")
    axes.set_title(piece.name.replace("$", r"\$")[:80], fontsize=10, loc="left")
    axes.grid(axis="x", color="#d0d0d0", linewidth=0.6)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))


def _check(piece: Piece) -> None:
    if len(piece.notes) > MOST_NOTES:
        raise ResourceError(
            f"the piece has {len(piece.notes):,} notes, more than the {MOST_NOTES:,} that a "
            "picture can show; cut it."
        )
