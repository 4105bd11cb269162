"""Histories: round trip through Parquet, and lookups that say what there is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gengap.history import History, Series, read_histories, write_histories

values = st.lists(st.floats(width=32), min_size=1, max_size=6)
series = st.dictionaries(
    st.tuples(st.sampled_from(["train", "validation"]), st.sampled_from(["loss", "auc"])), values, min_size=1
)


def history(run: str, seed: int, logged: dict[tuple[str, str], list[float]]) -> History:
    return History(
        run, seed, {key: Series(np.arange(len(v)) * 2, np.array(v, np.float64)) for key, v in logged.items()}
    )


@given(st.lists(st.tuples(st.text(min_size=1), st.integers(0, 3), series), max_size=4, unique_by=lambda t: t[:2]))
def test_reads_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, written: list) -> None:
    path = tmp_path_factory.mktemp("h") / "histories.parquet"
    histories = [history(*one) for one in written]
    write_histories(histories, path)
    back = read_histories(path)
    assert [(h.run, h.seed) for h in back] == [(h.run, h.seed) for h in histories]
    for a, b in zip(histories, back, strict=True):
        assert set(a.series) == set(b.series)
        for key in a.series:
            np.testing.assert_array_equal(a[key].epochs, b[key].epochs)
            np.testing.assert_array_equal(a[key].values, b[key].values)
    assert [p.name for p in path.parent.iterdir()] == ["histories.parquet"]


def test_lookups_say_what_was_logged() -> None:
    one = history("sizes/Tiny", 0, {("train", "loss"): [0.5, 0.4]})
    assert one["train", "loss"].at(2) == 0.4
    assert one.epochs == 3
    with pytest.raises(KeyError, match="epoch 1 was not logged"):
        one["train", "loss"].at(1)
    with pytest.raises(KeyError, match="sizes/Tiny logged no train/auc; it logged train/loss"):
        one["train", "auc"]
    assert one.renamed("a/b").run == "a/b"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "histories.parquet"
    write_histories([history("a", 0, {("train", "loss"): [1.0]})], path)
    broken = History("b", 0, {("train", "loss"): Series(np.arange(2), np.zeros(3))})
    with pytest.raises(ValueError):
        write_histories([broken], path)
    assert [h.run for h in read_histories(path)] == ["a"]
