"""Forecast, Sequences and Classify, as a person uses them: bring, train, ask, look."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from recurra.studio.kinds.base import EXAMPLES
from recurra.tasks.series.numbers.families import FAMILIES
from recurra.tasks.series.options import ColumnOptions
from recurra.tasks.series.read import read_panel
from tests.browser.studio.screens import (
    PATIENCE_MS,
    Desk,
    built,
    check_access,
    check_both,
    desk,
    page,
)
from tests.browser.test_forecast_node import trained
from tests.shelving import put
from tests.studio.serving import until
from tests.studio.test_kinds import TABLE
from tests.studio.test_public_series import SETS

__all__ = ["built", "desk", "page"]  # fixtures

SMALL = {"sizes": [8], "engine": "reference", "validate_every": 10, "log_every": 2}
TRAININGS = {
    "series": {"data": "example-visitors", "options": SMALL | {
        "steps": 20, "horizon": 7, "window": 28, "id_column": "shop", "time_column": "day",
        "target_column": "visitors"}},
    "numbers": {"options": SMALL | {"steps": 20}},
    "labels": {"data": "example-pulses", "options": SMALL | {"steps": 60}},
}  # fmt: skip


@pytest.fixture(scope="module")
def models(desk: Desk) -> dict[str, str]:
    """A small model of each kind, by kind."""
    found = {}
    for kind, request in TRAININGS.items():
        id = desk.live.send("POST", "/api/runs", {"kind": kind, **request}).json()["id"]
        run = until(lambda id=id: (r := desk.live.send("GET", f"/api/runs/{id}").json())["status"]
                    not in ("running", "paused") and r)  # fmt: skip
        assert run["status"] == "finished", run["message"]
        found[kind] = run["model"]
    return found


def go(page: Any, desk: Desk, screen: str, query: str = "") -> None:
    page.goto(desk.address(screen, query))
    page.reload()
    page.get_by_role("heading", level=1).wait_for()


def saved(page: Any, name: str) -> bytes:
    with page.expect_download() as told:
        page.get_by_role("button", name=name, exact=True).click()
    return told.value.path().read_bytes()


def test_numbers_are_asked_and_go_on(page: Any, desk: Desk, models: dict[str, str]) -> None:
    go(page, desk, "sequences", f"model={models['numbers']}&training=none")
    bars = page.locator(".bars li")
    expect(bars).to_have_count(5)
    field = page.get_by_role("textbox", name="Numbers")
    field.fill("3, 6, nine")
    expect(page.get_by_text("is no whole number")).to_be_visible()
    expect(page.get_by_role("button", name="Ask")).to_be_disabled()
    field.fill("2000000 3000000 4000000")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".note").first).to_contain_text("outside the range")
    expect(page.locator(".looked li")).to_have_count(3)
    first = bars.first.locator(".number").inner_text()
    page.get_by_role("button", name="More terms").click()
    expect(page.locator(".terms b")).to_have_count(5)
    expect(page.locator(".terms b").first).to_have_text(first)
    # What was asked is in the address.
    page.reload()
    expect(field).to_have_value("2000000, 3000000, 4000000")
    bars.nth(1).get_by_role("button").click()
    expect(page.locator(".looked li")).to_have_count(4)


def test_a_table_is_brought_and_trained(page: Any, desk: Desk) -> None:
    go(page, desk, "forecast")
    page.locator("input[type=file]").set_input_files(
        {"name": "sales.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    )
    expect(page.get_by_text("2 series, 168 values, every day")).to_be_visible()
    page.get_by_text("2 series, 168 values").click()
    expect(page.get_by_label("shop")).to_have_value("id")
    page.get_by_label("shop").select_option("none")
    expect(page.get_by_text("The columns need a word")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    page.get_by_label("shop").select_option("id")
    page.get_by_role("spinbutton", name=re.compile("^Horizon")).fill("7")
    page.get_by_role("textbox", name="Sizes").fill("8")
    page.get_by_role("spinbutton", name=re.compile("^Seconds")).fill("2")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".status")).to_have_text("Finished", timeout=90_000)
    expect(page.get_by_role("img", name="north: ")).to_be_visible()


def test_a_file_brought_while_the_list_is_on_its_way_stays_chosen(page: Any, desk: Desk) -> None:
    held = []

    def hold(route: Any) -> None:
        """Answer the first question of the page late, with what was there when it was asked."""
        if route.request.method == "GET" and not held:
            held.append((route, route.fetch()))
        else:
            route.continue_()

    page.route(re.compile(r"/api/data\?kind=series"), hold)
    page.goto("about:blank")
    page.goto(desk.address("forecast", "data=example-visitors"))
    page.locator("input[type=file]").set_input_files(
        {"name": "late.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    )
    expect(page.get_by_role("radio", name=re.compile("^late"))).to_be_checked()
    [(route, answer)] = held
    route.fulfill(response=answer)
    page.wait_for_timeout(300)
    expect(page.get_by_role("radio", name=re.compile("^late"))).to_be_checked()
    expect(page.get_by_text("2 series, 168 values, every day")).to_be_visible()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up set of series in the registry; returns where its file has to be."""
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path))
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    for shelf, dataset in SETS.items():
        put(monkeypatch, shelf, [dataset])
    return tmp_path / "made" / "shops.csv"


