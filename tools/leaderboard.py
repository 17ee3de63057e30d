"""Train presets on public corpora, measure what came of it, and write the leaderboard page.

    python tools/leaderboard.py run [--corpora dickens,latex] [--presets small] [--seconds N]
    python tools/leaderboard.py again [--corpora dickens,latex] [--presets small]
    python tools/leaderboard.py page

`run` trains each preset on each corpus, skipping what was measured before, and keeps every result
as a file of its own under bench/out/leaderboard/. It can be stopped at any moment and gone on with:
a training that was cut short is resumed. The runs themselves go to --runs. `again` measures models
that have been trained before anew. `page` makes docs/leaderboard.md of all results, and
bench/out/leaderboard.json, of which `tools/tables.py` makes the table of compressed sizes in
docs/quality.md. No figure is typed. Of compressors zstd is there where `zstandard` is installed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
OUT = ROOT / "bench" / "out" / "leaderboard"
PAGE = ROOT / "docs" / "leaderboard.md"
CORPORA = (
    "tinyshakespeare",
    "dickens",
    "presidential-speeches",
    "latex",
    "sqlite-c",
    "wikipedia-markup",
)
PRESETS = ("tiny", "small", "medium", "large")
SAMPLE = 400
"""Characters of the sample that is shown."""
OTHERS = {"gzip": "gzip -9", "zstd": "zstd -22", "xz": "xz -9e"}
PACKED = 1_000_000
"""Most bytes of held-out text that are compressed; seconds, for the small presets."""


def measure(
    corpus: str,
    preset: str,
    seconds: float | None,
    runs: Path,
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Train one preset on one corpus and return everything that the page tells.

    Args:
        before: what was measured of the same training already.
    """
    from bench.common import ForeignTime, machine

    import recurra

    folder = runs / f"{corpus}-{preset}"
    options = {} if seconds is None else {"seconds": seconds}
    with ForeignTime() as others:
        began = time.perf_counter()
        if (folder / "run.json").exists():
            model = recurra.load(folder) if _finished(folder) else recurra.resume(folder)
        else:
            model = recurra.train(corpus, run=folder, preset=preset, **options)
        trained = time.perf_counter() - began
    events = [json.loads(line) for line in (folder / "metrics.jsonl").open(encoding="utf-8")]
    took = [one["elapsed_s"] for one in events if one["event"] == "finished"]
    passage = model.passage()
    score = model.score(passage, detail=True)
    judged = model.judge(20, length=1000, seed=0)
    data = passage.data[:PACKED]
    began = time.perf_counter()
    packed = model.compress(data)
    packing = time.perf_counter() - began
    if model.decompress(packed) != data:
        raise SystemExit(f"{corpus} {preset}: what was compressed did not come back.")
    return {
        "corpus": corpus,
        "preset": preset,
        "parameters": model.parameters,
        "trained_s": took[-1] if took else trained,
        "budget_s": model.provenance["options"]["train"]["seconds"],
        "foreign_cores": others.cores if before is None else before["foreign_cores"],
        "trained_on": machine() if before is None else before.get("trained_on", before["machine"]),
        "provenance": model.provenance,
        "score": score.facts(),
        "judged": {
            "generated": judged.generated.facts(),
            "human": judged.human.facts(),
            "samples": judged.samples,
            "length": judged.length,
        },
        "sample": judged.copies.texts[0][:SAMPLE],
        "compressed": {
            "bytes": len(data),
            "characters": len(data.decode("utf-8", "surrogateescape")),
            "recurra": len(packed),
            "seconds": packing,
            "model": 4 * model.parameters,
            **others_sizes(data),
        },
        "machine": machine(),
    }


def _finished(folder: Path) -> bool:
    """Whether a run has come to its end."""
    return bool(json.loads((folder / "run.json").read_text("utf-8"))["status"] == "finished")


def others_sizes(data: bytes) -> dict[str, int]:
    """Return the sizes that other compressors come to, at their strongest."""
    from recurra.tasks.text.score import xz_size

    sizes = {"gzip": len(gzip.compress(data, 9)), "xz": xz_size(data)}
    try:
        import zstandard
    except ModuleNotFoundError:
        return sizes
    return sizes | {"zstd": len(zstandard.ZstdCompressor(level=22).compress(data))}


