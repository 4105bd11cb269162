"""The study folder: what is saved of each trial, so that a repeated call resumes.

    study.json  histories.parquet  plan.toml                 results, written at the end
    report.html  figures/  tensorboard/                      and what is drawn from them
    models/<run>.keras, models/baselines/<name>.skops        the models, with their preparation
    models/best.keras, .skops or .zip                        the recommended one; a .zip holds several
    trials/<run>.seed<k>.npz                                 validation outputs at about 64 epochs
    trials/<run>.seed<k>.parquet                             a finished trial: history and summary
    trials/<run>.seed<k>.checkpoint.npz                      a trial that is being trained
    trials/<run>.fold<k>.npz, .keras or .skops               a cross-validated run on a fold: its outputs and model
    test.json                                                figures of the test rows, once they were used
    files.sha256                                            these files with their checksums

Every file is written next to its place and then renamed, so a file that exists is complete. A file that gengap did
not write is never replaced. A damaged one is made again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from gengap.analysis.evaluation import HoldoutEvaluation
from gengap.analysis.summary import PLAN_FILE, SCHEMA, StudySummary, TrialSummary
from gengap.errors import GengapWarning, StudyFolderError, reason
from gengap.files.checksums import LIST, Checksums
from gengap.files.limits import open_npz, read_document
from gengap.files.outputs import has_mark
from gengap.files.writing import ELSEWHERE, PARTIAL_FILE, atomic_write, safe_join
from gengap.history import History, read_histories, read_metadata, write_histories
from gengap.models.predictor import write_mixture
from gengap.models.saved_baseline import save_baseline
from gengap.models.saved_model import ENDINGS, ModelCard, saved_target, write_card
from gengap.plan import Plan
from gengap.train.baselines import CATBOOST, EXTRA_TREES, LINEAR, TREES
from gengap.train.checkpoint import CheckpointFile, PartialResult, difference, only_rows
from gengap.train.types import TrainResult

if TYPE_CHECKING:
    import keras

SUMMARY, FINGERPRINT, MAKER = "gengap.summary", "gengap.train.fingerprint", "gengap.version"
TRIAL_SCHEMA = "gengap.schema"  # absent before 2, when epochs in summaries counted from 0
EXPECTED = "expected the folder of a finished `gengap study`, such as runs/collider-quick"
OTHER_FOLDER = "name another folder with --out, or delete this one to start over"
RESULTS, HISTORIES, TEST, PAGE = "study.json", "histories.parquet", "test.json", "report.html"
BEST_MODEL, BASELINES = "best", (LINEAR, TREES, CATBOOST, EXTRA_TREES)
MARKS = {".html": "report", ".png": "study"}  # the commands that mark the page and the figures


@dataclass(frozen=True, eq=False)
class Results:
    """What is needed to show a finished study again. `plan` is TOML."""

    summary: StudySummary
    histories: list[History]
    plan: str


class StudyFolder:
    """The files of one study under `path`, which is created at the first write, with their `checksums`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checksums = Checksums(path)

    def trial_file(self, run: str, seed: int) -> Path:
        """Return the file of a finished trial."""
        return safe_join(self.path / "trials", f"{run}.seed{seed}.parquet")

    def model_file(self, run: str, seed: int) -> Path:
        """Return the file of the trial's model; that of seed 0 has the plain name."""
        return safe_join(self.path / "models", f"{run}.keras" if seed == 0 else f"{run}.seed{seed}.keras")

    def checkpoints(self, run: str, seed: int, fingerprint: str) -> CheckpointFile:
        """Return the checkpoint of a trial that is being trained."""
        return CheckpointFile(self.trial_file(run, seed).with_suffix(".checkpoint.npz"), fingerprint)

    def tidy(self) -> None:
        """Remove incomplete files of a killed study."""
        folders = (self.path / name for name in ("trials", "models", "figures"))
        for path in (*self.path.glob(".*"), *(path for folder in folders for path in folder.rglob(".*"))):
            if PARTIAL_FILE.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()

    def check_places(self, plan: Plan, seeds: int) -> None:
        """Raise StudyFolderError for a file of the user's in a place of the study, and warn of damaged results.

        Trials that the plan's growth adds are checked when they are saved.
        """
        names = (RESULTS, HISTORIES, TEST, PLAN_FILE, *(f"models/{BEST_MODEL}{ending}" for ending in ENDINGS))
        names += tuple(f"models/{run}.skops" for run in BASELINES)
        results = [self.path / name for name in names]
        keys = ((trial.run, seed) for trial in plan.all_trials for seed in range(seeds))
        for path in (*results, *(path for key in keys for path in self._trial_files(*key))):
            self._check_place(path)
        figures = [self.path / "figures" / f"{name}.png" for name in sorted(plan.figure_names)]
        for path in (self.path / PAGE, *figures):
            if os.path.lexists(path) and not (path.is_file() and has_mark(path, MARKS[path.suffix])):
                raise StudyFolderError(f"{path} is not by gengap, and the study may replace it. {ELSEWHERE}")
        changed = [path for path in results if self.checksums.state(path) == "changed"]
        if self.path / PLAN_FILE in changed:
            raise StudyFolderError(
                f"{self.path / PLAN_FILE} was changed, and the study would replace it. Move it and use it with "
                "--plan, or name another folder with --out"
            )
        for path in changed:
            _warn(f"{path} is damaged or was changed: it is made again")

    def _check_place(self, path: Path) -> None:
        """Raise StudyFolderError if something is at `path` that gengap did not write."""
        if self.checksums.is_foreign(path):
            raise StudyFolderError(
                f"{path} is not by gengap ({LIST} does not list it), and the study would replace it. {ELSEWHERE}"
            )

    @contextlib.contextmanager
    def writing(self, path: Path, ending: str = "") -> Iterator[Path]:
        """Yield a temporary path; at the end the file is listed and renamed to `path`. See `atomic_write`."""
        self._check_place(path)
        with atomic_write(path, ending) as part:
            yield part
            self.checksums.add(path, part)

    def _trial_files(self, run: str, seed: int) -> tuple[Path, Path, Path]:
        """Return the files of a finished trial, in the order in which they are written."""
        trial = self.trial_file(run, seed)
        return self.model_file(run, seed), trial.with_suffix(".npz"), trial

    def check_trials(
        self, expected: Mapping[tuple[str, int], str] | None = None, rows: str = "", target: str = ""
    ) -> None:
        """Raise StudyFolderError if a trial saved here has another format, another fingerprint, or other rows.

        Args:
            expected: Fingerprints by run and seed. Default: only formats are checked.
            rows: The digest of the rows, which those of any trial must have.
            target: The name of the target, for the error.
        """
        paths = {self.trial_file(*key): text for key, text in (expected or {}).items()}
        for path in (*paths, *sorted({*(self.path / "trials").rglob("*.parquet")} - paths.keys())):
            if not path.is_file() or PARTIAL_FILE.fullmatch(path.name):
                continue
            try:
                summary, found, maker = read_trial(path)
            except StudyFolderError:
                raise
            except Exception:  # a damaged file is reported when its trial is needed
                continue
            if expected is None:
                continue
            if path not in paths:
                paths[path], found = only_rows(found, rows), only_rows(found)
            if found != paths[path]:
                targets = (saved_target(self.model_file(summary.run, summary.seed)), target)
                raise self._other_trial(summary.run, difference(found, paths[path], maker, targets))

    def _other_trial(self, run: str, what: str) -> StudyFolderError:
        return StudyFolderError(f"{self.path} holds {run} trained with {what}; {OTHER_FOLDER}")

    def finished(self, run: str, seed: int, expected: str) -> tuple[TrainResult, TrialSummary] | None:
        """Return the finished trial saved here, or None if it has to be trained.

        Raises StudyFolderError for other trials or data.
        """
        files, path = self._trial_files(run, seed), self.trial_file(run, seed)
        states = {each: self.checksums.state(each) for each in files}
        for each, state in states.items():
            self._check_place(each)
            if state == "changed":
                _warn(f"{each} is damaged or was changed: {run} is trained again")
        if set(states.values()) != {"intact"}:
            return None
        try:
            summary, found, maker = read_trial(path)
            (history,) = read_histories(path)
            epochs, outputs = _read_outputs(path.with_suffix(".npz"))
            if {(summary.run, summary.seed), (history.run, history.seed)} != {(run, seed)}:
                raise ValueError(f"it holds {summary.run}, seed {summary.seed}")
            best_epoch = None if summary.best_epoch is None else summary.best_epoch - 1  # as logged
            if best_epoch is not None and best_epoch not in epochs:
                raise ValueError("the outputs of its best epoch are missing")
        except StudyFolderError:
            raise
        except Exception as error:  # on a damaged file NumPy, zipfile and Arrow raise all kinds of errors
            raise StudyFolderError(
                f"{path} can't be read as a finished trial ({reason(error)}); delete it to train that trial again"
            ) from None
        if found != expected:
            raise self._other_trial(run, difference(found, expected, maker))
        self.checkpoints(run, seed, expected).discard()
        return TrainResult(history, epochs, outputs, best_epoch, summary.stopped, summary.seconds), summary

    def save_trial(
        self,
        result: PartialResult,
        summary: TrialSummary,
        expected: str,
        model: keras.Model,
        card: ModelCard | None,
    ) -> None:
        """Save the model and outputs, then the trial: if its file exists, so do the others."""
        model_file, outputs_file, path = self._trial_files(summary.run, summary.seed)
        self.save_model(model_file, model, card)
        with self.writing(outputs_file, ".npz") as part:  # NumPy insists on the ending
            np.savez(part, allow_pickle=False, epochs=result.output_epochs, outputs=result.outputs)
        maker = import_module("gengap").__version__
        metadata = {SUMMARY: msgspec.json.encode(summary).decode(), FINGERPRINT: expected, MAKER: maker}
        with self.writing(path) as part:
            write_histories([result.history], part, metadata | {TRIAL_SCHEMA: str(SCHEMA)})
        self.checkpoints(summary.run, summary.seed, expected).discard()

    def read_fold(self, run: str, fold: int, expected: str, rows: int) -> np.ndarray | None:
        """Return what `save_fold` saved; None if it is missing, damaged, or of another run."""
        path = self.fold_file(run, fold)
        states = {each: self.checksums.state(each) for each in (self.fold_file(run, fold, ".keras"), path)}
        for each, state in states.items():
            if state == "changed" or self.checksums.is_lost(each):
                _warn(f"{each} is missing, damaged or was changed: {run} is trained on this fold again")
                return None
        # A damaged file raises errors of all kinds.
        with contextlib.suppress(Exception), open_npz(path, str(path)) as saved:
            found = saved["rows"]
            if str(saved["fingerprint"]) == expected and (found.shape[1:], found.dtype.kind) == ((rows,), "f"):
                return found
        return None

    def save_fold(
        self,
        run: str,
        fold: int,
        expected: str,
        found: np.ndarray,
        model: keras.Model | None = None,
        card: ModelCard | None = None,
    ) -> None:
        """Save the model of a run on a fold, and its losses, errors and outputs on the fold's rows, (n, rows)."""
        if model is not None:
            self.save_model(self.fold_file(run, fold, ".keras"), model, card)
        with self.writing(self.fold_file(run, fold), ".npz") as part:
            np.savez(part, allow_pickle=False, rows=found, fingerprint=np.array(expected))
        self.fold_checkpoints(run, fold, expected).discard()

    def save_model(self, path: Path, model: keras.Model, card: ModelCard | None) -> None:
        """Save a network at a path of the folder."""
        with self.writing(path, ".keras") as part:  # Keras insists on the ending
            model.save(part)
            if card is not None:
                write_card(part, card)

    def fold_checkpoints(self, run: str, fold: int, fingerprint: str) -> CheckpointFile:
        """Return the checkpoint of the training on a fold."""
        return CheckpointFile(self.fold_file(run, fold).with_suffix(".checkpoint.npz"), fingerprint)

    def fold_file(self, run: str, fold: int, ending: str = ".npz") -> Path:
        """Return a file of a cross-validated run on a fold."""
        return safe_join(self.path / "trials", f"{run}.fold{fold}{ending}")

    def start_results(self) -> None:
        """Create the folder, and remove an old study.json: the new one is written last."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / RESULTS).unlink(missing_ok=True)

    def save_baseline(self, path: Path, model: Any, card: ModelCard) -> None:
        """Save a pipeline for raw rows at a path of the folder."""
        with self.writing(path, ".skops") as part:
            save_baseline(part, model)
            write_card(part, card)

    def baseline_file(self, run: str) -> Path:
        """Return the file of a baseline."""
        return safe_join(self.path / "models", f"{run}.skops")

    def save_best(self, files: Sequence[tuple[Path, str, float]], card: ModelCard | None) -> Path:
        """Save the recommended model, and return its path. Files of an earlier recommendation are removed.

        Each of `files` comes with its run and weight; the `card` is that of a mean of several models.
        """
        for path, run, _ in files:
            if not path.is_file():
                raise StudyFolderError(
                    f"{path}: the model vanished. Run the same command again to train {run} again"
                )
        ending = files[0][0].suffix if len(files) == 1 else ".zip"
        best = self.path / "models" / f"{BEST_MODEL}{ending}"
        for other in (best.with_suffix(each) for each in ENDINGS if each != ending):
            self._check_place(other)
            other.unlink(missing_ok=True)
        with self.writing(best) as part:
            if card is None or len(files) == 1:
                shutil.copyfile(files[0][0], part)
            else:
                write_mixture(part, card, files)
        return best

    def results(self) -> Results:
        """Return the results of the finished study. Raises StudyFolderError, which names the file at fault."""
        if not self.path.exists():
            raise StudyFolderError(f"{self.path}: there is no such folder; {EXPECTED}")
        found: list[Any] = []
        readers = {
            RESULTS: _read_summary,
            HISTORIES: read_histories,
            PLAN_FILE: lambda path: read_document(path).decode("utf-8"),
        }
        for name, read in readers.items():
            path = self.path / name
            if not path.is_file():
                raise StudyFolderError(f"{path}: {self._why_missing(name)}")
            try:
                found.append(read(path))
            except Exception as error:  # on a damaged file Arrow raises all kinds of errors
                raise StudyFolderError(f"{path}: can't be read ({reason(error)}); {self._again()}") from None
        return Results(*found)

    def _why_missing(self, name: str) -> str:
        """Say why a file is missing. The results are written last, so the other files exist before them."""
        if name != RESULTS:
            return f"there is no such file; {self._again()}"
        if (self.path / "trials").is_dir():
            return f"not written yet: the study is running or was interrupted; wait, or {self._again()}"
        return f"there is no such file; {EXPECTED}"

    def _again(self) -> str:
        return f"run the same `gengap study` again with --out {self.path} (finished trials are kept)"

    def evaluation(self, digest: str) -> HoldoutEvaluation | None:
        """Return the figures of the test rows with this digest, if they were used; else None."""
        try:
            found = msgspec.json.decode(read_document(self.path / TEST), type=HoldoutEvaluation)
        except (OSError, ValueError, RecursionError):
            return None
        return found if found.digest == digest else None

    def write_evaluation(self, found: HoldoutEvaluation) -> None:
        """Save the figures of the test rows."""
        self.write(TEST, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the folder."""
        with self.writing(self.path / name) as part:
            part.write_bytes(content)


