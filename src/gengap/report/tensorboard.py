"""TensorBoard event files of histories, pictures and the HParams dashboard. TensorFlow and Keras are not needed.

<folder>/<run>/<split>/events.out.tfevents.gengap   a scalar for each epoch and metric, tag `epoch_<metric>`, as
                                                    `keras.callbacks.TensorBoard` writes them
<folder>/<run>/events.out.tfevents.gengap-trial     settings, end and best metrics of one trial
<folder>/events.out.tfevents.gengap-study           the settings and metrics of the HParams dashboard
<folder>/events.out.tfevents.gengap-figures         PNG files as image summaries, tag `figures/<name>`

The dashboard reads a metric as the last value of a scalar. Curves don't end at their best epoch, so each trial has
further scalars with one step.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.plugins.hparams import api_pb2 as api
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.summary.writer.record_writer import RecordWriter

from gengap.analysis.summary import TrialSummary
from gengap.files.writing import explain_write_errors, safe_join
from gengap.history import History, Series
from gengap.models.treatment_base import strength_of
from gengap.models.treatments import Ftrl
from gengap.plan import Recipe, Trial

VERSION = "brain.Event:2"  # of the record format, which every file's first message tells
FILE = "events.out.tfevents.gengap"  # TensorBoard looks for "tfevents" in a file's name
FIGURES_FILE, STUDY_FILE, TRIAL_FILE = f"{FILE}-figures", f"{FILE}-study", f"{FILE}-trial"
PNG = b"\x89PNG\r\n\x1a\n"
SIZE = struct.Struct(">II")  # width and height, after the signature and the first chunk's length and name
SIZE_AT = len(PNG) + 8
# These dots come after the curves, "epoch_...", because TensorBoard sorts tags. "best" in a tag keeps them from
# being read as curves again: see gengap.diagnose.metric_names.
AT_BEST = "of_best_epoch"
METRICS = {
    f"{AT_BEST}/loss": ("best validation loss", "of the validation rows at the best epoch"),
    f"{AT_BEST}/accuracy": ("accuracy", "of the validation rows at the best epoch"),
    f"{AT_BEST}/gap": ("gap", "validation minus training loss at the best epoch"),
    f"{AT_BEST}/r2": ("R²", "share of the validation target's variance that is explained, at the best epoch"),
    f"{AT_BEST}/auc": ("AUC", "area under the ROC curve of the validation rows at the best epoch"),
}
HPARAM_NAMES = {
    "size": "hidden layers",
    "units": "units of the widest hidden layer",
    "layers": "how many hidden layers there are",
    "parameters": "of the whole model",
    "log10 parameters": "their logarithm, a number for the axes of plots",
    "regulariser": "the kinds of all treatments",
    "strength": "the strength of the first treatment that has one; 0 without any",
    "treatments": "all treatments with their settings",
    "batch": "rows of one step",
    "learning rate": "where its schedule starts",
    "share": "of the training rows",
    "seed": "of the first weights and the rows' order",
}


def write(history: History, folder: Path, *, span: tuple[float, float] | None = None) -> None:
    """Write the event files of a history, one for each split, in place of earlier ones of the run.

    Values are stored as float32, as Keras stores them. Seeds of one run need different names (`History.renamed`).
    Wall times are spread evenly over `span`, in seconds since 1970; by default all are the time of writing.
    """
    run = safe_join(folder, history.run)
    splits: dict[str, dict[str, Series]] = {}
    for (split, metric), series in history.series.items():
        splits.setdefault(split, {})[metric] = series
    began, ended = span or (time.time(),) * 2
    per_epoch = (ended - began) / max(history.epochs, 1)
    for split, metrics in splits.items():
        replace_file(run / split / FILE, _scalar_events(metrics, began, per_epoch))
    for stale in run.glob(f"*/{FILE}"):
        if stale.parent.name not in splits:
            stale.unlink()


def replace_file(path: Path, events: Iterable[Event]) -> None:
    """Write an event file in one step, so that no file is incomplete."""
    part = path.with_name("~part")  # TensorBoard would read a file with "tfevents" in its name
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())
        part.replace(path)


def _scalar_events(metrics: dict[str, Series], began: float, per_epoch: float) -> Iterator[Event]:
    """Yield the version of the format, then every value by epoch and metric."""
    yield Event(wall_time=began, file_version=VERSION)
    metadata = scalar_metadata.create_summary_metadata(display_name="", description="")
    scalar = TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=TensorShapeProto())
    values = [Summary.Value(tag=f"epoch_{name}", tensor=scalar, metadata=metadata) for name in metrics]
    epochs = np.concatenate([s.epochs for s in metrics.values()])
    metric = np.repeat(np.arange(len(metrics)), [len(s) for s in metrics.values()])
    with np.errstate(over="ignore"):  # beyond float32 is infinite, as it is for Keras
        numbers = np.concatenate([s.values for s in metrics.values()]).astype("<f4")
    for i in np.argsort(epochs, kind="stable"):
        value, epoch = values[metric[i]], int(epochs[i])
        value.tensor.tensor_content = numbers[i].tobytes()
        wall_time = began + per_epoch * (epoch + 1)
        yield Event(wall_time=wall_time, step=epoch, summary=Summary(value=[value]))


def write_images(pictures: Iterable[Path], folder: Path) -> None:
    """Write PNG files to the event file of pictures, in place of earlier ones.

    Files that are missing or not PNG are left out.
    """
    replace_file(folder / FIGURES_FILE, _image_events(pictures))


def _image_events(pictures: Iterable[Path]) -> Iterator[Event]:
    now = time.time()
    yield Event(wall_time=now, file_version=VERSION)
    for path in pictures:
        picture = path.read_bytes() if path.is_file() else b""
        if not picture.startswith(PNG) or len(picture) < SIZE_AT + SIZE.size:
            continue
        width, height = SIZE.unpack_from(picture, SIZE_AT)
        parts = [str(width).encode(), str(height).encode(), picture]
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(parts))])
        value = Summary.Value(
            tag=f"figures/{path.stem}",
            tensor=TensorProto(dtype=DataType.DT_STRING, tensor_shape=shape, string_val=parts),
            metadata=image_metadata.create_summary_metadata(display_name=path.stem, description=""),
        )
        yield Event(wall_time=now, summary=Summary(value=[value]))


@dataclass(frozen=True)
class HparamsSession:
    """A trial in the HParams dashboard; `settings` has all HPARAM_NAMES, `metrics` those METRICS that are known."""

    run: str
    settings: Mapping[str, float | str]
    metrics: Mapping[str, float]
    best_epoch: int
    began: float
    ended: float
    diverged: bool


def hparams_session(run: str, trial: Trial, common: Recipe, of: TrialSummary) -> HparamsSession:
    """Return the session of a finished trial with the logs `run`; `common` is the recipe of its plan."""
    recipe = trial.recipe(common)
    own_rate = (t.learning_rate for t in trial.treatments if isinstance(t, Ftrl))
    settings: dict[str, float | str] = {  # whole numbers are text: the dashboard shows 791041 as 7.9104e+5
        "size": "-".join(map(str, trial.units)) or "none",
        "units": str(max(trial.units, default=0)),
        "layers": str(len(trial.units)),
        "parameters": str(of.parameters),
        "log10 parameters": math.log10(max(of.parameters, 1)),
        "regulariser": " + ".join(str(t.__struct_config__.tag) for t in trial.treatments) or "none",
        "strength": next((s for s in map(strength_of, trial.treatments) if s is not None), 0.0),
        "treatments": " + ".join(map(str, trial.treatments)) or "none",
        "batch": str(recipe.batch),
        "learning rate": next(own_rate, recipe.schedule.initial),
        "share": trial.share,
        "seed": str(of.seed),
    }
    validation = of.metrics.get("validation", {})
    known = {f"{AT_BEST}/{name}": validation.get(name) for name in ("accuracy", "r2", "auc")}
    known |= {f"{AT_BEST}/loss": of.loss("validation"), f"{AT_BEST}/gap": of.gap}
    metrics = {tag: value for tag, value in known.items() if value is not None}
    ended, step = of.began + of.seconds, (of.best_epoch or 1) - 1  # steps count from 0, as Keras logs them
    return HparamsSession(run, settings, metrics, step, of.began, ended, of.stopped == "diverged")


def write_sessions(sessions: Sequence[HparamsSession], folder: Path) -> None:
    """Write the sessions of a study below a folder, in place of earlier ones."""
    for each in sessions:
        run = safe_join(folder, each.run)
        replace_file(run / TRIAL_FILE, _session_events(each))
    replace_file(folder / STUDY_FILE, _study_events(sessions))


def _study_events(sessions: Sequence[HparamsSession]) -> Iterator[Event]:
    began = min((each.began for each in sessions), default=0.0)
    experiment = api.Experiment(
        time_created_secs=began,
        hparam_infos=[_setting(name, [each.settings[name] for each in sessions]) for name in HPARAM_NAMES],
        metric_infos=[
            api.MetricInfo(name=api.MetricName(tag=tag), display_name=name, description=description)
            for tag, (name, description) in METRICS.items()
            if any(tag in each.metrics for each in sessions)
        ],
    )
    yield Event(wall_time=began, file_version=VERSION)
    values = [_plugin_value(hparams_metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))]
    yield Event(wall_time=began, summary=Summary(value=values))


def _session_events(of: HparamsSession) -> Iterator[Event]:
    start = SessionStartInfo(group_name=of.run, start_time_secs=of.began)
    for name, value in of.settings.items():
        kind = "string_value" if isinstance(value, str) else "number_value"
        setattr(start.hparams[name], kind, value)
    status = api.STATUS_FAILURE if of.diverged else api.STATUS_SUCCESS
    end = SessionEndInfo(status=status, end_time_secs=of.ended)
    yield Event(wall_time=of.began, file_version=VERSION)
    values = [
        _plugin_value(hparams_metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        _plugin_value(hparams_metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ]
    yield Event(wall_time=of.began, summary=Summary(value=values))
    best = [_scalar(tag, value) for tag, value in of.metrics.items()]
    yield Event(wall_time=of.ended, step=of.best_epoch, summary=Summary(value=best))


def _setting(name: str, values: Sequence[float | str]) -> api.HParamInfo:
    """Return a setting with its values, which are filters and axes of the dashboard."""
    info = api.HParamInfo(name=name, description=HPARAM_NAMES[name], differs=len(set(values)) > 1)
    numbers = [value for value in values if not isinstance(value, str)]
    if numbers:
        info.type = api.DATA_TYPE_FLOAT64
        info.domain_interval.min_value, info.domain_interval.max_value = min(numbers), max(numbers)
    else:
        info.type = api.DATA_TYPE_STRING
        texts = dict.fromkeys(map(str, values))
        info.domain_discrete.extend(sorted(texts, key=int) if all(map(str.isdecimal, texts)) else texts)
    return info


def _plugin_value(tag: str, content: HParamsPluginData) -> Summary.Value:
    metadata = hparams_metadata.create_summary_metadata(content)
    return Summary.Value(tag=tag, tensor=hparams_metadata.NULL_TENSOR, metadata=metadata)


def _scalar(tag: str, value: float) -> Summary.Value:
    name, description = METRICS[tag]
    tensor = TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value])
    metadata = scalar_metadata.create_summary_metadata(display_name=name, description=description)
    return Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
