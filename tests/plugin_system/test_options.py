import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imtrans.errors import ConfigError, ImtransError
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.options import CliText, OptionSpec, coerce, default_record, option, refs, specs, to_plain


@dataclass(frozen=True, kw_only=True)
class Everything:
    flag: bool = option(False, "a switch")
    count: int = option(3, "a number of things", low=1, high=9)
    rate: float = option(0.5, "a share", low=0, high=1)
    text: str = option("a", "some text")
    place: Path = option(Path("x"), "a file")
    style: Literal["plain", "fancy"] = option("plain", "how it looks")
    limit: int | None = option(None, "at most; none: no limit", low=0)
    sizes: tuple[int, ...] = option((1, 2), "several", low=1)
    activation: ComponentRef = option(ComponentRef("relu"), "a component", kind="activation")
    activations: tuple[ComponentRef, ...] = option((ComponentRef("relu"),), "components", kind="activation")


KNOWN = specs(Everything)


def told(name: str, value: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        coerce(value, KNOWN[name], where=f"--set {name}")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flag", "true", True),
        ("count", "4", 4),
        ("rate", "1", 1.0),
        ("rate", "2.5e-1", 0.25),
        ("text", "b", "b"),
        ("text", '"b c"', "b c"),
        ("text", "12", "12"),
        ("text", "true", "true"),
        ("place", "a/b.png", Path("a/b.png")),
        ("style", "fancy", "fancy"),
        ("limit", "none", None),
        ("limit", "0", 0),
        ("sizes", "[3, 4]", (3, 4)),
        ("sizes", "5", (5,)),
        ("activation", "mish", ComponentRef("mish")),
        ("activation", '{name="leaky-relu", slope=0.3}', ComponentRef("leaky-relu", {"slope": 0.3})),
        ("activations", '["mish", "relu"]', (ComponentRef("mish"), ComponentRef("relu"))),
        ("activations", "mish", (ComponentRef("mish"),)),
    ],
)
def test_text_becomes_the_options_type(name: str, text: str, value: Any) -> None:
    got = coerce(CliText(text), KNOWN[name], where="--set x")
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("flag", CliText("yes"), "--set flag 'yes': must be true or false"),
        ("flag", 1, "--set flag 1: must be true or false"),
        ("count", True, "--set count True: must be a whole number of at least 1 and at most 9"),
        ("count", CliText("2.5"), "--set count 2.5: must be a whole number of at least 1 and at most 9"),
        ("count", [1], "--set count [1]: must be a whole number of at least 1 and at most 9"),
        ("count", 0, "--set count 0: must be a whole number of at least 1 and at most 9"),
        ("count", 10, "--set count 10: must be a whole number of at least 1 and at most 9"),
        ("rate", CliText("abc"), "--set rate 'abc': must be a finite number of at least 0 and at most 1"),
        ("rate", CliText("nan"), "--set rate 'nan': must be a finite number of at least 0 and at most 1"),
        ("rate", CliText("1e400"), "--set rate '1e400': must be a finite number of at least 0 and at most 1"),
        ("rate", math.inf, "--set rate inf: must be a finite number of at least 0 and at most 1"),
        ("text", 3, "--set text 3: must be text"),
        ("style", "fanzy", "--set style 'fanzy': must be one of plain, fancy; did you mean 'fancy'?"),
        ("style", ["fancy"], "--set style ['fancy']: must be one of plain, fancy"),
        ("limit", -1, "--set limit -1: must be a whole number of at least 0"),
        ("sizes", [1, 0], "--set sizes 0: must be a whole number of at least 1"),
        ("activation", 3, "--set activation 3: must be a component's name, or {name = ..., option = value}"),
        ("activation", {"slope": 1}, "must be a component's name, or {name = ..., option = value}"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(name: str, value: Any, message: str) -> None:
    assert message in told(name, value)


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_many_digits_is_refused_briefly(digits: int) -> None:
    for name in ("count", "rate"):
        assert len(told(name, CliText("1" * digits))) < 160


TEXTS = st.one_of(st.text(), st.floats().map(repr), st.integers().map(str), st.lists(st.integers()).map(str))


@given(text=TEXTS, name=st.sampled_from(sorted(KNOWN)))
def test_any_text_gives_a_value_of_the_type_or_a_config_error(text: str, name: str) -> None:
    value = None
    with contextlib.suppress(ConfigError):
        value = coerce(CliText(text), KNOWN[name], where="--set x")
    assert value is None or coerce(value, KNOWN[name], where="again") == value


@given(st.text())
def test_errors_never_hold_characters_that_drive_a_terminal(text: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in str(ImtransError(text, hint=text)))


def test_every_default_is_a_value_of_its_own_option() -> None:
    for spec in KNOWN.values():
        assert coerce(to_plain(spec.default), spec, where=spec.name) == spec.default


def test_an_instance_as_options_gives_its_own_defaults() -> None:
    assert specs(Everything(count=7))["count"].default == 7
    assert default_record(Everything) == Everything()
    assert specs(None) == {}


def test_types_are_told_in_words() -> None:
    names = {name: spec.type_name for name, spec in KNOWN.items()}
    assert names["style"] == "plain | fancy"
    assert names["limit"] == "int | none"
    assert names["sizes"] == "int..."
    assert names["activations"] == "activation..."


def test_the_components_that_an_option_names_are_found() -> None:
    assert [u.name for u in refs(KNOWN["activations"], (ComponentRef("mish"), ComponentRef("relu")))] == [
        "mish",
        "relu",
    ]
    assert [*refs(KNOWN["activation"], ComponentRef("mish"))] == [ComponentRef("mish")]
    assert [*refs(KNOWN["count"], 3)] == []


def test_plain_values_are_what_toml_can_hold() -> None:
    value = {"a": (ComponentRef("relu"), ComponentRef("leaky-relu", {"slope": 0.3})), "b": Path("x/y")}
    assert to_plain(value) == {"a": ["relu", {"name": "leaky-relu", "slope": 0.3}], "b": str(Path("x/y"))}


def test_none_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(ConfigError, match="must be a whole number"):
        coerce(None, OptionSpec(name="n", type=int, default=1), where="n")
