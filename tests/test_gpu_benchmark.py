"""The GPU benchmark, whose parts run on any device."""

from __future__ import annotations

import pytest

from benchmarks import gpu


@pytest.mark.slow
def test_its_figures_are_measured_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "FIRST", 2)
    monkeypatch.setattr(gpu, "MOST", 4)
    monkeypatch.setattr(gpu, "TRAIN_ROWS", 1_000)
    figures = gpu.measure(10_000, seconds=0.0)
    losses = figures.pop("losses")
    assert isinstance(losses, list) and len(losses) == gpu.EQUAL_EPOCHS
    assert len(figures) == 5 and all(isinstance(each, float) and each > 0 for each in figures.values())
    slower = {**{name: 3 * each for name, each in figures.items() if isinstance(each, float)}, "losses": losses}
    text = gpu.compare({**figures, "losses": losses}, slower)
    assert text.count("| 3.00 |") == 5 and "differ by at most 0 of the loss" in text


def test_without_a_gpu_it_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setattr("sys.argv", ["gpu"])
    assert gpu.main() == 2
    assert "CUDA GPU" in capsys.readouterr().err