def test_a_public_set_is_fetched_and_chosen(page: Any, desk: Desk, shop: Path) -> None:
    go(page, desk, "forecast")
    page.get_by_text("Public sets").click()
    choice = page.get_by_role("radio", name=re.compile("^Shops"))
    expect(page.get_by_text("To be fetched")).to_be_visible()
    choice.click()
    expect(page.get_by_text("There is no connection", exact=False).or_(
        page.get_by_text("could not be downloaded"))).to_be_visible()  # fmt: skip
    # What was chosen before still is.
    expect(choice).not_to_be_checked()
    expect(page.get_by_role("radio").first).to_be_checked()
    shop.parent.mkdir()
    shop.write_text(TABLE)
    choice.click()
    expect(page.get_by_text("2 series, 168 values, every day")).to_be_visible()
    # Until it is here, the sets cannot be chosen among.
    expect(choice).to_be_enabled()
    expect(choice).to_be_checked()
    # It is in the address, and chosen again when the page is.
    page.reload()
    expect(page.get_by_text("2 series, 168 values, every day")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^Shops"))).to_be_checked()
    expect(page.get_by_role("switch", name="Conformal")).to_be_visible()


def test_families_are_chosen(page: Any, desk: Desk) -> None:
    go(page, desk, "sequences", "training=none")
    boxes = page.get_by_role("group", name="Families").get_by_role("checkbox")
    expect(boxes).to_have_count(len(FAMILIES))
    for family in FAMILIES.values():
        expect(page.get_by_role("checkbox", name=family.about)).to_be_checked()
        page.get_by_role("checkbox", name=family.about).uncheck()
    expect(page.get_by_text("Choose at least one")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    page.get_by_role("checkbox", name=FAMILIES["squares"].about).check()
    page.get_by_role("checkbox", name=FAMILIES["arithmetic"].about).check()
    page.get_by_role("textbox", name="Sizes").fill("8")
    page.get_by_role("spinbutton", name=re.compile("^Seconds")).fill("1")
    with page.expect_request(lambda one: one.method == "POST") as asked:
        page.get_by_role("button", name="Start training").click()
    assert asked.value.post_data_json["options"]["families"] == ["arithmetic", "squares"]
    expect(page.locator(".status")).to_have_text("Finished", timeout=90_000)


def test_a_forecast_is_looked_at_and_taken_along(
    page: Any, desk: Desk, models: dict[str, str]
) -> None:
    go(page, desk, "forecast", f"model={models['series']}&training=none")
    expect(page.get_by_role("img", name="Harbour: ")).to_be_visible()
    expect(page.get_by_role("row", name="Seasonal naive")).to_contain_text("–")
    expect(page.locator("canvas")).to_be_visible()
    page.get_by_label("Series", exact=True).select_option("Market")
    expect(page.get_by_role("img", name="Market: ")).to_be_visible()
    rows = list(csv.reader(io.StringIO(saved(page, "CSV").decode())))
    assert rows[0][:4] == ["unique_id", "ds", "recurra", "recurra-median"]
    assert len(rows) == 8
    assert {row[0] for row in rows[1:]} == {"Market"}
    assert saved(page, "PNG").startswith(b"\x89PNG")
    assert b"<svg" in saved(page, "SVG")
    # Arrow keys read the chart.
    page.get_by_role("group", name="Forecast of Market").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".at").first).to_contain_text("median")
    expect(page.locator(".at").first).to_contain_text("came")
    page.get_by_role("tab", name="What comes next").or_(
        page.get_by_text("What comes next", exact=True)
    ).first.click()
    expect(page.get_by_text("what came", exact=True)).to_have_count(0)


