"""The toy collider: its laws, and how near it comes to real rows of HIGGS."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.data import collider, collision
from gengap.data.collision import mass
from gengap.errors import UsageError

NAMES = collider.COLUMNS[1:]
TAGS = [k for k, name in enumerate(NAMES) if name.endswith("b_tag")]
ANGLES = [k for k, name in enumerate(NAMES) if name.endswith(("eta", "phi"))]
MASSES = [k for k, name in enumerate(NAMES) if name.startswith("m_")]
MOMENTA = [k for k in range(28) if k not in {*TAGS, *ANGLES, *MASSES}]

# The largest Kolmogorov-Smirnov distance allowed between the toy and the real rows of one class. Two
# samples of this size (7,500 and 23,000 rows) from one distribution stay below 0.026 in 99.9% of cases, so
# the bounds measure the toy. Angles are nearly free of physics and must agree; momenta and masses depend on
# what the toy leaves out (showers, hadrons, a calorimeter), which moves single quantiles by about 10%.
BOUNDS = [*((k, 0.06) for k in ANGLES), *((k, 0.09) for k in MOMENTA), *((k, 0.10) for k in MASSES)]


@pytest.fixture(scope="module")
def toy() -> tuple[np.ndarray, np.ndarray]:
    return collider.events(50_000, seed=7)


@pytest.fixture(scope="module")
def real(higgs_path: Path) -> tuple[np.ndarray, np.ndarray]:
    options = pyarrow.csv.ReadOptions(column_names=list(collider.COLUMNS))
    table = pyarrow.csv.read_csv(higgs_path, read_options=options)
    columns = [c.to_numpy().astype(np.float32) for c in table.columns]
    return np.stack(columns[1:], axis=1), columns[0]


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    at = np.union1d(a, b)
    gaps = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in (a, b)]
    return float(np.abs(gaps[0] - gaps[1]).max())


def tag_levels(features: np.ndarray) -> np.ndarray:
    """The four b-tags of each row as 0 (none), 1 (medium) or 2 (tight): (n, 4)."""
    tags = features[:, TAGS]
    return np.rint(2 * tags / tags.max(0)).astype(int)


def test_the_columns_are_those_of_higgs_in_its_order():
    assert len(collider.COLUMNS) == 29
    assert collider.COLUMNS[:7] == (
        "label",
        "lepton_pT",
        "lepton_eta",
        "lepton_phi",
        "missing_energy_magnitude",
        "missing_energy_phi",
        "jet_1_pt",
    )
    assert collider.COLUMNS[-8:] == (
        "jet_4_b_tag",
        "m_jj",
        "m_jjj",
        "m_lv",
        "m_jlv",
        "m_bb",
        "m_wbb",
        "m_wwbb",
    )


def test_rows_are_finite_float32_within_the_detector(toy):
    features, labels = toy
    assert features.shape == (50_000, 28) and features.dtype == np.float32 and features.flags.c_contiguous
    assert labels.shape == (50_000,) and labels.dtype == np.float32
    assert np.isfinite(features).all()
    assert set(labels) == {0.0, 1.0}
    assert abs(labels.mean() - collider.SIGNAL_FRACTION) < 0.01
    assert features[:, [*MOMENTA, *MASSES]].min() > 0
    assert features[:, NAMES.index("lepton_pT")].min() * 54.6 >= 15 - 1e-3
    assert np.abs(features[:, [NAMES.index("lepton_phi"), NAMES.index("jet_2_phi")]]).max() < np.pi / 1.8
    assert [len(np.unique(features[:, k])) for k in TAGS] == [3, 3, 3, 3]


def test_momenta_and_masses_have_mean_1_and_angles_spread_1(toy):
    features, _ = toy
    assert np.abs(features[:, [*MOMENTA, *MASSES]].mean(0) - 1).max() < 0.12
    assert np.abs(features[:, ANGLES].std(0) - 1).max() < 0.12


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 2**63))
def test_more_rows_begin_with_the_same_rows(a, b, seed):
    (few, few_labels), (many, many_labels) = (collider.events(n, seed) for n in sorted((a, b)))
    assert few.tobytes() == many[: len(few)].tobytes()
    assert few_labels.tobytes() == many_labels[: len(few)].tobytes()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 20_000), st.integers(0, 100))
def test_batches_joined_are_the_events(rows, seed):
    features, labels = collider.events(rows, seed)
    parts = list(collider.batches(rows, seed))
    assert sum(part.num_rows for part in parts) == rows
    assert all(part.num_rows > 0 for part in parts)
    if parts:
        table = pa.Table.from_batches(parts)
        assert tuple(table.column_names) == collider.COLUMNS
        assert set(table.schema.types) == {pa.float32()}
        joined = np.stack([c.to_numpy() for c in table.columns], axis=1)
        np.testing.assert_array_equal(joined, np.column_stack([labels, features]))


def test_without_a_number_of_rows_batches_never_end():
    parts = list(islice(collider.batches(None, seed=3), 5))
    before, rows = (sum(part.num_rows for part in some) for some in (parts[:-1], parts))
    last = parts[-1].column("m_bb").to_numpy()
    np.testing.assert_array_equal(last, collider.events(rows, 3)[0][before:, NAMES.index("m_bb")])


def test_seeds_and_blocks_differ():
    assert not np.isin(collider.events(100, 0)[0][:, 0], collider.events(100, 1)[0][:, 0]).all()
    features, _ = collider.events(3 * collider._BLOCK)
    assert len(np.unique(features[:, 0])) > 0.9 * len(features)
    assert len(np.unique(features, axis=0)) == len(features)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: collider.events(-1), "rows=-1"),
        (lambda: collider.events(1, seed=-5), "seed=-5"),
        (lambda: collider.batches(-1), "rows=-1"),
        (lambda: collider.batches(1, seed=-5), "seed=-5"),
    ],
)
def test_bad_numbers_are_refused_at_once(call, text):
    with pytest.raises(UsageError, match=text):
        call()


@pytest.mark.parametrize("signal", [True, False])
def test_a_collision_keeps_momentum_and_the_masses_of_its_chain(signal):
    rng = np.random.default_rng(0)
    lepton, neutrino, partons = collision.collide(collision.radiation(2_000, signal, rng), signal, rng)
    total = lepton + neutrino + partons.sum(1)
    assert np.abs(total[1:3]).max() < 0.05
    system = lepton + neutrino + partons[:, :4].sum(1)
    m_bb, m_qq = mass(partons[:, 0] + partons[:, 1]), mass(partons[:, 2] + partons[:, 3])
    assert abs(np.median(m_qq) - collision.W_MASS) < 0.5
    if signal:
        np.testing.assert_allclose(mass(system), collision.HEAVY_HIGGS, rtol=0.01)
        np.testing.assert_allclose(m_bb, collision.LIGHT_HIGGS, rtol=0.02)
    else:
        assert mass(system).min() > 2 * collision.TOP_MASS - 1
        tops = [mass(lepton + neutrino + partons[:, b]) for b in (0, 1)]
        off = np.abs(np.stack(tops) - collision.TOP_MASS).min(0)
        assert off.max() < 3


def listed_pair_masses(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In GeV, m_bb as the column gives it and as the two tagged jets give it, where both are listed."""
    features = (features * np.float64(collider._UNITS))[(tag_levels(features) > 0).sum(1) == 2]
    tagged = np.argsort(-(features[:, TAGS] > 0).astype(int), axis=1, kind="stable")[:, :2]
    pt, eta, phi = (np.take_along_axis(features, part + 4 * tagged, axis=1) for part in (5, 6, 7))
    angle = np.cosh(eta[:, 0] - eta[:, 1]) - np.cos(phi[:, 0] - phi[:, 1])
    return features[:, NAMES.index("m_bb")], np.sqrt(2 * pt[:, 0] * pt[:, 1] * angle)


