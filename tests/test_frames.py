"""From the command to the training step, and to a verdict, are few calls: docs/design.md lists them."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

import gengap
from gengap.cli import main
from gengap.diagnose import judge
from gengap.train.jax import loop

SOURCE = str(Path(gengap.__file__).parent)
MOST = 8


def calls() -> list[str]:
    """The calls of gengap's own functions on this thread, the outermost first; comprehensions don't count."""
    frames = [each for each in traceback.extract_stack() if each.filename.startswith(SOURCE)]
    return [each.name for each in frames if not each.name.startswith("<")]


def test_a_study_reaches_training_and_verdicts_in_few_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, list[str]] = {}

    def recording(name: str, function: Any) -> Any:
        def record(*args: Any, **kwargs: Any) -> Any:
            found.setdefault(name, calls())
            return function(*args, **kwargs)

        return record

    monkeypatch.setattr(loop.TrialLoop, "add", recording("step", loop.TrialLoop.add))
    monkeypatch.setattr(judge, "Verdict", recording("verdict", judge.Verdict))
    options = ["--train", "200", "--validation", "50", "--only", "sizes/Tiny", "--max-epochs", "10"]
    monkeypatch.setattr(sys, "argv", ["gengap", "study", *options, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    to_thread = ["main", "study", "study", "train", "run_trials"]  # this one hands the trials to threads
    assert [*to_thread, *found["step"]] == [*to_thread, "_train_group", "train_model", "fit"]
    assert len(to_thread) + len(found["step"]) <= MOST
    assert found["verdict"][:4] == to_thread[:4] and len(found["verdict"]) <= MOST, found["verdict"]