def test_series_are_classified_and_explained(page: Any, desk: Desk, models: dict[str, str]) -> None:
    go(page, desk, "classify", f"model={models['labels']}&training=none")
    matrix = page.get_by_role("region", name="Confusion matrix")
    expect(matrix.get_by_role("columnheader")).to_have_count(3)
    cells = matrix.locator("tbody td").all_inner_texts()
    assert sum(map(int, cells)) == 90
    page.get_by_label("Series", exact=True).select_option("4")
    expect(page.get_by_role("img", name="Series 5, 40 moments")).to_be_visible()
    assert page.locator("svg .moment").count() == 40


def test_the_browser_alone_says_where_it_is_learned(page: Any, desk: Desk) -> None:
    go(page, desk, "forecast", "place=browser")
    expect(page.get_by_text("No forecasting model yet")).to_be_visible()
    expect(page.get_by_role("link", name="Bring a model")).to_be_visible()
    expect(page.get_by_text("Forecasts are learned on your computer")).to_be_visible()
    page.get_by_role("button", name="Work on this computer").click()
    expect(page.get_by_role("button", name="Bring a file")).to_be_visible()


def bring(page: Any, desk: Desk, model: str, name: str) -> None:
    """Take a model of the computer place into this browser."""
    bring_file(page, desk, desk.live.send("GET", f"/api/models/{model}/file").body, name)


def bring_file(page: Any, desk: Desk, data: bytes, name: str) -> None:
    page.goto(desk.address("models", "place=browser"))
    page.locator("input[type=file]").first.set_input_files(
        {"name": f"{name}.safetensors", "mimeType": "application/octet-stream", "buffer": data}
    )
    page.get_by_text(f"{name} is here.").wait_for()


def test_the_browser_alone_goes_on_with_numbers(
    page: Any, desk: Desk, models: dict[str, str]
) -> None:
    bring(page, desk, models["numbers"], "terms")
    numbers = [3, 6, 9, 13, 2_000_000]
    said = " ".join(map(str, numbers))
    go(page, desk, "sequences", f"place=browser&numbers={said}")
    expect(page.locator(".bars li")).to_have_count(5)
    want = desk.live.send(
        "POST", f"/api/models/{models['numbers']}/ask",
        {"numbers": numbers, "count": 5, "terms": 1},
    ).json()  # fmt: skip
    shown = [f"{answer['number']:,}" for answer in want["answers"]]
    assert page.locator(".bars .number").all_inner_texts() == shown
    notes = page.locator(".note").all_inner_texts()
    assert [note.lower() for note in notes] == [note.lower() for note in want["notes"]]
    assert "outside the range" in notes[0]
    shares = page.locator(".looked small").all_inner_texts()
    assert [float(share.split()[0]) for share in shares] == pytest.approx(
        [100 * share for share in want["weights"]], abs=0.51
    )
    # Learning is done elsewhere, and it says where.
    expect(page.get_by_text("Number sequences are learned on your computer")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)
    check_access(page)


