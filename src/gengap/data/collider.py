"""A toy Monte Carlo of the process behind the HIGGS data set: any number of labelled rows, from a seed.

`collision` draws the particles of an event; here they are measured and selected, and become the 28 columns of
HIGGS. The simulation is very simple: leading-order decays, no shower, and a detector of a few numbers;
`docs/collider.md` compares it with real rows. The rules of selection and reconstruction were found from the real
rows: thresholds at 15 GeV, exactly two tagged jets, the four leading jets listed, m_bb the mass of the two tagged
jets, m_jj an untagged pair, m_jjj the candidate nearest to the top mass (the other b quark goes to m_jlv), and
m_wbb the larger of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from gengap.data.collision import (
    FLOAT,
    QUARKS,
    RADIATED,
    W_MASS,
    collide,
    mass,
    neutrino_pz,
    pair_mass,
    radiation,
    transverse,
)
from gengap.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS: tuple[str, ...] = (  # of HIGGS too
    "label",
    *("lepton_pT", "lepton_eta", "lepton_phi", "missing_energy_magnitude", "missing_energy_phi"),
    *(f"jet_{jet}_{part}" for jet in (1, 2, 3, 4) for part in ("pt", "eta", "phi", "b_tag")),
    *("m_jj", "m_jjj", "m_lv", "m_jlv", "m_bb", "m_wbb", "m_wwbb"),
)

SIGNAL_FRACTION = 0.53

# What one unit of each column is. HIGGS divides momenta and masses by their mean and angles by their
# spread; its constants are not published, but its columns tell them: the b-tagged jets' momenta and m_bb
# fix all jet scales relative to each other, and with the thresholds at 15 GeV and m_lv's peak at the W
# mass, the sharp agreement of m_wbb and m_wwbb with sums of four-vectors fixes the rest.
_ANGLE = 1.8018
_UNITS = np.array(
    [
        *(54.6, 1.03, _ANGLE, 58.4, _ANGLE),
        *(109.1, 1.0099, _ANGLE, 0.9203),
        *(79.4, 1.0295, _ANGLE, 0.9031),
        *(56.9, 1.0986, _ANGLE, 0.7849),
        *(41.05, 1.2007, _ANGLE, 0.6447),
        *(87.6, 179.4, 81.48, 195.2, 126.5, 336.0, 511.5),
    ],
    dtype=np.float32,
)

_BLOCK = 8_192

MIN_PT, LEPTON_ETA, JET_ETA = 15.0, 2.5, 3.0  # GeV and pseudorapidity
LISTED = 4  # jets that get columns
TOP_REFERENCE = 175.0  # m_jjj is the candidate nearest to this

# Tuned by a random search against the real columns, all together.
_LOSS, _B_LOSS = 0.063, 0.084  # energy that jets lose, in e-folds: half the mean
_JET_NOISE, _JET_FLOOR = 1.4, 0.19  # jet resolution: the first over sqrt(E / GeV), added in squares
_SHARED = 0.45  # the part of the jets' errors that the missing energy shares
_SOFT_NOISE = 20.0  # GeV: unclustered energy along each transverse axis
_LEPTON_NOISE = 0.02
_TAG_B, _TAG_C, _TAG_LIGHT, _TAG_RADIATED = 0.67, 0.11, 0.063, 0.14  # chance of a tag
_TIGHT = 0.81  # part of the tags that are tight
_ORDER_NOISE = 0.31  # jets are listed by a momentum that is coarser by this, in e-folds
_PZ_NOISE = 0.022  # relative error of the neutrino's momentum along the beam


def events(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw `rows` events: features (rows, 28) float32 and labels (rows,) float32, 1 for signal.

    The first rows are the same for any number of rows. Raises UsageError for a negative number or seed.

    >>> features, labels = events(3, seed=1)
    >>> features.shape, labels.shape
    ((3, 28), (3,))
    >>> bool((features == events(5, seed=1)[0][:3]).all())
    True
    """
    _check(rows, seed)
    features = np.empty((rows, len(COLUMNS) - 1), np.float32)
    labels = np.empty(rows, np.float32)
    for i, block in enumerate(_blocks(rows, seed)):
        place = slice(i * _BLOCK, i * _BLOCK + len(block))
        features[place], labels[place] = block[:, 1:], block[:, 0]
    return features, labels


