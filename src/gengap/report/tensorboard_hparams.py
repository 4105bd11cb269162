"""Event files for TensorBoard's HParams dashboard of a study. TensorFlow is not needed.

    <folder>/events.out.tfevents.gengap-study          the settings and metrics that there are
    <folder>/<run>/events.out.tfevents.gengap-trial    settings, end and best metrics of one trial

The dashboard reads a metric as the last value of a scalar. Curves don't end at their best epoch, so each trial has
further scalars with one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gengap.analysis.summary import TrialSummary
from gengap.models.treatment_base import strength_of
from gengap.models.treatments import Ftrl
from gengap.plan import Recipe, Trial
from gengap.report.tensorboard import FILE, VERSION, replace_file, safe_run_name

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.api_pb2 import HParamInfo
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

STUDY_FILE, TRIAL_FILE = "events.out.tfevents.gengap-study", "events.out.tfevents.gengap-trial"
# "best" in a tag keeps these from being read as curves again: see gengap.diagnose.metric_names.
METRICS = {
    "best/loss": ("best validation loss", "of the validation rows at the best epoch"),
    "best/accuracy": ("accuracy", "of the validation rows at the best epoch"),
    "best/gap": ("gap", "validation minus training loss at the best epoch"),
    "best/r2": ("R²", "share of the validation target's variance that is explained, at the best epoch"),
    "best/auc": ("AUC", "area under the ROC curve of the validation rows at the best epoch"),
}
HPARAM_NAMES = {
    "size": "hidden layers",
    "units": "units of the widest hidden layer",
    "layers": "how many hidden layers there are",
    "parameters": "of the whole model",
    "regulariser": "the kinds of all treatments",
    "strength": "the strength of the first treatment that has one; 0 without any",
    "treatments": "all treatments with their settings",
    "batch": "rows of one step",
    "learning rate": "where its schedule starts",
    "share": "of the training rows",
    "seed": "of the first weights and the rows' order",
}


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
    settings: dict[str, float | str] = {
        "size": "-".join(map(str, trial.units)) or "none",
        "units": max(trial.units, default=0),
        "layers": len(trial.units),
        "parameters": of.parameters,
        "regulariser": " + ".join(str(t.__struct_config__.tag) for t in trial.treatments) or "none",
        "strength": next((s for s in map(strength_of, trial.treatments) if s is not None), 0.0),
        "treatments": " + ".join(map(str, trial.treatments)) or "none",
        "batch": recipe.batch,
        "learning rate": next(own_rate, recipe.schedule.initial),
        "share": trial.share,
        "seed": of.seed,
    }
    validation = of.metrics.get("validation", {})
    known = {
        "best/loss": of.loss("validation"),
        "best/accuracy": validation.get("accuracy"),
        "best/r2": validation.get("r2"),
        "best/gap": of.gap,
        "best/auc": validation.get("auc"),
    }
    metrics = {tag: value for tag, value in known.items() if value is not None}
    ended, step = of.began + of.seconds, (of.best_epoch or 1) - 1  # steps count from 0, as Keras logs them
    return HparamsSession(run, settings, metrics, step, of.began, ended, of.stopped == "diverged")


def write_sessions(sessions: Sequence[HparamsSession], folder: Path) -> None:
    """Write the sessions of a study below a folder, in place of earlier ones.

    Raises:
        UsageError: If a run's name can't be a folder below this one.
    """
    for each in sessions:
        run = folder / safe_run_name(each.run)
        replace_file(run / TRIAL_FILE, _encoded(_session_events(each)))
        for stale in run.glob("events.out.tfevents.*"):  # FILE is another run's, one of whose splits is called so
            if stale.name not in (FILE, TRIAL_FILE):
                stale.unlink()
    replace_file(folder / STUDY_FILE, _encoded(_study_events(sessions)))


def _encoded(events: Iterable[Event]) -> Iterator[bytes]:
    return (event.SerializeToString() for event in events)


def _study_events(sessions: Sequence[HparamsSession]) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.api_pb2 import Experiment, MetricInfo, MetricName
    from tensorboard.plugins.hparams.metadata import EXPERIMENT_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    began = min((each.began for each in sessions), default=0.0)
    experiment = Experiment(
        time_created_secs=began,
        hparam_infos=[_setting(name, [each.settings[name] for each in sessions]) for name in HPARAM_NAMES],
        metric_infos=[
            MetricInfo(name=MetricName(tag=tag), display_name=name, description=description)
            for tag, (name, description) in METRICS.items()
            if any(tag in each.metrics for each in sessions)
        ],
    )
    yield Event(wall_time=began, file_version=VERSION)
    values = [_plugin_value(EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))]
    yield Event(wall_time=began, summary=Summary(value=values))


def _session_events(of: HparamsSession) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
    from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, SESSION_START_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

    start = SessionStartInfo(group_name=of.run, start_time_secs=of.began)
    for name, value in of.settings.items():
        kind = "string_value" if isinstance(value, str) else "number_value"
        setattr(start.hparams[name], kind, value)
    status = STATUS_FAILURE if of.diverged else STATUS_SUCCESS
    end = SessionEndInfo(status=status, end_time_secs=of.ended)
    yield Event(wall_time=of.began, file_version=VERSION)
    values = [
        _plugin_value(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        _plugin_value(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ]
    yield Event(wall_time=of.began, summary=Summary(value=values))
    best = [_scalar(tag, value) for tag, value in of.metrics.items()]
    yield Event(wall_time=of.ended, step=of.best_epoch, summary=Summary(value=best))


def _setting(name: str, values: Sequence[float | str]) -> HParamInfo:
    """Return a setting with its values, which are filters and axes of the dashboard."""
    from tensorboard.plugins.hparams.api_pb2 import DATA_TYPE_FLOAT64, DATA_TYPE_STRING, HParamInfo

    info = HParamInfo(name=name, description=HPARAM_NAMES[name], differs=len(set(values)) > 1)
    numbers = [value for value in values if not isinstance(value, str)]
    if numbers:
        info.type = DATA_TYPE_FLOAT64
        info.domain_interval.min_value, info.domain_interval.max_value = min(numbers), max(numbers)
    else:
        info.type = DATA_TYPE_STRING
        info.domain_discrete.extend(dict.fromkeys(values))
    return info


def _plugin_value(tag: str, content: HParamsPluginData) -> Summary.Value:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, create_summary_metadata

    return Summary.Value(tag=tag, tensor=NULL_TENSOR, metadata=create_summary_metadata(content))


def _scalar(tag: str, value: float) -> Summary.Value:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DataType
    from tensorboard.plugins.scalar.metadata import create_summary_metadata

    name, description = METRICS[tag]
    tensor = TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value])
    metadata = create_summary_metadata(display_name=name, description=description)
    return Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