def test_the_browser_alone_classifies(page: Any, desk: Desk, models: dict[str, str]) -> None:
    bring(page, desk, models["labels"], "pulses")
    go(page, desk, "classify", "place=browser")
    expect(page.get_by_text("Classifiers are trained on your computer")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)
    chooser = page.locator("input[type=file]")
    chooser.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    expect(page.get_by_text("bad.csv has 2 columns")).to_be_visible()
    chooser.set_input_files(str(EXAMPLES / "pulses.csv"))
    matrix = page.get_by_role("region", name="Confusion matrix")
    expect(matrix.get_by_role("columnheader")).to_have_count(3)
    want = desk.live.send("POST", f"/api/models/{models['labels']}/classify", {}).json()
    cells = [int(cell) for cell in matrix.locator("tbody td").all_inner_texts()]
    assert cells == [count for row in want["confusion"] for count in row]
    expect(page.get_by_text(f"{100 * want['accuracy']:.1f} %").first).to_be_visible()
    page.get_by_label("Series", exact=True).select_option("4")
    expect(page.get_by_role("img", name="Series 5, 40 moments")).to_be_visible()
    moments = desk.live.send(
        "POST", f"/api/models/{models['labels']}/moments", {"row": 4}
    ).json()  # fmt: skip
    most = max(moments["saliency"])
    shades = page.eval_on_selector_all(
        "svg .moment", "all => all.map((one) => Number(one.getAttribute('opacity')))"
    )
    assert shades == pytest.approx([0.75 * share / most for share in moments["saliency"]], abs=1e-3)
    # What was brought stays.
    page.reload()
    expect(page.get_by_role("img", name="Series 5, 40 moments")).to_be_visible()
    check_access(page)
    page.get_by_role("button", name="Remove pulses.csv").click()
    expect(matrix).to_have_count(0)


def test_the_browser_alone_forecasts(page: Any, desk: Desk, models: dict[str, str]) -> None:
    bring(page, desk, models["series"], "visitors")
    go(page, desk, "forecast", "place=browser&levels=80")
    expect(page.get_by_text("Forecasts are learned on your computer")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)
    chooser = page.locator("input[type=file]")
    told = {"name": "bad.csv", "mimeType": "text/csv"}
    chooser.set_input_files({**told, "buffer": b"shop,day,visitors\n"})
    expect(page.get_by_text("bad.csv")).to_be_visible()
    page.evaluate(
        """(text) => {
            const files = new DataTransfer();
            files.items.add(new File([text], "visitors.csv", { type: "text/csv" }));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: files }));
        }""",
        (EXAMPLES / "visitors.csv").read_text(),
    )
    expect(page.get_by_role("img", name="Harbour: ")).to_be_visible()
    page.get_by_label("Series", exact=True).select_option("Market")
    expect(page.get_by_role("img", name="Market: ")).to_be_visible()
    rows = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    wish = {"data": None, "series": "Market", "horizon": None, "levels": [80], "held_out": True}
    want = desk.live.send("POST", f"/api/models/{models['series']}/forecast", wish).json()
    interval = want["intervals"][0]
    assert [row["ds"] for row in rows] == [stamp[:10] for stamp in want["stamps"]]
    # Two times 200 draws: the middles of 200 agree to a fifth of the interval.
    for n, row in enumerate(rows):
        wide = interval["high"][n] - interval["low"][n]
        assert abs(float(row["recurra"]) - want["mean"][n]) < 0.3 * wide
        assert abs(float(row["recurra-lo-80"]) - interval["low"][n]) < 0.5 * wide
    # The seasonal-naive forecast needs no draws.
    measures = page.get_by_role("region", name="Measures of the forecasts")
    naive = measures.get_by_role("row", name="Seasonal naive").locator("td").all_inner_texts()
    assert all(cell != "–" for cell in naive[:4])
    assert naive[4:] == ["–", "–"]
    expect(page.get_by_role("group", name=re.compile("^Memory of 8 units"))).to_be_visible()
    page.get_by_text("What comes next", exact=True).first.click()
    expect(page.get_by_text("what came", exact=True)).to_have_count(0)
    # What was brought stays.
    page.reload()
    expect(page.get_by_role("img", name="Market: ")).to_be_visible()
    check_access(page)
    page.get_by_role("button", name="Remove visitors.csv").click()
    expect(measures).to_have_count(0)


