"""A toy Monte Carlo of the process behind the HIGGS data set: any number of labelled rows, from a seed.

`collision` draws the particles of an event, `detector` measures and selects them and computes the 28 columns of
HIGGS. The simulation is very simple: leading-order decays, no shower, and a detector of a few numbers;
`docs/collider.md` compares it with real rows. This module has the columns, their units, and the endless table that
the public functions read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gengap.data.physics.collision import collide, radiation
from gengap.data.physics.detector import measure, tag
from gengap.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS: tuple[str, ...] = (
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
    for start in range(0, rows, _BLOCK):
        block = _block(seed, start // _BLOCK)[: rows - start]
        features[start : start + _BLOCK], labels[start : start + _BLOCK] = block[:, 1:], block[:, 0]
    return features, labels


def batches(rows: int | None, seed: int = 0, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Yield the events of `events(rows, seed)` as record batches of `COLUMNS`, float32, the label first.

    With `rows=None` there is no end. `batch_rows` bounds the memory. Raises UsageError for a number below 0 (below
    1 for `batch_rows`).
    """
    _check(0 if rows is None else rows, seed)
    if batch_rows < 1:
        raise UsageError(f"batch_rows is {batch_rows}: a batch needs at least 1 row")
    return _batches(rows, seed, batch_rows)


def _batches(rows: int | None, seed: int, batch_rows: int) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    waiting, block, left = np.empty((0, len(COLUMNS)), np.float32), 0, rows
    while left is None or left > 0:
        want = batch_rows if left is None else min(batch_rows, left)
        parts, have = [waiting], len(waiting)
        while have < want:
            parts.append(_block(seed, block))
            have, block = have + _BLOCK, block + 1
        table = np.concatenate(parts)
        now, waiting = table[:want], table[want:]
        left = None if left is None else left - want
        yield pa.record_batch([pa.array(np.ascontiguousarray(c)) for c in now.T], names=list(COLUMNS))


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