def page(results: list[dict[str, Any]]) -> str:
    """Return the page, in Markdown."""
    parts = [
        "# Leaderboard\n\nWhat each preset makes of public corpora, on text that it never saw: the "
        "last twentieth of each. Made by `tools/leaderboard.py` from real runs; what every figure "
        "means is said in [How good is it](quality.md).\n",
        f"{_budgets(results)}\n",
        f"Bits per character, lower is better:\n\n{_overview(results)}\n",
        "`xz` may point back to anywhere in the text that is compressed, which a network that does "
        "not learn while it reads cannot: where a text repeats itself, xz is hard to beat.\n",
    ]
    for corpus in _corpora(results):
        rows = [result for result in results if result["corpus"] == corpus]
        parts.append(f"## {corpus}\n\n{_about(rows[0])}\n")
        parts.append(f"{_scores(rows)}\n\n{_texts(rows)}\n\n{_sizes(rows)}\n")
        best = min(rows, key=lambda row: row["score"]["bits_per_char"])
        shown = best["sample"].replace("```", "'''")
        parts.append(f"`{best['preset']}` writes, unprimed, at temperature 1:\n")
        parts.append(f"```text\n{shown}\n```\n")
    machines = sorted({_machine(result.get("trained_on", result["machine"])) for result in results})
    parts.append("## Machine\n\n" + "\n".join(f"- {one}" for one in machines) + "\n")
    return "\n".join(parts)


def _corpora(results: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(result["corpus"] for result in results))


def _budgets(results: list[dict[str, Any]]) -> str:
    """Say how long each preset was trained, of the time it is meant for, and on how many cores."""
    from recurra.tasks.text import presets

    given: dict[str, set[float]] = {}
    for result in results:
        given.setdefault(result["preset"], set()).add(_budget(result))
    own = {name: float(preset.values["seconds"]) for name, preset in presets.PRESETS.items()}
    told = []
    for name, times in given.items():
        part = f" of its {own[name]:,.0f}" if max(times) < own[name] else ""
        told.append(f"`{name}` {_times(times)}{part}")
    cores = {result.get("trained_on", result["machine"])["cores"] for result in results}
    return (
        f"Seconds of training given on each corpus, on {_cores(cores)}: {', '.join(told)}. "
        "These are short trainings: more time makes every one of these networks better, and the "
        f"larger ones have hardly begun.{_tried(results)}"
    )


def _tried(results: list[dict[str, Any]]) -> str:
    """Say which presets were not trained on every corpus, and what they are meant for."""
    from recurra.tasks.text import presets

    told = ""
    for name in dict.fromkeys(result["preset"] for result in results):
        found = _corpora([result for result in results if result["preset"] == name])
        if len(found) < len(_corpora(results)):
            told += f" `{name}` is for {presets.PRESETS[name].about}; it was tried on "
            told += f"{', '.join(found)} alone."
    return told


def _cores(counts: set[int]) -> str:
    return "one core" if counts == {1} else f"{_times({float(n) for n in counts})} cores"


def _budget(result: dict[str, Any]) -> float:
    """Return the seconds a training was given; of one that was given none, those it took."""
    return float(result.get("budget_s") or round(result["trained_s"], -1))


def _times(figures: set[float]) -> str:
    low, high = min(figures), max(figures)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"