def test_m_bb_is_the_mass_of_the_two_tagged_jets(toy):
    given, computed = listed_pair_masses(toy[0])
    np.testing.assert_allclose(given, computed, rtol=1e-3, atol=0.5)  # float32, and jets of several TeV


@pytest.mark.parametrize("signal", [True, False])
def test_true_masses_show_as_peaks(toy, signal):
    features, labels = toy
    masses = features[labels == signal] * collider._UNITS

    def share(name: str, low: float, high: float) -> float:
        column = masses[:, NAMES.index(name)]
        return float(((column > low) & (column < high)).mean())

    assert share("m_lv", 75, 85) > 0.6
    assert share("m_jj", 60, 100) > 0.55
    if signal:
        assert share("m_bb", 80, 140) > 0.5
        assert share("m_wwbb", 340, 510) > 0.55
    else:
        assert share("m_bb", 80, 140) < 0.45
        assert share("m_jjj", 140, 200) > 0.55


def test_real_rows_keep_the_rule_for_m_bb_too(real):
    given, computed = listed_pair_masses(real[0][7_000:])
    # 1 row in 100 lists two tagged jets of more that it had.
    assert (np.abs(given / computed - 1) < 4e-3).mean() > 0.98


@pytest.mark.parametrize(("k", "bound"), BOUNDS, ids=[NAMES[k] for k, _ in BOUNDS])
def test_each_column_is_near_the_real_one(real, toy, k, bound):
    for labels in ({0}, {1}, {0, 1}):
        a, b = (features[np.isin(y, list(labels)), k] for features, y in (real, toy))
        distance = ks_distance(a, b)
        assert distance < bound, f"{NAMES[k]}, labels {labels}: distance {distance:.3f}"


def test_each_column_alone_separates_about_as_well(real, toy):
    from sklearn.metrics import roc_auc_score

    for k, name in enumerate(NAMES):
        aucs = [float(roc_auc_score(labels, features[:, k])) for features, labels in (real, toy)]
        assert abs(aucs[0] - aucs[1]) < 0.04, f"{name} alone: AUC {aucs}"


@pytest.mark.parametrize("label", [0, 1])
def test_tags_are_as_frequent_as_real_ones(real, toy, label):
    shares = [
        np.stack([(tag_levels(features[labels == label]) == level).mean(0) for level in (0, 1, 2)])
        for features, labels in (real, toy)
    ]
    assert np.abs(shares[0] - shares[1]).max() < 0.06


@pytest.mark.parametrize(
    ("part", "bound"),
    [(slice(28), 0.025), (slice(21), 0.04), (slice(21, 28), 0.025)],
    ids=["all", "low", "high"],
)
def test_boosted_trees_separate_it_as_well_as_real_rows(real, toy, part, bound):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    train, test = slice(0, 10_000), slice(10_000, 14_978)
    aucs = []
    for features, labels in (real, toy):
        model = HistGradientBoostingClassifier(random_state=0).fit(features[train, part], labels[train])
        aucs.append(roc_auc_score(labels[test], model.predict_proba(features[test, part])[:, 1]))
    assert abs(aucs[0] - aucs[1]) < bound, f"AUC {aucs[0]:.3f} on real rows, {aucs[1]:.3f} on the toy's"
