"""Looking inside a text model: its units read against what a simple eye sees in the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from recurra.core.errors import ConfigError
from recurra.core.options import Options, knob
from recurra.engines import select
from recurra.engines.base import Engine, Network
from recurra.insight.ablation import Ablation, ablate
from recurra.insight.forgetting import Forgetting, Reach, forgetting, reach
from recurra.insight.saliency import PARTS, Method, Saliency, SaliencyProbe, Score
from recurra.insight.trace import Trace, Unit, trace
from recurra.insight.units import Explanation, Explanations, explain
from recurra.tasks.text.features import text_features, token_ends
from recurra.tasks.text.vocabulary import Policy

if TYPE_CHECKING:
    from recurra.tasks.text.model import Model

Array = NDArray[Any]
Step = Callable[[str], None]
"""Called with the name of each piece of work before it begins."""


class InsideOptions(Options):
    """What is looked for inside a model, and how far."""

    pattern: str | None = knob(
        None, "a regular expression of yours; which units know where it matches?"
    )
    characters: int = knob(
        10_000, "how much of the text the tables are made from", low=200, unit="characters"
    )
    distance: int = knob(
        100, "how far a changed token is followed", low=1, high=10_000, unit="tokens"
    )
    permutations: int = knob(
        99, "shifted texts that scores are compared with", low=1, high=9_999, advanced=True
    )
    ablations: int = knob(3, "best detectors that are taken out to see what it costs", low=0)
    shown: int = knob(
        3000, "how much of the text the page shows", low=1, high=20_000, unit="tokens"
    )
    back: int = knob(
        40, "how far back the page tells what moved a prediction", low=1, high=400, unit="tokens"
    )
    seed: int = knob(0, "of the shifts and of the changed tokens", low=0, advanced=True)


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found inside a model, on one text."""

    name: str
    """What to call the text."""
    tokens: Array
    """[T]."""
    trace: Trace
    features: dict[str, Array]
    """[T] booleans or whole numbers, by name."""
    explanations: Explanations
    forgetting: Forgetting
    reach: Reach | None
    """None where the text is too short to follow a change."""
    ablations: tuple[tuple[Explanation, Ablation, Ablation], ...]
    """A unit with what explains it, held at its mean and at zero."""

    @property
    def nats(self) -> float:
        """Mean surprise a token."""
        return float(self.trace.surprise.mean())

    def facts(self) -> dict[str, Any]:
        """Return the findings as JSON data."""
        gone = self.forgetting
        made: dict[str, Any] = {
            "text": self.name,
            "tokens": len(self.tokens),
            "nats_per_token": self.nats,
            "units": [facts_of(one) | self._times(one.unit) for one in self.explanations.ranking()],
            "detectors": [facts_of(one) for one in self.explanations.detectors()],
            "not_tested": dict(self.explanations.skipped),
            "permutations": self.explanations.permutations,
            "ablations": [
                {"unit": str(one.unit), "feature": one.feature}
                | {"mean": ablation_facts(mean), "zero": ablation_facts(zero)}
                for one, mean, zero in self.ablations
            ],
            "half_lives": [
                {"layer": k, "share": share, "implied": _finite(i), "measured": _finite(m)}
                for k, (implied, measured) in enumerate(
                    zip(gone.shares(gone.implied), gone.shares(gone.measured), strict=True)
                )
                for share, i, m in zip((0.1, 0.5, 0.9), implied, measured, strict=True)
            ],
        }
        if self.reach is not None:
            made["reach"] = {
                "distance": self.reach.distances.tolist(),
                "divergence_nats": self.reach.divergence.tolist(),
                "changed_tokens": self.reach.positions,
                "within_1_percent": self.reach.within(0.01),
            }
        return made

    def _times(self, unit: Unit) -> dict[str, Any]:
        n = self.trace.unit_labels.index(unit)
        gone = self.forgetting
        return {
            "mean_forget_gate": float(gone.mean_gate[n]),
            "half_life_implied": _finite(gone.implied[n]),
            "half_life_measured": _finite(gone.measured[n]),
        }