def batches(rows: int | None, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """Yield the events of `events(rows, seed)` as record batches of `COLUMNS`, float32, the label first.

    With `rows=None` there is no end. Raises UsageError for a negative number or seed.
    """
    import pyarrow as pa

    _check(0 if rows is None else rows, seed)
    names = list(COLUMNS)
    blocks = _blocks(rows, seed)
    return (pa.record_batch([pa.array(np.ascontiguousarray(c)) for c in block.T], names) for block in blocks)


def _blocks(rows: int | None, seed: int) -> Iterator[np.ndarray]:
    """Yield the first `rows` rows of the endless table, or all of them, in blocks (at most _BLOCK, 29)."""
    for block in count() if rows is None else range(-(-rows // _BLOCK)):
        yield _block(seed, block)[: None if rows is None else rows - block * _BLOCK]


def _check(rows: int, seed: int) -> None:
    if rows < 0 or seed < 0:
        raise UsageError(f"collider got rows={rows} and seed={seed}: both must be 0 or more")


def _block(seed: int, block: int) -> np.ndarray:
    """Return block number `block` of the endless table, (_BLOCK, 29) float32, from its own seed."""
    rng = np.random.default_rng([seed, block])
    signals = int(rng.binomial(_BLOCK, SIGNAL_FRACTION))
    parts = [_passed(signals, True, rng), _passed(_BLOCK - signals, False, rng)]
    features = np.concatenate(parts, axis=1) / _UNITS[:, None]
    table = np.vstack([(np.arange(_BLOCK) < signals).astype(np.float32), features])
    return rng.permutation(table.T)


def _passed(rows: int, signal: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the columns (28, rows) of `rows` events that pass the selection, in GeV and radians."""
    found, missing = [], rows
    while missing > 0:
        radiated = radiation(3 * missing + 256, signal, rng)
        tags = tag(radiated, rng)
        enough = np.flatnonzero((tags > 0).sum(0) >= 2)  # saves the work on events that can't pass
        columns = measure(*collide(radiated[:, enough], signal, rng), tags[:, enough], rng)
        found.append(columns[:, :missing])
        missing -= found[-1].shape[1]
    return np.concatenate(found, axis=1)


def tag(radiated: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw tags (QUARKS + RADIATED, n) of the partons: 0 none, 1 medium, 2 tight."""
    n = radiated.shape[1]
    chance = np.empty((QUARKS + RADIATED, n), FLOAT)
    chance[:2], chance[3], chance[QUARKS:] = _TAG_B, _TAG_LIGHT, _TAG_RADIATED * radiated
    chance[2] = np.where(rng.random(n, FLOAT) < 0.5, _TAG_C, _TAG_LIGHT)  # half the W to quarks give a charm
    draw = rng.random(chance.shape, FLOAT)
    return (draw < chance).astype(np.int8) + (draw < FLOAT.type(_TIGHT) * chance)


def measure(
    lepton: np.ndarray, neutrino: np.ndarray, partons: np.ndarray, tags: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the 28 columns of the events that pass the selection, (28, passed), in GeV and radians."""
    lepton = lepton * (1 + FLOAT.type(_LEPTON_NOISE) * rng.standard_normal(lepton.shape[1], FLOAT))
    seen = np.flatnonzero(_accepted(lepton, LEPTON_ETA))
    lepton, neutrino, partons, tags = (a[..., seen] for a in (lepton, neutrino, partons, tags))
    jets = _jets(partons, rng)
    good = _accepted(jets, JET_ETA)
    tags = tags * good
    soft = FLOAT.type(_SOFT_NOISE) * rng.standard_normal((2, len(seen)), FLOAT)
    missing = neutrino[1:3] + FLOAT.type(_SHARED) * (partons - jets)[1:3].sum(1) + soft
    passed = np.flatnonzero((good.sum(0) >= LISTED) & ((tags > 0).sum(0) == 2))
    lepton, missing, jets, tags, good = (a[..., passed] for a in (lepton, missing, jets, tags, good))
    coarse = np.exp(FLOAT.type(_ORDER_NOISE) * rng.standard_normal(good.shape, FLOAT))
    order = np.argsort((-transverse(jets) * coarse * good).T, axis=1).T
    jets, tags, good = (_ordered(a, order) for a in (jets, tags, good))
    masses = _masses(lepton, missing, jets, tags, good, rng)
    listed = [row for j in range(LISTED) for row in (*_seen_as(jets[:, j]), tags[j])]
    missing_pt, missing_phi = np.hypot(*missing), np.arctan2(missing[1], missing[0])
    return np.stack([*_seen_as(lepton), missing_pt, missing_phi, *listed, *masses])


def _accepted(p: np.ndarray, eta: float) -> np.ndarray:
    """Return which of `p` (4, ...) have enough transverse momentum and are not too near to the beam."""
    pt = transverse(p)
    return (pt > MIN_PT) & (np.abs(p[3]) < FLOAT.type(np.sinh(eta)) * pt)


def _jets(partons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the measured jets of the partons (4, J, n): same directions, other energies."""
    energy = np.maximum(partons[0], 1)
    spread = np.sqrt(FLOAT.type(_JET_NOISE**2) / energy + FLOAT.type(_JET_FLOOR**2))
    scale = np.maximum(1 + spread * rng.standard_normal(energy.shape, FLOAT), 0)
    loss = np.full((len(energy), 1), _LOSS, FLOAT)
    loss[:2] = _B_LOSS
    size = rng.standard_exponential(energy.shape, FLOAT)
    kept = np.exp(-loss * size * size)  # squared: most jets lose little, a few lose much
    return partons * (scale * kept)


def _ordered(a: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return `a` (..., J, n) with the jets of each event in the order `order` (K, n)."""
    return a[..., order, np.arange(order.shape[1])]


def _seen_as(p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return transverse momentum, pseudorapidity and azimuth of `p` (4, n)."""
    pt = transverse(p)
    return pt, np.arcsinh(p[3] / pt), np.arctan2(p[2], p[1])


def _masses(
    lepton: np.ndarray,
    missing: np.ndarray,
    jets: np.ndarray,
    tags: np.ndarray,
    good: np.ndarray,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Return m_jj, m_jjj, m_lv, m_jlv, m_bb, m_wbb and m_wwbb, each (n,)."""
    tagged_first = np.argsort((tags == 0).T, axis=1, kind="stable").T
    jets, good = _ordered(jets, tagged_first), _ordered(good, tagged_first)
    b1, b2 = jets[:, 0], jets[:, 1]
    jj, m_jj = _w_candidate(jets[:, 2:], good[2:])
    low, high = neutrino_pz(lepton, missing, W_MASS)
    pz = np.where(np.abs(low) < np.abs(high), low, high)
    pz *= 1 + FLOAT.type(_PZ_NOISE) * rng.standard_normal(len(pz), FLOAT)
    energy = np.sqrt(missing[0] * missing[0] + missing[1] * missing[1] + pz * pz)
    lv = lepton + np.stack([energy, *missing, pz])
    m_jjb = mass(jj + b1), mass(jj + b2)
    first_nearer = np.abs(m_jjb[0] - TOP_REFERENCE) < np.abs(m_jjb[1] - TOP_REFERENCE)
    bb = b1 + b2
    return [
        m_jj,
        np.where(first_nearer, *m_jjb),
        mass(lv),
        mass(lv + np.where(first_nearer, b2, b1)),
        pair_mass(b1, b2),
        np.maximum(mass(jj + bb), mass(lv + bb)),
        mass(jj + lv + bb),
    ]


def _w_candidate(jets: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of `jets` (4, K, n) with the mass nearest to the W: four-vector (4, n) and mass (n,)."""
    count = jets.shape[1]
    first, second = np.triu_indices(count, 1)
    m = np.stack([pair_mass(jets[:, i], jets[:, j]) for i, j in zip(first, second, strict=True)])
    off = np.where(good[first] & good[second], np.abs(m - FLOAT.type(W_MASS)), np.inf)
    best = off.argmin(0)
    jets_of_best = (_ordered(jets, which[best][None])[:, 0] for which in (first, second))
    return sum(jets_of_best, np.zeros(1, FLOAT)), _ordered(m, best[None])[0]
