"""What the studio leaves alone: code of a place that is not used, and what stands on the screen."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.studio.screens import Desk, built, desk, page
from tests.browser.studio.test_train import TINY, corpus_id, setup, status

__all__ = ["built", "desk", "page"]  # fixtures

SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => window.shifts.push(
  ...list.getEntries().filter(one => !one.hadRecentInput).map(one => ({
    value: one.value,
    what: one.sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? ''),
  }))
)).observe({ type: 'layout-shift', buffered: false });
"""


def test_nothing_moves_while_a_training_streams(page: Any, desk: Desk) -> None:
    page.set_viewport_size({"width": 1280, "height": 2400})  # only what is seen counts
    page.add_init_script(SHIFTS)
    setup(page, desk, {**TINY, "steps": "400"}, corpus=corpus_id(desk))
    page.get_by_role("button", name="Start training").click()
    page.locator(".plot canvas").wait_for()
    page.get_by_label("Sample at temperature 0", exact=True).wait_for()
    page.evaluate("window.shifts.length = 0")
    status(page, "Finished")
    shifts = page.evaluate("window.shifts")
    assert sum(one["value"] for one in shifts) < 0.01, shifts

    # The curve tells what lies under the pointer, and forgets it again.
    where = page.locator(".legend .where")
    page.locator(".plot canvas").hover()
    expect(where).to_have_text(re.compile(r"^at [\d.]+$"))
    page.get_by_role("heading").first.hover()
    expect(where).not_to_contain_text("at")


def test_this_computer_loads_nothing_of_the_place_in_the_browser(page: Any, desk: Desk) -> None:
    loaded: list[str] = []
    page.on("response", lambda response: loaded.append(response.url.rpartition("/")[2]))
    for screen in ("corpus", "train", "write", "inside"):
        page.goto(desk.address(screen))
        page.reload()
        page.get_by_role("heading", level=1).wait_for()
    assert any(name.startswith("computer-") for name in loaded)
    alone = r"(alone|shared|worker)-|.*\.worker-|.*\.wasm"
    wrong = [name for name in loaded if re.match(alone, name)]
    assert not wrong
    page.get_by_role("button", name="This browser").click()
    expect(page.get_by_role("button", name="This browser")).to_have_attribute(
        "aria-pressed", "true"
    )
    for part in ("alone-", "shared-"):
        assert any(name.startswith(part) for name in loaded), part