def facts_of(one: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON data."""
    names = ("feature", "score", "bits", "p", "inside", "outside")
    return {"unit": str(one.unit)} | {name: getattr(one, name) for name in names}


def ablation_facts(one: Ablation) -> dict[str, Any]:
    """Return an ablation as JSON data; nats a token."""
    parts = ("whole", "inside", "outside")
    return {
        "held_at": list(one.values),
        "tokens_inside": one.inside,
        "tokens_outside": one.outside,
        "intact": {part: _finite(getattr(one.intact, part)) for part in parts},
        "ablated": {part: _finite(getattr(one.ablated, part)) for part in parts},
    }


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it: None for infinity and for nothing at all."""
    return float(value) if np.isfinite(value) else None


def exact_engine(model: Model, tokens: int) -> Engine:
    """Return the engine that suits the length of a text, in full precision.

    Differences of small numbers are what insight is made of; bfloat16 would drown them.
    """
    options = model.engine
    if options.precision not in ("float32", "float64"):
        options = options.replace(precision="float32")
    return select(model.spec, options, "train" if tokens > 2000 else "generate")


def trace_text(model: Model, text: str, unknown: Policy | None = None) -> Trace:
    """Trace a text from the state zero; see `Model.trace`."""
    tokens, _ = _tokens(model, text, unknown)
    network = exact_engine(model, len(tokens)).build(model.spec, model.weights)
    return _trace(model, network, tokens)


def _trace(model: Model, network: Network, tokens: Array) -> Trace:
    labels = [model.vocabulary.token_text(int(token)) for token in tokens]
    return trace(network, tokens, start=model.start, labels=labels)


def _tokens(model: Model, text: str, unknown: Policy | None = None) -> tuple[Array, Array]:
    tokens, ends = token_ends(text, model.vocabulary, unknown)
    if not len(tokens):
        raise ConfigError("there is no text to look at: it is empty.")
    return tokens.astype(np.int64), ends


def token_features(
    model: Model, text: str, pattern: str | None = None, unknown: Policy | None = None
) -> dict[str, Array]:
    """Return the features of every token: those of its last character."""
    _, ends = _tokens(model, text, unknown)
    return {name: values[ends] for name, values in text_features(text, pattern).items()}


def saliency_of_text(
    model: Model,
    text: str,
    position: int,
    target: str | None = None,
    *,
    method: Method = "gradient",
    score: Score = "log_probability",
    reach: int | None = None,
    parts: int = PARTS,
    unknown: Policy | None = None,
) -> Saliency:
    """Say what moved one prediction; see `Model.saliency`."""
    tokens, _ = _tokens(model, text, unknown)
    if not 1 <= position <= len(tokens):
        raise ConfigError(
            f"position is {position}, but the text has {len(tokens)} tokens: take one from 1, "
            f"before which something was read, to {len(tokens)}, what follows the text.",
            "position",
        )
    if target is not None:
        wanted = model.vocabulary.encode(target)
        if len(wanted) != 1:
            raise ConfigError(f"the target {target!r} is {len(wanted)} tokens, not one.", "target")
        chosen: int | None = int(wanted[0])
    else:
        chosen = int(tokens[position]) if position < len(tokens) else None
    probe = SaliencyProbe(model.spec, model.weights)
    read = np.concatenate([[model.start], tokens[:position]])
    first = 0 if reach is None else max(0, len(read) - reach)
    state = None
    if first:
        before = probe.network.zero_state(1)
        _, after = probe.network.forward(probe.vectors(read[:first])[:, None], before)
        state = probe.network.export_state(after)
    found = probe.ask(read[first:], chosen, score=score, method=method, state=state, parts=parts)
    # The start token is no part of the text.
    skip = 0 if first else 1
    return replace(
        found,
        inputs=found.inputs[skip:],
        vectors=found.vectors[skip:],
        states={name: array[skip:] for name, array in found.states.items()},
    )


def ablate_in_text(
    model: Model,
    text: str,
    units: Sequence[tuple[int, int]],
    feature: str,
    *,
    value: Literal["mean", "zero"] = "mean",
    pattern: str | None = None,
    unknown: Policy | None = None,
) -> Ablation:
    """Hold units still and measure the loss in and out of a feature; see `Model.ablate`."""
    tokens, _ = _tokens(model, text, unknown)
    features = token_features(model, text, pattern, unknown)
    if feature not in features:
        raise ConfigError(
            f"there is no feature '{feature}'; there are {', '.join(features)}.", "feature"
        )
    engine = exact_engine(model, len(tokens))
    network = engine.build(model.spec, model.weights)
    found = [Unit.parse(f"{k}:{n}", model.spec.stack.sizes) for k, n in units]
    memory = _trace(model, network, tokens) if value == "mean" else None
    return _ablate(model, engine, network, tokens, found, memory, features[feature])


def _ablate(
    model: Model,
    engine: Engine,
    network: Network,
    tokens: Array,
    units: Sequence[Unit],
    memory: Trace | None,
    values: Array,
) -> Ablation:
    """Hold units at their mean in a trace, or at zero without one."""
    inside = values if values.dtype == bool else values > np.median(values)
    held = [0.0] * len(units)
    if memory is not None:
        labels = memory.unit_labels
        held = [float(memory.memory[:, labels.index(unit)].mean()) for unit in units]
    return ablate(
        lambda params: engine.build(model.spec, params),
        network,
        units,
        held,
        np.concatenate([[model.start], tokens[:-1]]),
        tokens,
        np.concatenate([[False], inside[:-1]]),
    )


def look_inside(
    model: Model,
    text: str,
    options: InsideOptions | None = None,
    *,
    name: str = "text",
    units: Sequence[Unit] = (),
    unknown: Policy | None = None,
    step: Step = lambda what: None,
) -> Inside:
    """Trace a text and find out what the units do; see `Model.inside`.

    Args:
        units: to be taken out, beside the best detectors.
        step: called before each piece of work, for progress.
    """
    options = options or InsideOptions()
    text = text[: options.characters]
    tokens, _ = _tokens(model, text, unknown)
    step("reading the text")
    engine = exact_engine(model, len(tokens))
    network = engine.build(model.spec, model.weights)
    traced = _trace(model, network, tokens)
    features = token_features(model, text, options.pattern, unknown)
    step("asking what the units respond to")
    permutations = min(options.permutations, len(tokens) // 2)
    found = explain(traced, features, permutations=permutations, seed=options.seed)
    step("measuring how long they remember")
    far = min(options.distance, len(tokens) - 2)
    moved = None
    if far > 0 and len(set(tokens.tolist())) > 1:
        moved = reach(network, tokens, traced, distance=far, seed=options.seed)
    chosen = _to_ablate(found, units, options)
    ablations = []
    for one in chosen:
        step(f"taking out unit {one.unit}")
        values = features[one.feature]
        ablations.append(
            (
                one,
                _ablate(model, engine, network, tokens, [one.unit], traced, values),
                _ablate(model, engine, network, tokens, [one.unit], None, values),
            )
        )
    return Inside(
        name, tokens, traced, features, found, forgetting(traced), moved, tuple(ablations)
    )


def _to_ablate(
    found: Explanations, units: Sequence[Unit], options: InsideOptions
) -> list[Explanation]:
    """Return the units asked for and the best detectors, each with its context."""
    if not found.features:
        return []
    mine = f"matches {options.pattern}"
    chosen: list[Explanation] = []
    for unit in units:
        n = found.units.index(unit)
        contexts = [int(found.scores[n].argmax())]
        if mine in found.features and found.features.index(mine) not in contexts:
            contexts.append(found.features.index(mine))
        chosen += [found.of(n, context) for context in contexts]
    detectors = [one for one in found.detectors() if one.unit not in units]
    return chosen + detectors[: options.ablations]
