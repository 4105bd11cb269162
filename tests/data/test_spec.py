"""The data options as one value: what it checks, and that TOML and keywords say the same."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.dataset import load
from gengap.errors import UsageError
from gengap.options.command_line import spec_of
from gengap.options.spec import ColumnKind
from gengap.options.study_options import DataOptions, DataSpec

counts = st.none() | st.integers(1, 10**9)
names = st.none() | st.text(min_size=1, max_size=9)
specs = st.builds(
    DataSpec,
    target=names,
    rows=counts,
    train=counts,
    validation=counts,
    test=st.integers(0, 10**9),
    task=st.sampled_from([None, "binary", "multiclass", "regression"]),
    on_bad_row=st.sampled_from(["fail", "skip"]),
    group=names,
    keep=st.lists(st.text(max_size=5), max_size=3),
    weight=names,
    class_weight=st.sampled_from([None, "balanced"]),
    column=st.dictionaries(st.text(max_size=5), st.sampled_from(get_args(ColumnKind)), max_size=3),
    memory=st.none() | st.floats(1e-3, 1e6),
)


@given(specs)
def test_toml_gives_the_same_specification_back(spec: DataSpec) -> None:
    assert DataSpec.from_toml(spec.to_toml()) == spec
    assert DataSpec.of(**msgspec.structs.asdict(spec)) == spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "rows is 0, expected a whole number of at least 1"),
        ({"train": 2.5}, "train is 2.5, expected a whole number"),
        ({"validation": True}, "validation is True"),
        ({"test": -1}, "test is -1, expected a whole number of at least 0"),
        ({"memory": float("nan")}, "memory is nan, expected a number of GiB above 0"),
        ({"task": "binry"}, r"task is 'binry', expected .* Did you mean 'binary'\?"),
        ({"on_bad_row": None}, "on_bad_row is None, expected 'fail' or 'skip'"),
        ({"class_weight": "equal"}, "class_weight is 'equal', expected 'balanced'"),
        ({"column": {"age": "numeric"}}, r"column 'age': there is no kind 'numeric', .* Did you mean 'number'\?"),
        ({"keep": "age"}, "keep is 'age'"),
        ({"group": "who", "time": "day"}, "group and time are both given"),
    ],
)
def test_a_wrong_value_names_its_field(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DataSpec(**options)
    with pytest.raises(UsageError, match=message):
        load("collider", DataSpec(), **options)


@pytest.mark.parametrize("text", ["rows = 0", "rows = 'x'", "row = 3", "[", "group = 'a'\ntime = 'b'"])
def test_wrong_toml_names_its_file(text: str) -> None:
    with pytest.raises(UsageError, match=r"^data\.toml: "):
        DataSpec.from_toml(text, "data.toml")


def test_keywords_and_the_specification_have_the_same_fields() -> None:
    fields = msgspec.structs.fields(DataSpec)
    assert set(get_type_hints(DataOptions)) == {field.name for field in fields}
    for field in fields:  # the command line shows it as the option's help
        (meta,) = (meta for meta in field.type.__metadata__ if meta.description)
        assert meta.description[0].isupper() or meta.description.startswith("balanced")


def test_numbers_of_numpy_and_lists_become_plain_values() -> None:
    spec = DataSpec(rows=np.int64(5), keep=["a"], column=None)  # pyright: ignore[reportArgumentType]
    assert spec == DataSpec(rows=5, keep=("a",)) and type(spec.rows) is int and spec.keep == ("a",)


def test_a_specification_is_what_keywords_say() -> None:
    one, other = load("collider", DataSpec(train=30, validation=10)), load("collider", train=30, validation=10)
    assert one.digest == other.digest
    assert len(load("collider", DataSpec(train=30, validation=10), train=20).train) == 20


def test_kinds_of_columns_on_the_command_line() -> None:
    for texts, message in ((["kind"], "expected NAME=KIND"), (["a=text", "a=date"], "is both text and date")):
        with pytest.raises(UsageError, match=message):
            spec_of(DataSpec, {"column": texts})
