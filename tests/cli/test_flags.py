"""Flags are derived from option classes: names, types, help, what was given, and complaints."""

from typing import Annotated, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import Field

from recurra.cli.flags import build, collect, options_from
from recurra.cli.settings import bounds
from recurra.core.errors import ConfigError
from recurra.core.options import Options, knob
from recurra.core.sampling import SamplingOptions


class Inner(Options):
    forget_bias: float = knob(1.0, "bias of the forget gate", low=-10, high=10)
    coupled: bool = knob(False, "couple the gates")


class Outer(Options):
    steps: int | None = knob(None, "how long", low=1, unit="steps")
    top_p: float = knob(1.0, "nucleus", above=0, high=1, short="p")
    kind: Literal["every", "last"] = knob("every", "what is learned")
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = knob((128, 64), "units")
    tied: bool = knob(True, "share the table")
    rare: float = knob(0.5, "seldom needed", advanced=True)
    inner: Inner = Inner(coupled=True)


def run(*args: str, base: Outer | None = None) -> tuple[dict, Outer]:
    """Run a command with Outer's flags; return what was collected and what was built."""
    seen: list = []

    @click.command()
    @options_from(Outer)
    def command(**flags):
        seen.append(collect(Outer, flags))
        seen.append(build(Outer, flags, base))

    result = CliRunner().invoke(command, args, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0, result.output
    return seen[0], seen[1]


def help_text(*args: str, **settings) -> str:
    @click.command()
    @options_from(Outer, **settings)
    def command(**flags): ...

    result = CliRunner().invoke(command, args)
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_nothing_given_collects_nothing_and_builds_the_defaults():
    given, built = run()
    assert given == {}
    assert built == Outer()


def test_every_kind_of_field_is_read_from_text():
    given, built = run(
        *"--steps 10 -p 0.9 --kind last --sizes 256,128 --no-tied --rare 1 --coupled".split()
    )
    assert given == {
        "steps": 10, "top_p": 0.9, "kind": "last", "sizes": (256, 128), "tied": False, "rare": 1.0,
        "inner": {"coupled": True},
    }  # fmt: skip
    assert built == Outer(
        steps=10, top_p=0.9, kind="last", sizes=(256, 128), tied=False, rare=1.0,
        inner=Inner(coupled=True),
    )  # fmt: skip


def test_a_single_size_is_a_tuple_too():
    assert run("--sizes", "32")[1].sizes == (32,)


def test_a_value_equal_to_its_default_counts_as_given():
    assert run("--top-p", "1.0")[0] == {"top_p": 1.0}


def test_given_flags_lie_over_a_base_at_every_depth():
    base = Outer(steps=7, kind="last", inner=Inner(forget_bias=2.0, coupled=True))
    _, built = run("--no-coupled", "--kind", "every", base=base)
    assert built == Outer(steps=7, kind="every", inner=Inner(forget_bias=2.0, coupled=False))


def test_a_flag_of_a_nested_class_leaves_what_the_outer_class_sets_beside_it():
    assert run("--forget-bias", "2")[1].inner == Inner(forget_bias=2.0, coupled=True)


def test_a_value_out_of_bounds_is_refused_by_the_flag_that_was_typed():
    with pytest.raises(ConfigError, match=r"^--top-p is 1.5, but should be less than or equal"):
        run("--top-p", "1.5")
    with pytest.raises(ConfigError, match=r"^--forget-bias is 11.0, but "):
        run("--forget-bias", "11")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--sizes", "256,many"], "'many' is not a valid integer"),
        (["--kind", "some"], "'some' is not one of"),
        (["--stpes", "3"], "Did you mean"),
    ],
)
def test_text_that_is_no_value_is_a_usage_error(args, words):
    @click.command()
    @options_from(Outer)
    def command(**flags): ...

    result = CliRunner().invoke(command, args)
    assert result.exit_code == 2
    assert words in result.output


def test_help_says_default_bounds_and_unit():
    text = help_text("--help")
    assert "nucleus [default: 1; above 0, at most 1]" in text
    assert "how long [at least 1; steps]" in text
    assert "units [default: 128,64]" in text
    assert "--tied / --no-tied share the table [default: yes]" in text
    # A nested class shows the default that the outer class gives it.
    assert "couple the gates [default: yes]" in text


def test_advanced_settings_are_shown_by_help_all_only():
    assert "--rare" not in help_text("--help")
    assert "--rare" in help_text("--help-all")


def test_renamed_and_excluded_flags():
    text = help_text("--help", names={"steps": "updates"}, exclude=("inner", "kind"))
    assert "--updates" in text
    assert "--steps" not in text
    assert "--coupled" not in text
    assert "--kind" not in text


def test_a_flag_that_two_settings_share_is_a_bug():
    class Other(Options):
        steps: int = knob(1, "again")

    with pytest.raises(TypeError, match="share the flag --steps"):
        options_from(Outer, Other)


def test_a_field_without_a_form_as_text_is_a_bug():
    class Odd(Options):
        table: dict[str, int] = knob({}, "no text can say this")

    with pytest.raises(TypeError, match=r"--table is a .*; exclude it"):
        options_from(Odd)(lambda: None)


def test_bounds_in_words():
    fields = SamplingOptions.model_fields
    assert bounds(fields["top_p"]) == "above 0, at most 1"
    assert bounds(fields["min_p"]) == "0 to 1"
    assert bounds(fields["top_k"]) == "at least 0"
    assert bounds(fields["resample"]) == ""
