"""Rows on the device: a CPU uses them where they are."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gengap.data.rows import ALIGNMENT, Rows, aligned, to_rows
from gengap.train.jax.trainer import device_data


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other devices have memory of their own")
def test_rows_of_a_loader_are_not_copied() -> None:
    batches = [(np.full((50, 7), at, np.float32), np.full(50, at)) for at in range(9)]
    rows, _ = to_rows("train", batches)
    data = device_data(rows, rows, rows)
    assert data.x.unsafe_buffer_pointer() == rows.x.ctypes.data
    np.testing.assert_array_equal(data.x, np.concatenate([x for x, _ in batches]))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool])
@pytest.mark.parametrize("first", [0, 1, 3])
def test_aligned_rows_hold_the_same_values(kind: type, first: int) -> None:
    array = np.arange(first, 600).astype(kind)[first:].reshape(-1, 1)
    found = aligned(array)
    assert found.ctypes.data % ALIGNMENT == 0 and found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    assert aligned(found) is found
    every_second = aligned(np.arange(100)[::2])
    np.testing.assert_array_equal(every_second, np.arange(0, 100, 2))
    assert len(Rows(found, found)) == len(array)
