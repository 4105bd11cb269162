"""Verdicts of six other tools on the same curves, with their own default thresholds.

    PYTHON -m benchmarks.judging.peer_verdicts < curves.json > answers.json

runs in any Python that has the peers (this module imports nothing else). The input is
`[{"train": [...] or null, "validation": [...]}, ...]`, the output `{peer: {"version": ..., "overfit": [...]}}`,
with null where a peer raised an error. The curves are losses. A finding counts at any severity, which gives each
peer its best score.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Losses = list[float]
Judge = Callable[[Losses | None, Losses], bool]


def losslint(train: Losses | None, validation: Losses) -> bool:
    """Its `overfit_onset` finding."""
    series = {"eval_loss": validation} | ({"loss": train} if train else {})
    run = import_module("losslint.parsing").RunLog(_steps(validation), series, Path("log.csv"))
    return any(found.check == "overfit_onset" for found in import_module("losslint.checks").run_all_checks(run))


def trainspotter(train: Losses | None, validation: Losses) -> bool:
    """Its `overfitting` finding, attributed to divergence or not."""
    package = import_module("trainspotter")
    run = package.Run()
    for name, values in (("train/loss", train), ("eval/loss", validation)):
        for step, value in zip(_steps(values or []), values or [], strict=True):
            run.add_point(name, step, value)
    run.finalize()
    return any(found.detector == "overfitting" for found in package.run_all(run))


def runmedic(train: Losses | None, validation: Losses) -> bool:
    """Its `overfitting` finding, mild or not."""
    run = import_module("runmedic.model").Run("run", "csv", "log.csv")
    for name, values in (("train_loss", train), ("val_loss", validation)):
        for step, value in zip(_steps(values or []), values or [], strict=True):
            run.get(name).add(step, value)
    run.finalize()
    roles = import_module("runmedic.roles").detect(run)
    return any(found.check == "overfitting" for found in import_module("runmedic.checks").run_checks(run, roles))


def finetune_doctor(train: Losses | None, validation: Losses) -> bool:
    """Its `overfitting` finding of any severity, from the trainer state it reads."""
    log: list[dict[str, float]] = []
    for i, step in enumerate(_steps(validation)):
        if train:
            log.append({"step": step, "epoch": step, "loss": train[i]})
        log.append({"step": step, "epoch": step, "eval_loss": validation[i]})
    state = {"log_history": log, "global_step": len(validation), "max_steps": len(validation)}
    history = import_module("finetune_doctor.history").from_trainer_state(state)
    return any(
        found.check == "overfitting" for found in import_module("finetune_doctor").diagnose(history).findings
    )


def trainproof(train: Losses | None, validation: Losses) -> bool:
    """Its `TP-OVERFIT` warning."""
    records = [{"step": step, "eval_loss": validation[i]} for i, step in enumerate(_steps(validation))]
    for record, loss in zip(records, train or [], strict=False):
        record["loss"] = loss
    found = import_module("trainproof.epoch").check_records(records)["findings"]
    return any(one["id"] == "TP-OVERFIT" for one in found)


def epochix(train: Losses | None, validation: Losses) -> bool:
    """Its `overfit` warning, if it is still active at the end."""
    module = import_module("epochix.story_engine.warnings")
    detector, raised = module.WarningDetector(), []
    for i, step in enumerate(_steps(validation)):
        loss = validation[i]
        raised += detector.update(step, train_loss=train[i] if train else None, val_loss=loss, primary_value=loss)
    return any(one.kind == "overfit" for one in module.standing_warnings(raised))


PEERS: dict[str, Judge] = {
    "losslint": losslint,
    "trainspotter": trainspotter,
    "runmedic": runmedic,
    "finetune-doctor": finetune_doctor,
    "trainproof": trainproof,
    "epochix": epochix,
}


def _steps(values: Losses) -> list[int]:
    return list(range(1, len(values) + 1))


def _judge_run(judge: Judge, run: dict[str, Any]) -> bool | None:
    try:
        return judge(run["train"], run["validation"])
    except Exception as error:  # a peer's failure counts as no answer
        print(f"{judge.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def peer_judgements(
    runs: list[tuple[Losses | None, Losses]], python: str = sys.executable
) -> dict[str, list[bool | None]]:
    """Return whether each peer that `python` has calls each run overfit. Keys contain the peers' versions.

    Raises subprocess.CalledProcessError if the process fails.
    """
    text = json.dumps([{"train": train, "validation": validation} for train, validation in runs])
    command = [python, "-m", "benchmarks.judging.peer_verdicts"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True, cwd=root)
    return {f"{peer} {answer['version']}": answer["overfit"] for peer, answer in json.loads(done.stdout).items()}


def main() -> int:
    runs = json.load(sys.stdin)
    answers = {
        peer: {"version": version(peer), "overfit": [_judge_run(judge, run) for run in runs]}
        for peer, judge in PEERS.items()
        if find_spec(peer.replace("-", "_"))
    }
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
