"""What a module has to hold to be a kind of sequence that the studio trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from recurra.core.options import Options
from recurra.datasets.catalogue import Dataset
from recurra.datasets.files import files_of
from recurra.learning import training as learning
from recurra.learning.loop import Outcome
from recurra.studio.schema import Preset

EXAMPLES = Path(__file__).parents[1] / "examples"
Settings = Mapping[str, Any]
LearnsFrom = Literal["a corpus", "files", "a file", "a file or nothing"]


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that a form shows together."""

    name: str
    title: str
    classes: tuple[type[Options], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """Data that come with the studio."""

    name: str
    title: str
    about: str
    file: Path


@dataclass(frozen=True, slots=True)
class PublicSet:
    """Public data that a training may name: brought to this computer when it is first learned."""

    name: str
    title: str
    about: str
    licence: str
    size_bytes: int
    ready: bool
    """Whether it is on this computer."""
    file: Path | None = None
    """The one file that it is, where it is here; None of music, which may be many."""


def public_files(known: Iterable[Dataset]) -> tuple[PublicSet, ...]:
    """Return the sets that are here or can be brought here, those here first."""
    found = []
    for dataset in known:
        files = files_of(dataset)
        if files or dataset.addresses or dataset.package:
            found.append(
                PublicSet(
                    dataset.name, dataset.title, dataset.what, dataset.licence, dataset.size_bytes,
                    files is not None, files[0] if files else None,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda one: not one.ready))


Training = learning.Training[Any, Any]
"""A training of whatever kind, ready to run."""


class Kind(Protocol):
    """One kind; a module with these names is one."""

    def learns_from(self) -> LearnsFrom:
        """Return what a training is given."""

    def examples(self) -> tuple[Example, ...]:
        """Return data to begin with."""

    def public(self) -> tuple[PublicSet, ...]:
        """Return the public sets that can be had, those on this computer first."""

    def groups(self) -> tuple[Group, ...]:
        """Return the option classes, as a form groups them."""

    def defaults(self) -> Settings:
        """Return what counts where nothing is set, over the option classes' own defaults."""

    def presets(self) -> list[Preset]:
        """Return named sets of settings, the smallest first."""

    def check(self, file: Path) -> dict[str, Any]:
        """Return a few facts of a file that was brought. Raises `FormatError` for a wrong one."""

    def survey(self, files: Sequence[Path], options: Settings) -> dict[str, Any]:
        """Return what is in files, read with settings. Raises `FormatError`, `ConfigError`."""

    def budgeted(self, options: Settings, preset: str | None) -> bool:
        """Whether settings have a budget. Raises `ConfigError` for a setting that cannot be."""

    def prepare(
        self, inputs: Sequence[str], name: str, options: Settings, preset: str | None
    ) -> Training:
        """Read data and build the network.

        Args:
            inputs: files, or "data:NAME" for a public set.
            name: what a person calls the data.
        """

    def finish(self, training: Training, outcome: Outcome, folder: Path) -> None:
        """Do what is left once a training has ended by itself."""

    def load(self, file: Path) -> Any:
        """Return a model. Raises `FormatError` where the file is none of this kind."""
