"""The most common forms: dicts of fractional epochs, lines printed twice, a checkpoint's lines, cells as lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gengap.diagnose import diagnose
from gengap.diagnose.readers import read
from gengap.diagnose.run_curves import MetricCurves, choose_curves

LOSSES = st.lists(st.floats(0.01, 99).map(lambda x: round(x, 4)), min_size=4, max_size=14)
FEW = settings(max_examples=25, deadline=None)


def judged(folder: Path, lines: list[str]) -> MetricCurves:
    path = folder / "train.log"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    (log,) = read(path)
    return choose_curves(log)


@FEW
@given(losses=LOSSES, several=st.sampled_from([2, 4, 5]), quoted=st.booleans())
def test_training_at_parts_of_an_epoch_belongs_to_the_epoch_that_they_end_in(
    tmp_path_factory: pytest.TempPathFactory, losses: list[float], several: int, quoted: bool
) -> None:
    lines = []
    for epoch, loss in enumerate(losses):
        parts = [{"loss": loss / 2, "epoch": round(epoch + k / several, 2)} for k in range(1, several + 1)]
        records = [*parts, {"eval_loss": loss, "eval_runtime": 1.5, "epoch": epoch + 1.0}]
        lines += [str({k: str(v) for k, v in each.items()} if quoted else each) for each in records]
    folder = tmp_path_factory.mktemp("run")
    found = judged(folder, lines)
    assert found.validation.values.tolist() == losses
    assert found.validation.epochs.tolist() == list(range(1, len(losses) + 1))
    assert found.train is not None and found.train.epochs.tolist() == found.validation.epochs.tolist()
    assert found.train.values == pytest.approx([loss / 2 for loss in losses])
    assert diagnose(str(folder / "train.log")).verdict
