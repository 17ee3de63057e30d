"""Draw what a character costs against the batch, from bench/out/kernel.json.

    python tools/plot_cost.py [--out bench/out] [--image docs/images/cost.png]

A line a network: filled marks are measured, dashes are the least that the processor allows. Made
for light and dark pages alike: the ground is transparent and the ink is grey.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
INK = "#808890"
# Told apart by hue and by lightness, on black and on white.
COLOURS = ("#3b8fd6", "#2aa198", "#8aa62b", "#d98c1f", "#d9534f")
TITLES = {"learn": "Learning", "write": "Writing"}


def draw(costs: list[dict], image: Path) -> None:
    """Draw both kinds of work side by side on logarithmic axes."""
    works = list(dict.fromkeys(row["work"] for row in costs))
    figure, places = plt.subplots(1, len(works), figsize=(10, 4.4), sharey=True)
    for axes, work in zip(places, works, strict=True):
        sizes = sorted({row["units"] for row in costs})
        for colour, units in zip(COLOURS, sizes, strict=False):
            rows = [row for row in costs if (row["work"], row["units"]) == (work, units)]
            batches = [row["batch"] for row in rows]
            axes.plot(batches, [row["predicted_us"] for row in rows], "--", color=colour, lw=1.2)
            measured = [row["measured_us"] for row in rows]
            axes.plot(batches, measured, "o-", color=colour, lw=2, ms=5, label=f"2×{units}")
        axes.set(xscale="log", yscale="log", xlabel="sequences side by side")
        axes.set_xticks(batches, map(str, batches))
        axes.minorticks_off()
        axes.set_title(f"{TITLES[work]}, one thread, float32", color=INK, fontsize=11)
        axes.grid(color=INK, alpha=0.25, lw=0.6)
        axes.tick_params(colors=INK)
        axes.xaxis.label.set_color(INK)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(INK)
    places[0].set_ylabel("µs a character", color=INK)
    handles, labels = places[0].get_legend_handles_labels()
    handles.append(plt.Line2D([], [], color=INK, ls="--", lw=1.2))
    figure.legend(
        handles, [*labels, "least possible"], loc="lower center", ncols=len(handles),
        frameon=False, labelcolor=INK,
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(image, dpi=110, transparent=True)


def main() -> None:
    """Draw the picture of the documentation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out")
    parser.add_argument("--image", type=Path, default=ROOT / "docs" / "images" / "cost.png")
    asked = parser.parse_args()
    path = asked.out / "kernel.json"
    if not path.is_file():
        raise SystemExit(f"{path} is not there; run: python bench/kernel.py")
    costs = json.loads(path.read_text("utf-8")).get("cost")
    if not costs:
        raise SystemExit(f"{path} has no costs; run: python bench/kernel.py --only cost")
    draw(costs, asked.image)
    print(f"drawn: {asked.image}")


if __name__ == "__main__":
    main()
