"""`recurra forecast`: from tables of numbers to what may come next."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.cli import console
from recurra.cli.flags import collect, options_from
from recurra.core.errors import ConfigError
from recurra.tasks.series.settings import CLASSES, DEFAULTS

if TYPE_CHECKING:
    from recurra.tasks.series.model import SeriesModel
    from recurra.tasks.series.panel import Panel
    from recurra.tasks.series.training import SeriesTraining


@click.group()
def forecast() -> None:
    """Forecast series of numbers: train a model, predict, and measure.

    \b
    Example:
      recurra forecast train sales.csv --horizon 28 --seconds 60
      recurra forecast predict runs/sales-0001 --level 80,95 --plot sales.png
    """


@forecast.command("train")
@click.argument("file", metavar="FILE")
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of the run; left out, a new one under runs/, named after the file.",
)  # fmt: skip
@options_from(*CLASSES.values(), defaults=DEFAULTS)
@click.option("--overwrite", is_flag=True, help="Delete the run that is in the folder first.")
def train(file: str, run: Path | None, overwrite: bool, **flags: Any) -> None:
    """Learn all series in FILE with one model.

    FILE is a table: a value a row with the columns unique_id, ds and y (other names can be given),
    a column a series beside their dates, a row a series as in M4, or one column of numbers. gzip
    and xz are opened. It may also be the name of a public set (`recurra data list`). Ctrl-C saves;
    `recurra resume` goes on.

    \b
    Examples:
      recurra forecast train airline.csv --horizon 12
      recurra forecast train m4-hourly --season 24 --horizon 48 --direct --head quantiles
      recurra forecast train sales.csv --id-column shop --time-column day --target-column sold
    """
    from recurra.cli.progress import ProgressListener, conclude
    from recurra.datasets.catalogue import PREFIX
    from recurra.learning.run_folder import RunFolder
    from recurra.tasks.series.training import finished, prepare_file

    values: dict[str, Any] = {}
    for kind in CLASSES.values():
        values |= collect(kind, flags)
    values |= values.pop("cell", {})
    training = prepare_file(file, values)
    _print_facts(file, training)
    document = training.describe()
    if run is None:
        name = Path(file).name.removeprefix(PREFIX).partition(".")[0] or "series"
        folder = RunFolder.create_new("runs", name, document)
    else:
        folder = RunFolder.create(run, document, replace=overwrite)
    with folder:
        console.err().print(f"run         {folder.path}")
        with ProgressListener() as shown:
            outcome = training.run(folder, [shown])
        if outcome.reason != "interrupted":
            finished(training, outcome, folder.path)
    conclude(outcome, folder.path, f"recurra forecast predict {folder.path}")


def _print_facts(file: str, training: SeriesTraining) -> None:
    """Say what was read, and what is about to be learned, by what, on what."""
    from recurra.core.parameters import parameter_count

    task = training.task
    panel, options = task.panel, task.options
    err = console.err()
    said = [
        console.quantity(len(panel), "series", "series"), console.quantity(panel.values, "value"),
        str(panel.frequency), f"season {task.encoding.season}",
    ]  # fmt: skip
    if task.held_out:
        said.append(f"the last {task.held_out:,} of each held out")
    err.print(f"{Path(file).name:<11} {', '.join(said)}")
    for sentence in panel.notes:
        err.print(f"note        {sentence}")
    sizes = ", ".join(map(str, task.spec.stack.sizes))
    how = f"{options.horizon} steps at once" if options.direct else "step by step"
    err.print(
        f"model       LSTM {sizes}, {options.head} {how}, {task.encoding.features} inputs, "
        f"{console.quantity(parameter_count(task.spec), 'parameter')}"
    )
    err.print(f"engine      {training.engine.describe()}")


_data = click.option(
    "--data", type=click.Path(), metavar="FILE",
    help="Histories to forecast from; left out, the file that it learned from.",
)  # fmt: skip
_seed = click.option("--seed", default=0, show_default=True, help="Of the drawn paths.")
_plot = click.option(
    "--plot", type=click.Path(path_type=Path), metavar="PNG", help="Draw history and forecast."
)
_series = click.option(
    "--series", metavar="NAME,...", default="", help="Series to draw; left out, the first six."
)


@forecast.command()
@click.argument("model")
@click.argument("more_levels", nargs=-1, metavar="")
@_data
@click.option(
    "--ahead", type=click.Path(), metavar="FILE",
    help="Covariates of the future: a table with the columns of series, time and covariates.",
)  # fmt: skip
@click.option("--horizon", type=int, help="Steps to forecast; left out, those it learned.")
@click.option(
    "--level", default="80", show_default=True, metavar="PERCENT,...", help="Intervals to give."
)
@click.option("--paths", default=200, show_default=True, help="Futures drawn for each series.")
@_seed
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="CSV",
    help="Write the table to a file; left out, it is printed.",
)  # fmt: skip
@click.option("--samples", is_flag=True, help="Give the drawn paths instead, a row a value.")
@_plot
@_series
def predict(
    model: str,
    more_levels: tuple[str, ...],
    data: str | None,
    ahead: str | None,
    horizon: int | None,
    level: str,
    paths: int,
    seed: int,
    output: Path | None,
    samples: bool,
    plot: Path | None,
    series: str,
) -> None:
    """Forecast what comes after the end of each series.

    \b
    Examples:
      recurra forecast predict runs/sales-0001 --horizon 28 --level 80,95
      recurra forecast predict sales.safetensors --data this-year.csv -o next.csv --plot next.png
    """
    from recurra.cli.watch import Watch
    from recurra.tasks.series.forecaster import table_of, table_of_paths
    from recurra.tasks.series.model import SeriesModel
    from recurra.tasks.series.read import read_ahead
    from recurra.tasks.series.render import plot_forecast, rows_of

    percents = _percents([level, *more_levels])
    known = SeriesModel.load(model)
    panel = _panel(known, data)
    future = read_ahead(ahead, known.settings.columns, panel, known.future) if ahead else None
    with Watch("forecasting") as watch:
        found = known.forecast(
            panel, horizon, levels=[0.5, *(0.5 + s * p / 200 for p in percents for s in (-1, 1))],
            ahead=future, paths=paths, keep_paths=samples, seed=seed, progress=watch,
        )  # fmt: skip
    columns = known.settings.columns
    table = table_of_paths(found, columns) if samples else table_of(found, percents, columns)
    if len(panel) == 1 and panel.series[0].name == "series":
        table.pop(columns.id_column)
    rows = [list(table), *rows_of(table)]
    if output is not None:
        _write(output, rows)
        console.err().print(f"saved       {output} ({console.quantity(len(rows) - 1, 'row')})")
    else:
        click.echo(_csv(rows), nl=False)
    if plot is not None:
        names = [name for name in series.split(",") if name]
        shown = plot_forecast(plot, panel, found, names=names)
        console.err().print(f"drawn       {plot} ({', '.join(shown)})")


@forecast.command()
@click.argument("model")
@_data
@click.option(
    "--truth", type=click.Path(), metavar="FILE",
    help="What came after the data, a file of the same layout; left out, the end of the data.",
)  # fmt: skip
@click.option("--horizon", type=int, help="Steps to forecast; left out, those it learned.")
@click.option("--windows", default=1, show_default=True, help="Cut-offs to forecast from.")
@click.option("--step-size", type=int, help="Steps between cut-offs; left out, the horizon.")
@_seed
@_plot
@_series
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(
    model: str,
    data: str | None,
    truth: str | None,
    horizon: int | None,
    windows: int,
    step_size: int | None,
    seed: int,
    plot: Path | None,
    series: str,
    as_json: bool,
) -> None:
    """Measure forecasts of the end of each series, beside the seasonal-naive forecast.

    The end that a training held out (by default one horizon, with --conformal up to four) was not
    learned from; what is further back was. Intervals that were corrected by the values that are
    asked about hold what they say by design: measure those with --truth. sMAPE is M4's, from 0 to
    200.

    \b
    Examples:
      recurra forecast evaluate runs/sales-0001 --plot held-out.png
      recurra forecast evaluate runs/m4 --truth Hourly-test.csv
    """
    import json
    from dataclasses import asdict

    from recurra.cli.watch import Watch
    from recurra.formats.documents import plain
    from recurra.tasks.series.evaluate import evaluate as measure
    from recurra.tasks.series.model import SeriesModel
    from recurra.tasks.series.read import read_panel
    from recurra.tasks.series.render import plot_forecast

    known = SeriesModel.load(model)
    panel = _panel(known, data)
    after = None
    if truth is not None:
        after = read_panel(truth, known.settings.columns).panel
    with Watch("forecasting") as watch:
        found = measure(
            known, panel, horizon, windows=windows, step_size=step_size, truth=after, seed=seed,
            progress=watch,
        )  # fmt: skip
    if as_json:
        facts = {"recurra": asdict(found.model), "seasonal_naive": asdict(found.naive),
                 "series": found.series, "windows": found.windows, "steps": found.steps,
                 "season": found.season}  # fmt: skip
        click.echo(json.dumps(plain(facts), indent=2))
    else:
        names = ("MASE", "sMAPE", "MAE", "RMSE", "wQL", "80 % interval holds")
        heads: list[Any] = ["", *((name, "right") for name in names)]
        rows = [
            [who, *(_number(value, percent=n == 5) for n, value in enumerate(asdict(how).values()))]
            for who, how in (("Recurra", found.model), ("seasonal naive", found.naive))
        ]
        console.out().print(console.table(heads, rows))
        console.err().print(
            f"{console.quantity(found.series, 'series', 'series')}, "
            f"{console.quantity(found.windows, 'window')} of {found.steps} steps, season "
            f"{found.season}"
        )
    if plot is not None:
        chosen = [name for name in series.split(",") if name]
        shown = plot_forecast(
            plot, found.history, found.last, truth=list(found.truth), naive=list(found.naive_last),
            names=chosen,
        )  # fmt: skip
        console.err().print(f"drawn       {plot} ({', '.join(shown)})")


def _panel(model: SeriesModel, data: str | None) -> Panel:
    from recurra.tasks.series.read import read_panel
    from recurra.tasks.series.training import data_of

    if data is None:
        panel = data_of(model)
    else:
        panel = read_panel(data, model.settings.columns).panel
    for sentence in panel.notes:
        console.err().print(f"note        {sentence}")
    return panel


def _percents(given: list[str]) -> list[float]:
    """Return levels in per cent from "80,95" or "80" "95"."""
    parts = [part for text in given for part in text.replace(",", " ").split()]
    try:
        found = [float(part.removesuffix("%")) for part in parts]
    except ValueError:
        found = [math.nan]
    if not all(0 < one < 100 for one in found):
        raise ConfigError(
            f"--level is {' '.join(parts)!r}, but has to be per cents such as 80,95.", "level"
        )
    return sorted(set(found))


def _number(value: float, *, percent: bool) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.1%}" if percent else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _write(path: Path, rows: list[list[str]]) -> None:
    from recurra.formats.atomic import atomic_write

    with atomic_write(path) as file:
        file.write(_csv(rows).encode())
