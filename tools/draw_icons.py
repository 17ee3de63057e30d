"""Draw the web app's icons: one SVG, and PNGs of it by Chromium.

python tools/draw_icons.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "web" / "studio" / "public" / "icons"
ACCENT = "#0b6b66"
MARK = (
    '<path d="M4 17c0-12 9-12 9-4s9 8 9-4" fill="none" stroke="#fff" stroke-width="2.4" '
    'stroke-linecap="round"/><circle cx="4" cy="17" r="2.4" fill="#fff"/>'
    '<circle cx="22" cy="9" r="2.4" fill="#fff"/>'
)


def svg(size: int, *, share: float, radius: float) -> str:
    """Return the mark, over a share of a square with round corners."""
    scale = share * size / 26
    inset = (size - 26 * scale) / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" '
        f'height="{size}"><rect width="{size}" height="{size}" rx="{radius * size:g}" '
        f'fill="{ACCENT}"/><g transform="translate({inset:g} {inset:g}) scale({scale:g})">{MARK}'
        "</g></svg>\n"
    )


def main() -> None:
    """Write the files."""
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "icon.svg").write_text(svg(64, share=0.72, radius=0.22), encoding="utf-8")
    # A maskable icon fills its square, and a system may cut all but the inner 80 % away.
    pictures = {
        "icon-192.png": (192, 0.72, 0.22),
        "icon-512.png": (512, 0.72, 0.22),
        "icon-maskable-512.png": (512, 0.58, 0.0),
    }
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (size, share, radius) in pictures.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                "<style>*{margin:0}svg{display:block}</style>"
                + svg(size, share=share, radius=radius)
            )
            page.screenshot(path=FOLDER / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
