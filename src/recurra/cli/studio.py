"""`recurra studio`: the web app on this computer, or its static site in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recurra.cli import console
from recurra.cli.flags import build, options_from
from recurra.studio.settings import StudioOptions

RUNS = Path("runs")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), metavar="N",
              help="Port to listen on; left out, 8765 or the next one that is free.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Address to listen on; another than this computer's own needs "
              "--allow-remote.")  # fmt: skip
@click.option("--allow-remote", is_flag=True,
              help="Let other computers in that have the token. Nothing is encrypted.")  # fmt: skip
@click.option("--open/--no-open", "opens", default=True, show_default=True,
              help="Open the browser.")  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Where texts, runs and models are kept; left out, the system's place for "
              "your data.")  # fmt: skip
@click.option("--runs", "runs", type=click.Path(path_type=Path, file_okay=False), multiple=True,
              metavar="DIR", help="A folder of runs made on the command line to show too; left "
              "out, runs/ where there is one.")  # fmt: skip
@click.option("--export", "export_to", type=click.Path(path_type=Path), metavar="DIR",
              help="Write the static site, which needs no server of ours, and end.")  # fmt: skip
@options_from(StudioOptions)
def studio(
    port: int | None,
    host: str,
    allow_remote: bool,
    opens: bool,
    folder: Path | None,
    runs: tuple[Path, ...],
    export_to: Path | None,
    **flags: Any,
) -> None:
    """Open the studio: bring a text, train, watch, write and look inside, in the browser.

    Trainings are processes of their own: they go on when the page or this server is closed, and
    are found again. The address holds a token; who has it can use the studio.

    \b
    Examples:
      recurra studio
      recurra studio --no-open --port 9000
      recurra studio --export site
    """
    if export_to is not None:
        from recurra.studio.site_files import export

        made = export(export_to)
        console.err().print(f"site        {made}")
        console.err().print(f"next        python -m http.server --directory {made}")
        return
    from recurra.studio.home import default_folder
    from recurra.studio.serve import check_host, listen, make_server, serve

    check_host(host, allow_remote)
    options = build(StudioOptions, flags)
    if not runs and RUNS.is_dir():
        runs = (RUNS,)
    with listen(host, port) as listener:
        server, _ = make_server(
            folder or default_folder(), options, listener, runs=runs, remote=allow_remote,
            ready=lambda address: _say(address, server.studio.home.path, opens),
        )  # fmt: skip
        serve(server, listener)
    running = sum(one.status == "running" for one in server.studio.trainings.entries())
    if running:
        said = console.quantity(running, "training")
        console.err().print(f"{said} in the background; `recurra studio` shows them again.")


def _say(address: str, folder: Path, opens: bool) -> None:
    from recurra.studio.site_files import INDEX, NOT_BUILT, SITE

    click.echo(f"studio      {address}")
    console.err().print(f"folder      {folder}", soft_wrap=True)
    if not (SITE / INDEX).is_file():
        console.err().print(f"note        {NOT_BUILT}")
    console.err().print("stop        Ctrl-C; trainings go on without the server")
    if opens and (SITE / INDEX).is_file():
        import threading
        import webbrowser

        # Some browsers only return when they are closed.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