def _overview(results: list[dict[str, Any]]) -> str:
    """Return one line a corpus: every preset beside what needs no network."""
    presets = list(dict.fromkeys(result["preset"] for result in results))
    order = results[0]["score"]["kneser_ney_order"]
    took = {r["preset"]: _times({_budget(o) for o in results if o["preset"] == r["preset"]})
            for r in results}  # fmt: skip
    head = [
        "corpus",
        *(f"`{name}`, {took[name]} s" for name in presets),
        f"Kneser-Ney, order {order}",
        "xz -9e",
    ]
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for corpus in _corpora(results):
        rows = {row["preset"]: row["score"] for row in results if row["corpus"] == corpus}
        own = [rows[name]["bits_per_char"] if name in rows else None for name in presets]
        first = next(iter(rows.values()))
        figures = [*own, first["kneser_ney_bits_per_char"], first["xz_bits_per_char"]]
        known = [figure for figure in figures if figure is not None]
        cells = ["" if f is None else f"**{f:.3f}**" if f == min(known) else f"{f:.3f}"
                 for f in figures]  # fmt: skip
        lines.append(_line([f"[{corpus}](#{corpus})", *cells]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _about(result: dict[str, Any]) -> str:
    """Return what was read, in a sentence or two."""
    data, scored = result.get("provenance", {}).get("data", {}), result["score"]
    told = []
    if "characters" in data:
        told.append(f"{data['characters']:,} characters in all ({data['licence']}).")
    if "characters" in scored:
        told.append(f"Scored on {scored['characters']:,}, {scored['method']}.")
    return " ".join(told)


def _scores(rows: list[dict[str, Any]]) -> str:
    head = "| | bits/char | 95 % interval | accuracy | calibration error | trained |"
    lines = [head, "|---|--:|--:|--:|--:|--:|"]
    for row in sorted(rows, key=lambda row: row["parameters"]):
        score = row["score"]
        low, high = score["bits_per_char_interval"]
        busy = " (others were busy)" if row["foreign_cores"] > 0.1 else ""
        lines.append(
            f"| `{row['preset']}`, {row['parameters']:,} parameters | "
            f"{score['bits_per_char']:.3f} | {low:.3f} to {high:.3f} | {score['accuracy']:.1%} | "
            f"{score['calibration']['expected_error']:.1%} | {row['trained_s']:,.0f} s{busy} |"
        )
    first = rows[0]["score"]
    for name, key in (
        (f"Kneser-Ney, order {first['kneser_ney_order']}", "kneser_ney_bits_per_char"),
        ("xz -9e", "xz_bits_per_char"),
        ("uniform", "uniform_bits_per_char"),
    ):
        if first[key] is not None:
            lines.append(f"| {name} | {first[key]:.3f} | | | | |")
    return "\n".join(lines)


def _texts(rows: list[dict[str, Any]]) -> str:
    lines = ["| its text | known words | BLEU | distinct-2 | copied | longest copy |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    judged = [(f"`{row['preset']}`", row["judged"]["generated"]) for row in rows]
    for name, figures in [*judged, ("human", rows[0]["judged"]["human"])]:
        bleu = "" if figures["bleu"] is None else f"{figures['bleu']:.1f}"
        lines.append(
            f"| {name} | {figures['known_words']:.1%} | {bleu} | {figures['distinct'][1]:.1%} | "
            f"{figures['copied_share']:.1%} | {figures['longest_copy']} |"
        )
    return "\n".join(lines)


def _sizes(rows: list[dict[str, Any]]) -> str:
    first = rows[0]["compressed"]
    lines = [
        f"| {first['bytes']:,} bytes of it become | bytes | bits/char | with the model | kB/s |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        packed = row["compressed"]
        name, both = f"`recurra compress`, `{row['preset']}`", packed["recurra"] + packed["model"]
        speed = packed["bytes"] / packed["seconds"] / 1000
        lines.append(_size(name, packed["recurra"], packed["characters"], f"{both:,}", speed))
    for name in OTHERS:
        if name in first:
            lines.append(_size(OTHERS[name], first[name], first["characters"]))
    return "\n".join(lines)


def _size(name: str, size: int, characters: int, both: str = "", speed: float = 0.0) -> str:
    told = f"{speed:,.0f}" if speed else ""
    return f"| {name} | {size:,} | {8 * size / characters:.3f} | {both} | {told} |"


def compression(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one record a corpus: bits a character under every compressor, and bytes.

    Of the presets those that every corpus was learned with.
    """
    corpora, rows = _corpora(results), []
    trained = Counter(result["preset"] for result in results)
    results = [result for result in results if trained[result["preset"]] == len(corpora)]
    for corpus in corpora:
        found = {row["preset"]: row["compressed"] for row in results if row["corpus"] == corpus}
        first = next(iter(found.values()))
        scale = 8 / first["characters"]
        row: dict[str, Any] = {"held-out text": corpus, "bytes": first["bytes"]}
        row |= {f"{told}, bits/char": first[name] * scale
                for name, told in OTHERS.items() if name in first}  # fmt: skip
        for preset, packed in found.items():
            row[f"`{preset}`, bits/char"] = packed["recurra"] * scale
        for preset, packed in found.items():
            row[f"`{preset}`, bytes"] = packed["recurra"]
            row[f"`{preset}` with its model, bytes"] = packed["recurra"] + packed["model"]
        rows.append(row)
    return rows


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"{machine['processor']}, {_cores({machine['cores']})}, {versions}, {machine['date']}"


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["run", "again", "page"])
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--seconds", type=float, help="train so long, not as the preset says")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "leaderboard")
    parser.add_argument("--out", type=Path, default=OUT, help="where results are kept")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.what != "page":
        asked.runs.mkdir(parents=True, exist_ok=True)
        for corpus in asked.corpora.split(","):
            for preset in asked.presets.split(","):
                result = asked.out / f"{corpus}-{preset}.json"
                before = json.loads(result.read_text("utf-8")) if result.exists() else None
                if (before is not None) != (asked.what == "again"):
                    told = "not trained yet" if before is None else f"measured before, {result}"
                    print(f"{corpus} {preset}: {told}")
                    continue
                found = measure(corpus, preset, asked.seconds, asked.runs, before)
                result.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
                print(f"{corpus} {preset}: {found['score']['bits_per_char']:.3f} bits/char")
        return
    results = [json.loads(path.read_text("utf-8")) for path in asked.out.glob("*.json")]
    if not results:
        raise SystemExit(f"there are no results in {asked.out}; measure some with: run.")
    order = {name: n for n, name in enumerate(CORPORA)}
    sizes = {name: n for n, name in enumerate(PRESETS)}
    results.sort(key=lambda one: (order.get(one["corpus"], 99), sizes.get(one["preset"], 99)))
    asked.page.write_text(page(results), "utf-8")
    sizes_found = {"machine": results[0]["machine"], "compression": compression(results)}
    table = asked.out.with_suffix(".json")
    table.write_text(json.dumps(sizes_found, indent=1) + "\n", "utf-8")
    print(f"written: {asked.page}")


if __name__ == "__main__":
    main()
