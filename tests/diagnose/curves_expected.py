"""What the tests of readers share: the only run of a source, held against what is expected."""

from __future__ import annotations

from pathlib import Path

from gengap.diagnose.readers import read
from gengap.diagnose.readers.console import read_console
from gengap.diagnose.run_curves import Log, MetricCurves, choose_curves

LOGS = Path(__file__).parent / "logs"
TRAIN, VALIDATION = [0.9, 0.5, 0.3], [1.0, 0.7, 0.8]  # curves of three epochs


def one(source: object) -> Log:
    (log,) = read(source)
    return log


def judged(source: object, metric: str | None = None) -> MetricCurves:
    return choose_curves(one(source), metric)


def read_curves(text: str) -> MetricCurves:
    """Return the curves that are judged in the only run of console text."""
    (log,) = read_console([text], "a.log")
    return choose_curves(log)


def read_text(folder: Path, text: str, name: str = "train.log") -> list[float]:
    """Return the validation values that are judged in a text."""
    return judged(write(folder, name, text)).validation.values.tolist()


def expect(source: object, validation: dict[int, float], train: dict[int, float] | None) -> Log:
    """The only run in `source`, its loss held against what is expected at each epoch."""
    log = one(source)
    found = choose_curves(log)
    assert dict(zip(found.validation.epochs.tolist(), found.validation.values.tolist(), strict=True)) == validation
    if train is None:
        assert found.train is None
    else:
        assert found.train is not None
        assert dict(zip(found.train.epochs.tolist(), found.train.values.tolist(), strict=True)) == train
    return log


def by_epoch(values: list[float], first: int = 0) -> dict[int, float]:
    return dict(enumerate(values, first))


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
