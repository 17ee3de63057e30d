"""Downloading, by `pooch`, with progress and one sentence when it does not work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from recurra.core.errors import ResourceError

Progress = Callable[[int, int, str], None]
TIMEOUT_S = 30.0


class _Bar:
    """What pooch takes for a progress bar; tells a callback instead of drawing."""

    def __init__(self, progress: Progress, what: str) -> None:
        self.progress = progress
        self.what = what
        self.total = 0
        self.done = 0

    def update(self, count: int) -> None:
        self.done += count
        self.progress(self.done, max(self.total, self.done), self.what)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def download(
    address: str, folder: Path, name: str, what: str, progress: Progress | None = None
) -> Path:
    """Download one file into a folder, whole or not at all.

    Args:
        name: of the file in the folder.
        what: what messages call it.
    Raises:
        ResourceError: there is no connection, the server refuses, or the disk is full.
    """
    import pooch
    import requests

    logging.getLogger("pooch").setLevel(logging.WARNING)
    pooch.get_logger().setLevel(logging.WARNING)
    bar = _Bar(progress, f"downloading {what}") if progress else False
    fetch = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT_S)
    try:
        return Path(
            pooch.retrieve(address, known_hash=None, fname=name, path=folder, downloader=fetch)
        )
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        why = f"the server answers {status}"
    except requests.Timeout:
        why = "the server does not answer"
    except requests.RequestException:
        why = "there is no connection to it"
    except OSError as error:
        why = error.strerror or str(error)
    raise ResourceError(f"{what} could not be downloaded from {address}: {why}.")