def _warn(message: str) -> None:
    warnings.warn(message, GengapWarning, stacklevel=4)


def _read_summary(path: Path) -> StudySummary:
    summary = msgspec.json.decode(read_document(path), type=StudySummary)
    if summary.schema != SCHEMA:
        raise ValueError(f"it has schema {summary.schema}, this gengap reads {SCHEMA}")
    return summary


def read_trial(path: Path) -> tuple[TrialSummary, str, str]:
    """Return the summary of a finished trial, its fingerprint, and the gengap version that made it.

    Raises:
        StudyFolderError: If another format of summaries wrote it.
    """
    stored = read_metadata(path)
    maker, schema = stored.get(MAKER, ""), stored.get(TRIAL_SCHEMA, "1")
    if SUMMARY in stored and schema != str(SCHEMA):
        raise StudyFolderError(
            f"{path} has an older format; {OTHER_FOLDER}"
            if schema < str(SCHEMA)
            else f"{path} has the newer format of gengap {maker}; update gengap, or name another folder with --out"
        )
    return msgspec.json.decode(stored[SUMMARY], type=TrialSummary), stored[FINGERPRINT], maker


def _read_outputs(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs (m,) whose outputs were recorded, and the outputs (m, rows, ...)."""
    with open_npz(path, str(path)) as saved:
        epochs, outputs = saved["epochs"], saved["outputs"]
    if epochs.ndim != 1 or outputs.ndim < 2 or len(epochs) != len(outputs):
        raise ValueError(f"epochs {epochs.shape} and outputs {outputs.shape}, expected (m,) and (m, rows)")
    if epochs.dtype.kind not in "iu" or outputs.dtype.kind != "f":
        raise ValueError(f"epochs are {epochs.dtype} and outputs {outputs.dtype}, expected numbers")
    return epochs, outputs
