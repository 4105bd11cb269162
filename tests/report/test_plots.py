"""The pictures' data: lines, marks, limits and names; and the files they end in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D

from gengap.errors import UsageError
from gengap.history import History, Series
from gengap.report import plots
from gengap.report.plots import legend_labels
from gengap.stats.curves import smooth

pytestmark = pytest.mark.usefixtures("whole_studies")

HOSTILE = [
    "g/$x_1$",
    "g/$",
    "g/_a_",
    "g/<script>",
    "g/" + "long" * 40,
    "g/한국어",
    "g/日本",
    "g/a\nb",
    "g/ ",
    "g/\\frac{",
]
BCE = "binary_crossentropy"


def history(
    run: str = "sizes/Tiny", epochs: int = 60, bottom: float = 0.58, seed: int = 0, rise: float = 0
) -> History:
    """A run that falls from 0.7 to `bottom` and then rises by `rise` an epoch from epoch 20 on."""
    every = np.arange(epochs)
    value = bottom + (0.7 - bottom) * np.exp(-every / 5) + rise * np.maximum(every - 20, 0)
    noise = 0.001 * np.random.default_rng(seed).standard_normal(epochs)
    rate = Series(every, 1e-3 / (1 + every / 100))
    train = value - 0.02 * every / epochs
    series = {("train", BCE): Series(every, train), ("validation", BCE): Series(every, value + noise)}
    return History(run, seed, series | {("train", "learning_rate"): rate})


def lines(ax: Axes, label: str) -> list[Line2D]:
    return [line for line in ax.get_lines() if line.get_label() == f"_{label}"]


def xy(line: Line2D) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def legend(ax: Axes | Figure) -> list[str]:
    found = ax.get_legend() if isinstance(ax, Axes) else ax.legends[0]
    return [text.get_text() for text in found.get_texts()] if found else []


def reference(values: np.ndarray, std: float) -> np.ndarray:
    """The definition of `smooth`, written out value by value."""
    result = np.full(len(values), np.nan)
    for i in np.flatnonzero(np.isfinite(values)):
        lags = np.array([k for k in range(i + 1) if np.isfinite(values[i - k]) and (k == 0 or k <= 3 * std)])
        weights = np.exp(-0.5 * (lags / max(std, 1e-9)) ** 2)
        result[i] = (weights * values[i - lags]).sum() / weights.sum()
    return result


VALUES = arrays.arrays(
    np.float64, st.integers(0, 40), elements=st.one_of(st.floats(-100, 100), st.sampled_from([np.nan, np.inf]))
)


@settings(deadline=None)
@given(VALUES, st.one_of(st.just(0.0), st.floats(0.01, 30)))
def test_smoothing_is_a_backward_half_gaussian(values: np.ndarray, std: float) -> None:
    np.testing.assert_allclose(smooth(values, std), reference(values, std), rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(VALUES, st.floats(0, 30), st.integers(0, 40))
def test_smoothing_never_looks_ahead(values: np.ndarray, std: float, cut: int) -> None:
    np.testing.assert_allclose(smooth(values[:cut], std), smooth(values, std)[:cut], rtol=1e-9, atol=1e-9)


def test_smoothing_takes_a_width_for_each_value() -> None:
    values = np.random.default_rng(0).random(50)
    widths = np.linspace(0, 5, 50)
    expected = [smooth(values[: i + 1], width)[-1] for i, width in enumerate(widths)]
    np.testing.assert_allclose(smooth(values, widths), expected)


@pytest.mark.parametrize("std", [-1.0, np.nan, np.inf])
def test_smoothing_refuses_a_width_that_is_none(std: float) -> None:
    with pytest.raises(UsageError, match="expected a finite standard deviation"):
        smooth([1.0, 2.0], std)


def test_curves_draw_train_solid_and_validation_dashed() -> None:
    one = history()
    ax = plots.curves([one], smoothing=0)
    (train,), (validation,) = lines(ax, "train"), lines(ax, "validation")
    for line, split, dash in ((train, "train", "-"), (validation, "validation", "--")):
        np.testing.assert_array_equal(xy(line), (one[split, BCE].epochs, one[split, BCE].values))
        assert line.get_linestyle() == dash
    assert train.get_color() == validation.get_color() == plots.COLOURS[0]
    assert legend(ax) == ["Tiny", "training", "validation"]
    assert not lines(ax, "raw")


def test_curves_smooth_with_the_raw_validation_behind() -> None:
    one = history()
    ax = plots.curves([one], smoothing=3)
    series = one["validation", BCE]
    np.testing.assert_array_equal(xy(lines(ax, "raw")[0])[1], series.values)
    expected = smooth(series.values, np.minimum(3, series.epochs / plots.EPOCHS_PER_STD))
    np.testing.assert_array_equal(xy(lines(ax, "validation")[0])[1], expected)


def test_no_curve_leaves_the_picture_without_a_mark() -> None:
    epochs = np.arange(20)
    validation = np.where(epochs == 7, 90.0, 0.6 - 0.01 * epochs)
    series = {("train", BCE): Series(epochs, 0.5 / (1 + epochs)), ("validation", BCE): Series(epochs, validation)}
    ax = plots.curves([History("a", 0, series)])
    low, high = ax.get_ylim()
    assert low < series["train", BCE].values.min() and high < 90
    x, y = xy(lines(ax, "above")[0])
    assert x.tolist() == [7] and low < y[0] < high
    assert len(lines(ax, "above")) == 1 and not lines(plots.curves([history()]), "above")


def test_the_legend_covers_no_curve_that_goes_up() -> None:
    ax = plots.curves([history(rise=0.004), history("sizes/Small", rise=0.005)])
    figure, found = ax.get_figure(root=True), ax.get_legend()
    assert figure and found
    figure.draw_without_rendering()
    box = found.get_window_extent()
    covered = [
        box.contains(*point) for line in ax.get_lines() for point in ax.transData.transform(line.get_xydata())
    ]
    assert len(covered) > 100 and not any(covered)


def test_smoothing_is_counted_in_epochs_where_logs_are_sparse() -> None:
    epochs = np.arange(0, 1000, 100)
    values = np.random.default_rng(0).random(10)
    ax = plots.curves([History("a", 0, {("validation", BCE): Series(epochs, values)})], smoothing=10)
    np.testing.assert_allclose(xy(lines(ax, "validation")[0])[1], values)  # 100 epochs apart: nothing to smooth


def test_clean_training_is_preferred() -> None:
    one = history()
    clean = Series(np.arange(60), np.full(60, 0.5))
    ax = plots.curves([History("a", 0, {**one.series, ("train", f"clean_{BCE}"): clean})])
    np.testing.assert_array_equal(xy(lines(ax, "train")[0])[1], clean.values)
    assert "training, dropout off" in legend(ax)


def test_the_loss_is_drawn_with_penalties_in_both_splits() -> None:
    keys = [("train", "loss"), ("train", "clean_loss"), ("validation", "loss")]
    every = {key: Series(np.arange(3), np.full(3, float(i))) for i, key in enumerate(keys)}
    ax = plots.curves([History("a", 0, every)], "loss")
    assert [xy(lines(ax, split)[0])[1].tolist() for split in ("train", "validation")] == [[0.0] * 3, [2.0] * 3]
    assert legend(ax) == ["a", "training", "validation"]


def test_log_epochs_show_epoch_0() -> None:
    ax = plots.curves([history()], log_epochs=True, best={"sizes/Tiny": 7})
    assert ax.get_xscale() == "log"
    assert xy(lines(ax, "train")[0])[0][0] == 1
    assert xy(lines(ax, "best")[0])[0] == [8]


def test_best_epochs_are_marked_where_validation_was_logged() -> None:
    one, other = history(), history("sizes/Small")
    ax = plots.curves([one, other], best={"sizes/Small": 12, "elsewhere": 3})
    (mark,) = lines(ax, "best")
    np.testing.assert_array_equal(xy(mark), ([12], [other["validation", BCE].at(12)]))
    assert mark.get_color() == plots.COLOURS[1]
    assert legend(ax)[-1] == "best epoch"


def test_a_best_epoch_that_was_never_run_is_refused() -> None:
    with pytest.raises(UsageError, match=r"best epoch 60 of sizes/Tiny: expected .* 0 to 59"):
        plots.curves([history()], best={"sizes/Tiny": 60})


def test_seeds_of_a_run_share_a_colour_and_a_name() -> None:
    ax = plots.curves([history(seed=0), history(seed=1), history("sizes/Small")])
    colours = [line.get_color() for line in lines(ax, "train")]
    assert colours == [plots.COLOURS[0], plots.COLOURS[0], plots.COLOURS[1]]
    assert legend(ax)[:2] == ["Tiny", "Small"]


def test_many_runs_stay_distinct() -> None:
    ax = plots.curves([history(f"g/{i}", 5) for i in range(30)])
    styles = {(line.get_color(), line.get_marker()) for line in lines(ax, "train")}
    assert len(styles) == 30


def test_a_diverging_run_leaves_the_top() -> None:
    calm, wild = history(epochs=300), history("sizes/Large", epochs=300, rise=0.01)
    ax = plots.curves([calm, wild])
    low, high = ax.get_ylim()
    assert wild["validation", BCE].values.max() > 3 > 0.9 > high
    for one in (calm, wild):
        values = one["validation", BCE].values
        assert low < values.min() and values[0] < high


def test_a_wild_start_does_not_squash_the_others() -> None:
    wild = History("w", 0, {("validation", BCE): Series(np.arange(3), np.array([900.0, 0.7, 0.6]))})
    assert plots.curves([history("a"), history("b"), wild]).get_ylim()[1] < 1


@pytest.mark.parametrize("value", [0.6, 0.0, np.nan, np.inf])
def test_constant_and_missing_curves_are_drawn(value: float) -> None:
    series = Series(np.arange(4), np.full(4, value))
    ax = plots.curves([History("a", 0, {("train", BCE): series, ("validation", BCE): series})], best={"a": 1})
    assert np.isfinite(ax.get_ylim()).all()
    assert len(lines(ax, "best")) == int(np.isfinite(value))


def test_a_value_without_neighbours_is_a_dot() -> None:
    values = np.array([0.9, np.nan, 0.7, 0.6, np.nan])
    curves = {("train", BCE): Series(np.arange(5), values), ("validation", BCE): Series(np.arange(1), values[:1])}
    train, validation = lines(plots.curves([History("a", 0, curves)]), "alone")
    assert [xy(each)[0].tolist() for each in (train, validation)] == [[0], [0]]
    assert (train.get_fillstyle(), validation.get_fillstyle()) == ("full", "none")
    assert not lines(plots.curves([history()]), "alone")


def test_values_that_are_not_finite_leave_gaps() -> None:
    values = np.array([0.7, np.nan, 0.6, np.inf, -np.inf, 0.5])
    ax = plots.curves([History("a", 0, {("validation", BCE): Series(np.arange(6), values)})], smoothing=1)
    for kind in ("raw", "validation"):
        drawn = xy(lines(ax, kind)[0])[1]
        np.testing.assert_array_equal(np.isnan(drawn), ~np.isfinite(values))


@pytest.mark.parametrize("values", [[0.7, 0.6, 1e5, 3e38], [3e38, 0.7, 0.6], [1e308, -1e308, 0.5], [3e38, 3e38]])
def test_overflowing_curves_are_drawn(tmp_path: Path, values: list[float]) -> None:
    series = Series(np.arange(len(values)), np.array(values))
    one = History("a", 0, {("train", BCE): series, ("validation", BCE): series})
    assert plots.save_figures({"g": [one]}, tmp_path, x=np.array([values]), best={"a": 1})


@settings(max_examples=30, deadline=None)
@given(VALUES.filter(len), st.booleans())
def test_any_curve_can_be_drawn(values: np.ndarray, log_epochs: bool) -> None:
    series = Series(np.arange(len(values)), values)
    ax = plots.curves([History("a", 0, {("validation", BCE): series})], log_epochs=log_epochs)
    low, high = ax.get_ylim()
    assert low < high


def test_an_unknown_metric_names_those_logged() -> None:
    with pytest.raises(UsageError, match=r"metric 'mse'.*binary_crossentropy, learning_rate"):
        plots.curves([history()], "mse")
    with pytest.raises(UsageError, match="nothing logged"):
        plots.curves([], "mse")


def test_runs_without_the_metric_are_left_out() -> None:
    ax = plots.curves([History("a", 0), history()])
    assert legend(ax)[0] == "Tiny"


@pytest.mark.parametrize(
    "draw", [lambda ax: plots.curves([history()], ax=ax), lambda ax: plots.learning_rate([history()], ax)]
)
def test_the_given_axes_are_used(draw: Callable[[Axes], Axes]) -> None:
    ax = Figure().add_subplot()
    assert draw(ax) is ax


def test_learning_rate_draws_longer_runs_first_and_ends_in_dots() -> None:
    ax = plots.learning_rate([history("a", 10), history("b", 40)])
    longer, shorter = lines(ax, "rate")
    assert (longer.get_color(), shorter.get_color()) == (plots.COLOURS[1], plots.COLOURS[0])
    np.testing.assert_allclose(xy(shorter)[1], 1e-3 / (1 + np.arange(10) / 100))
    assert [xy(end)[0].tolist() for end in lines(ax, "end")] == [[39], [9]]
    assert ax.get_ylim()[0] == 0
    assert legend(plots.learning_rate(history())) == ["Tiny"]
    (alone,) = lines(plots.learning_rate(history(epochs=2)), "rate")
    assert alone.get_linewidth() == shorter.get_linewidth() < longer.get_linewidth()
    assert alone.axes is not None and alone.axes.get_ylim()[1] > 1.04 * xy(alone)[1].max()
    with pytest.raises(UsageError, match="no run logged it"):
        plots.learning_rate([History("a", 0)])


def test_histogram_counts_every_value() -> None:
    x = np.random.default_rng(0).standard_normal((1000, 5))
    x[0, 0], x[1, 1] = 1e9, np.nan
    ax = plots.feature_histogram(x)
    counts, edges, _ = ax.patches[0].get_data()  # type: ignore[attr-defined]
    assert len(counts) == plots.BINS
    assert edges[-1] < 10
    outside = 4999 - int(counts.sum())
    assert 1 <= outside <= 12
    assert ax.get_xlabel() == f"value of a feature ({outside} of 5,000 lie outside, 1 are not finite)"


def test_histogram_of_chosen_and_of_constant_columns() -> None:
    x = np.column_stack([np.arange(50.0), np.full(50, 3.0)])
    (stairs,) = plots.feature_histogram(x, columns=[1]).patches
    counts, edges, _ = stairs.get_data()  # type: ignore[attr-defined]
    assert counts.sum() == 50 and edges[0] < 3 < edges[-1]
    with pytest.raises(UsageError, match="no finite value"):
        plots.feature_histogram(x * np.nan)


def test_names_without_their_group_stay_apart() -> None:
    assert legend_labels(["sizes/Tiny", "regularizers/l2", "alone"]) == ["Tiny", "l2", "alone"]
    assert legend_labels(["g/a_$x$"]) == [r"a_\$x\$"]
    ends_alike = legend_labels(["g/" + "x" * 30 + "1" + "y" * 30, "g/" + "x" * 30 + "2" + "y" * 30])
    assert len(set(ends_alike)) == 2
    assert all(len(name) <= 32 for name in ends_alike)
    assert len(set(legend_labels(["g/\ue000", "g/\ue001"]))) == 2  # characters that no font has


def test_hostile_names_are_drawn(tmp_path: Path) -> None:
    every = [history(run, 8) for run in HOSTILE]
    (picture, _) = plots.save_figures({"$group_ <b>": every}, tmp_path)
    assert picture.name == "group_-b.png"
    assert imread(picture).shape[:2] == (500, 1200)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4, unique=True))
def test_any_name_is_drawn(runs: list[str]) -> None:
    ax = plots.curves([history(run, 3) for run in runs])
    figure = ax.get_figure(root=True)
    assert figure
    figure.canvas.draw()
    assert len(set(legend(ax))) == len(runs) + 2


def test_save_figures_writes_every_picture_whole(tmp_path: Path) -> None:
    tiny, large = history(), history("sizes/Large", rise=0.01)
    groups = {"sizes": [tiny, large], "regularizers": [tiny, history("regularizers/l2")]}
    best = {"sizes/Tiny": 30, "sizes/Large": 20}
    written = plots.save_figures(
        groups, tmp_path / "figures", x=np.random.default_rng(0).random((20, 3)), best=best
    )
    names = ["sizes.png", "regularizers.png", "learning_rate.png", "features.png"]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(names)
    for path in written:
        pixels = imread(path)
        assert pixels.shape[:2] == (500, 1200)
        assert 0.01 < (pixels[..., :3].min(axis=-1) < 0.9).mean() < 0.5  # neither blank nor blotted


def test_a_group_of_very_many_runs_still_fits(tmp_path: Path) -> None:
    runs = [history(f"g/{'name' * 9}{i}", 3) for i in range(plots.LEGEND_RUNS + 5)]
    assert legend(plots.curves(runs))[plots.LEGEND_RUNS] == "and 5 more"
    assert imread(plots.save_figures({"g": runs}, tmp_path)[0]).shape[:2] == (500, 1200)


def test_groups_that_would_share_a_file_are_refused(tmp_path: Path) -> None:
    for groups in ({"a b": [history()], "a/b": [history()]}, {"features": [history()]}):
        with pytest.raises(UsageError, match="Rename the group"):
            plots.save_figures(groups, tmp_path)
    assert not list(tmp_path.iterdir())


def test_pictures_are_drawn_in_threads_without_pyplot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail

    def draw(i: int) -> bytes:
        return plots.save_figures({"g": [history()]}, tmp_path / str(i))[0].read_bytes()

    with ThreadPoolExecutor(2) as pool:
        pictures = set(pool.map(draw, range(4)))
    assert len(pictures) == 1