@pytest.mark.parametrize("head", ["negative_binomial", "quantiles"])
def test_the_browser_alone_reads_counts_covariates_and_dates_as_they_are_written(
    page: Any, desk: Desk, tmp_path: Path, head: str
) -> None:
    source, path = tmp_path / "sold.csv", tmp_path / "model.safetensors"
    rows = ["unique_id,ds,y,sale,region"]
    for region, size in (("north", 3), ("south", 40)):
        for n in range(84):
            sale = int(n % 9 < 2)
            day = date(2024, 1, 1) + timedelta(n)
            rows.append(f"{region}-1,{day:%d/%m/%Y},{size * (1 + sale) + n % 7},{sale},{region}")
    source.write_text("\n".join(rows) + "\n")
    columns = ColumnOptions(date_format="%d/%m/%Y", future=("sale",), static=("region",))
    model = trained(path, source, columns, head=head, direct=True, sizes=(8,))
    bring_file(page, desk, path.read_bytes(), head)
    go(page, desk, "forecast", "place=browser&levels=80")
    page.locator("input[type=file]").set_input_files(str(source))
    expect(page.get_by_role("img", name="north-1: ")).to_be_visible()
    page.get_by_label("Series", exact=True).select_option("south-1")
    expect(page.get_by_role("img", name="south-1: ")).to_be_visible()
    found = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    panel = read_panel(source, columns).panel
    want = model.forecast(
        panel.without_last(7), levels=[0.1, 0.5, 0.9],
        ahead={one.name: one.future[-7:] for one in panel.series},
    )  # fmt: skip
    assert [row["ds"] for row in found] == [str(stamp)[:10] for stamp in want.stamps[1]]
    means = [float(row["recurra"]) for row in found]
    assert means == pytest.approx(want.forecast.mean[1].tolist(), rel=1e-4)
    if head == "quantiles":
        for n, name in enumerate(("lo-80", "median", "hi-80")):
            shown = [float(row[f"recurra-{name}"]) for row in found]
            assert shown == pytest.approx(want.forecast.quantiles[1, :, n].tolist(), rel=1e-4)
    # Beyond the end, nobody has said when there are sales.
    page.get_by_text("What comes next", exact=True).first.click()
    expect(page.get_by_text("this model reads sale of the future", exact=False)).to_be_visible()
    page.get_by_role("button", name="Remove sold.csv").click()


@pytest.mark.parametrize("width", [1440, 360])
def test_the_screens_are_accessible_and_fit(
    browser: Any, desk: Desk, models: dict[str, str], width: int
) -> None:
    # Each theme is held to every rule in one of the widths.
    first = "light" if width == 1440 else "dark"
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=first, reduced_motion="reduce"
    )
    context.add_init_script("localStorage.setItem('recurra.tour', 'done')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{desk.origin}/?token={desk.live.token}")
    page.locator("nav").wait_for()
    signs = {"sequences": (".bars", "numbers"), "forecast": ("canvas", "series"),
             "classify": ("svg .moment", "labels")}  # fmt: skip
    for screen, (sign, kind) in signs.items():
        go(page, desk, screen, f"model={models[kind]}&training=none")
        page.locator(sign).first.wait_for()
        page.get_by_role("button", name="Start training").wait_for()
        for _ in check_both(page, screen, first):
            assert page.evaluate("document.documentElement.scrollWidth") <= width, screen
    if width == 360:
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("link", name="Sequences").click()
        page.locator(".bars").wait_for()
    context.close()
