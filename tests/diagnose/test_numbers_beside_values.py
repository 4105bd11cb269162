"""Numbers beside a loss that are none of its values, and results that are no curve."""

from __future__ import annotations

from pathlib import Path

import pytest

from gengap.diagnose.readers import read
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.run_curves import choose_curves
from gengap.errors import GengapError

EPOCHS = range(1, 9)
TRAIN = [round(0.05 + 0.9 * 0.8**e, 4) for e in EPOCHS]
VAL = [round(0.5 + 0.4 * 0.7**e, 4) for e in EPOCHS]
RATES = [round(0.001 * 0.9**e, 6) for e in EPOCHS]


def lines(form: str) -> str:
    """Return a line for each epoch: {e} is the epoch, {t} and {v} are the losses, {lr} is the learning rate."""
    return "".join(
        f"{form}\n".format(e=e, t=t, v=v, lr=lr) for e, t, v, lr in zip(EPOCHS, TRAIN, VAL, RATES, strict=True)
    )


@pytest.mark.parametrize(
    "form",
    [
        "Epoch {e} train loss over 100 steps: {t}, val loss over 20 steps: {v}",
        "Epoch {e}: train loss {t}, val/test loss {v}/0.7{e}",
        "Epoch {e}: lr {lr}, train/val loss {t}/{v}",
        "Epoch {e}: train loss {t} (cls 0.1 + box 0.2), val loss {v} (cls 0.2 + box 0.3)",
        "Epoch {e}: train loss {t}, val loss {v}, min val loss at step 300: 0.4",
    ],
)
def test_a_number_beside_a_loss_is_not_its_value(form: str) -> None:
    (log,) = read_console([lines(form)], "a.log")
    found = choose_curves(log)
    assert found.validation.values.tolist() == VAL
    assert found.train is not None
    assert found.train.values.tolist() == TRAIN


def test_an_average_behind_the_value_of_a_batch_is_the_loss() -> None:
    (log,) = read_console([lines("Epoch {e}: train loss 0.9 ({t}), val loss 0.8 ({v})")], "a.log")
    assert choose_curves(log).validation.values.tolist() == VAL


@pytest.mark.parametrize(
    "text",
    [
        lines("layer {e}: pruning loss {t}, test accuracy {v}"),
        "Student,Test score,Final score\n" + lines("s{e},{v},{t}"),
        "Model & Val acc & Test acc\\\\\n" + lines("M{e} & {v} & {t} \\\\"),
        lines("Epoch {e}: train, val and test loss: {t}, {v} and 0.7{e}"),  # which is which is not certain
        "Patient  Age  Test accuracy\n" + lines("P{e}  4{e}  {v}"),
    ],
)
def test_results_and_lists_of_three_splits_are_no_curve(text: str, tmp_path: Path) -> None:
    path = tmp_path / "results.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GengapError, match=r"no (training|validation) curve|tells rows apart"):
        for log in read(path):
            choose_curves(log)
