"""Compare the simulated collider with real rows of HIGGS: a table of distances, and a figure of every column.

    python examples/collider_vs_higgs.py HIGGS.csv.gz [PICTURE.png]

The file has no header and the label first, as published; the first 14,978 rows are used. The table is
written in Markdown to standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow.csv
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from gengap.data import collider

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows: TypeAlias = tuple[np.ndarray, np.ndarray]  # features (n, 28) and labels (n,)

ROWS, TRAIN = 14_978, 10_000
NAMES = collider.COLUMNS[1:]
COLOURS = {1: ("signal", "#0072B2"), 0: ("background", "#E69F00")}


def real_rows(path: str) -> Rows:
    """The first `ROWS` rows of a HIGGS file: features (n, 28) and labels (n,), both float32."""
    options = pyarrow.csv.ReadOptions(column_names=list(collider.COLUMNS))
    table = pyarrow.csv.read_csv(path, read_options=options).slice(0, ROWS)
    columns = [c.to_numpy().astype(np.float32) for c in table.columns]
    return np.stack(columns[1:], axis=1), columns[0]


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance: the largest gap between two empirical distribution functions."""
    a, b = np.sort(a.round(3)), np.sort(b.round(3))  # part of the published rows have three decimals
    at = np.union1d(a, b)
    gaps = np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)
    return float(np.abs(gaps).max())


def boosted_trees_auc(features: np.ndarray, labels: np.ndarray) -> float:
    """ROC AUC of default boosted trees, trained on the first `TRAIN` rows and scored on the rest."""
    model = HistGradientBoostingClassifier(random_state=0).fit(features[:TRAIN], labels[:TRAIN])
    return float(roc_auc_score(labels[TRAIN:], model.predict_proba(features[TRAIN:])[:, 1]))


def print_table(real: Rows, toy: Rows) -> None:
    """Print the tables of `docs/collider.md`."""
    print("| column | distance, signal | background | both | AUC alone, real | toy |")
    print("|---|---|---|---|---|---|")
    for k, name in enumerate(NAMES):
        a, b = real[0][:, k], toy[0][:, k]
        distances = [ks_distance(a[real[1] == label], b[toy[1] == label]) for label in (1, 0)]
        aucs = [roc_auc_score(labels, x) for x, labels in ((a, real[1]), (b, toy[1]))]
        numbers = [*distances, ks_distance(a, b), *aucs]
        print(f"| {name} | " + " | ".join(f"{x:.3f}" for x in numbers) + " |")
    print("\n| boosted trees on | AUC, real | toy |\n|---|---|---|")
    for name, part in (
        ("all 28 columns", slice(28)),
        ("the first 21", slice(21)),
        ("the 7 masses", slice(21, 28)),
    ):
        aucs = [boosted_trees_auc(features[:, part], labels) for features, labels in (real, toy)]
        print(f"| {name} | {aucs[0]:.3f} | {aucs[1]:.3f} |")


def draw(real: Rows, toy: Rows, path: Path) -> None:
    """Draw one panel per column: real rows as lines, simulated rows as filled areas."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(7, 4, figsize=(11, 14), layout="constrained")
    one_line_a_jet = sorted(NAMES, key=lambda name: name == "missing_energy_phi")
    for name, ax in zip(one_line_a_jet, axes.flat, strict=True):
        draw_column(ax, name, real, toy)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def draw_column(ax: Axes, name: str, real: Rows, toy: Rows) -> None:
    """Draw the four histograms of one column."""
    k = NAMES.index(name)
    both = real[0][:, k]
    if name.endswith("b_tag"):
        bins = np.linspace(-0.125, 1.125, 6) * both.max()
    else:
        top = both.max() if both.min() < 0 else np.quantile(both, 0.99)  # momenta and masses have long tails
        bins = np.linspace(both.min(), top, 41)
    for label, (word, colour) in COLOURS.items():
        filled, outlined = (rows[0][rows[1] == label, k] for rows in (toy, real))
        ax.hist(filled, bins, density=True, color=colour, alpha=0.35, label=f"{word}, toy")
        style = {"histtype": "step", "linewidth": 1.3, "color": colour}
        ax.hist(outlined, bins, density=True, label=f"{word}, real", **style)
    ax.set_title(name, fontsize=10)
    if name == "m_lv":  # nearly all in one bin
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_title("m_lv (log scale)", fontsize=10)
    ax.set_yticks([])
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right", "left"]].set_visible(False)


def main(arguments: list[str]) -> None:
    """Print the table, and draw the figure if its path is given."""
    if not 1 <= len(arguments) <= 2:
        raise SystemExit("usage: python examples/collider_vs_higgs.py HIGGS.csv.gz [PICTURE.png]")
    real, toy = real_rows(arguments[0]), collider.events(ROWS)
    print_table(real, toy)
    if len(arguments) == 2:
        draw(real, toy, Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
