"""Every field of both specifications is an option of the command line, is reproduced, and is documented."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import gengap
from gengap.cli import app
from gengap.errors import UsageError, did_you_mean
from gengap.options.command_line import spec_of
from gengap.options.spec import BackendName, Field, Spec, Stop, fields_of
from gengap.options.study_options import DataSpec, RunSpec, StudyOptions
from gengap.study import study
from gengap.study.provenance import study_provenance

ROOT = Path(__file__).parents[1]
SPECS = (DataSpec, RunSpec)
FIELDS = [(spec, name, field) for spec in SPECS for name, field in fields_of(spec).items()]
each_field = pytest.mark.parametrize(("spec", "name", "field"), FIELDS, ids=[name for _, name, _ in FIELDS])
run_specs = st.builds(
    RunSpec,
    seeds=st.integers(1, 99),
    max_epochs=st.none() | st.integers(1, 10**9),
    only=st.none() | st.text(max_size=9),
    stop=st.sampled_from([None, *get_args(Stop)]),
    jobs=st.none() | st.integers(1, 99),
    backend=st.sampled_from([None, *get_args(BackendName)]),
    out=st.none() | st.text(max_size=9),
)


def value_of(field: Field) -> tuple[Any, str]:
    """A value that differs from the default, and how the command line says it."""
    if get_origin(field.kind) is dict:
        return {"shop": "category"}, "shop=category"
    if get_origin(field.kind) is tuple:
        return ("shop",), "shop"
    if field.choices:
        return field.choices[-1], field.choices[-1]
    if field.kind in (int, float):
        return field.kind(3), str(field.kind(3))
    return "a:b", "a:b"


@each_field
def test_every_field_is_an_option_with_help(spec: type[Spec], name: str, field: Field) -> None:
    option = f"--{name.replace('_', '-')}"
    group: Any = typer.main.get_command(app)
    options = {each for parameter in group.commands["study"].params for each in parameter.opts}
    assert option in options
    assert field.help
    shown = " ".join(CliRunner().invoke(app, ["study", "--help"], terminal_width=200).output.split())
    assert field.help.split(";")[0][:60] in shown


@each_field
def test_every_field_is_in_the_command_that_repeats_a_study(spec: type[Spec], name: str, field: Field) -> None:
    value, words = value_of(field)
    specs: dict[type[Spec], Any] = {each: each() for each in SPECS} | {spec: spec(**{name: value})}
    found = study_provenance("collider", "quick", specs[DataSpec], specs[RunSpec])
    assert found.command[-2:] == (f"--{name.replace('_', '-')}", words)
    assert f", {name}={value!r})" in found.call


@each_field
def test_every_field_is_a_keyword_and_is_documented(spec: type[Spec], name: str, field: Field) -> None:
    assert name in get_type_hints(StudyOptions)
    assert f"        {name}: " in inspect.getdoc(spec).replace("    ", "        ")  # pyright: ignore
    assert f"`{name}`" in (inspect.getdoc(study) or "")
    option = f"--{name.replace('_', '-')}"
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    assert any(option in page or f"`{name}=" in page or f"{name}=" in page for page in pages), option


def test_no_keyword_is_without_a_field() -> None:
    assert set(get_type_hints(StudyOptions)) == {name for _, name, _ in FIELDS}


@given(run_specs)
def test_toml_gives_the_same_specification_back(spec: RunSpec) -> None:
    assert RunSpec.from_toml(spec.to_toml()) == spec
    assert RunSpec.of(**msgspec.structs.asdict(spec)) == spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "seeds is 0, expected a whole number of at least 1"),
        ({"jobs": True}, "jobs is True"),
        ({"stop": "patient"}, r"stop is 'patient', expected 'patience' or 'verdict'\. Did you mean 'patience'\?"),
        ({"backend": "spark"}, "backend is 'spark', expected 'dask' or 'ray'"),
    ],
)
def test_a_wrong_value_names_its_field(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gengap.study("collider", **options)


def test_a_misspelt_keyword_gets_a_suggestion() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'seed'\. Did you mean 'seeds'\?"):
        gengap.study("collider", seed=2)  # pyright: ignore


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study", "--on-bad-row", "skp"], "'skp', expected 'fail' or 'skip'. Did you mean 'skip'?"),
        (["study", "--plan", "qick"], "Did you mean 'quick'?"),
        (["study", "--column", "shop=categry"], "Did you mean 'category'?"),
        (["diagnose", "x", "--fail-on", "overfitt"], "Did you mean 'overfit'?"),
    ],
)
def test_a_misspelt_value_gets_a_suggestion(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, words, terminal_width=200)
    assert said in " ".join([*done.output.split(), str(done.exception)]), done.output
    assert done.exit_code != 0


NEAR = [
    ("tumour", ["tumor"]),
    ("weigth", ["height", "weight"]),
    ("acc", ["loss", "accuracy"]),
    ("categorical", ["category"]),
    ("numeric", ["number"]),
    ("is_it", ["is it"]),
    ("ages", ["age", "wages"]),
    ("Tiny", ["sizes/large", "sizes/Tiny"]),
]
NOT_NEAR = [
    ("outcome", ["income"]),
    ("mse", ["mae"]),
    ("rate", ["date"]),
    ("x", ["y"]),
    ("f13", ["f12", "f1"]),
    ("validation_loss", ["validation_mae"]),
    ("patience", ["plan", "open", "time"]),
    ("collider-quick", ["collider-full"]),
]


@pytest.mark.parametrize(("name", "known"), NEAR)
def test_a_name_that_is_near_is_suggested(name: str, known: list[str]) -> None:
    close = next(each for each in known if each not in ("height", "loss", "wages", "sizes/large"))
    assert did_you_mean(name, known) == f" Did you mean {close!r}?"
    assert did_you_mean(name.upper(), known[::-1]) == f" Did you mean {close!r}?"


@pytest.mark.parametrize(("name", "known"), NOT_NEAR)
def test_a_name_that_is_not_near_is_not_suggested(name: str, known: list[str]) -> None:
    assert did_you_mean(name, known) == ""


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--seds", "No such option: --seds. Did you mean '--seeds'?"),
        ("--epochs", "No such option: --epochs. Did you mean '--max-epochs'?"),
        ("--lang", "No such option: --lang."),
    ],
)
def test_an_unknown_option_suggests_only_what_is_near(option: str, said: str) -> None:
    done = CliRunner().invoke(app, ["study", option, "2"], terminal_width=200)
    assert done.output.strip().endswith(said) and done.exit_code == 2


def test_specifications_and_keywords_mean_the_same() -> None:
    data, run = DataSpec(train=40, validation=20), RunSpec(only="sizes/Tiny", max_epochs=1)
    one = gengap.study("collider", data=data, run=run)
    other = gengap.study("collider", train=40, validation=20, only="sizes/Tiny", max_epochs=1)
    assert one.trials[0].metrics == other.trials[0].metrics
    assert one.summary.provenance is not None and one.summary.provenance == other.summary.provenance


def test_options_of_the_command_line_make_a_specification() -> None:
    options = {"column": ["a=text"], "keep": ["b"], "rows": 5, "task": None}
    assert spec_of(DataSpec, options) == DataSpec(column={"a": "text"}, keep=("b",), rows=5)


def test_the_version_and_the_completion_of_shells() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"gengap {gengap.__version__}\n"
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output
