"""Whoever shows a study while it runs: the calls that the study makes, and one who shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gengap.analysis.summary import TrialSummary
    from gengap.data.dataset import Dataset
    from gengap.models.user_model import UserModels
    from gengap.plan import Plan
    from gengap.train.types import Progress


class Display(Protocol):
    """Whoever shows a study while it runs. Called from several threads, one call at a time a trial."""

    def reading(self, done: int, expected: int | None) -> None:
        """Rows (or bytes of a download) so far."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, own: UserModels | None = None) -> None:
        """The rows are read and the trials are about to start; `own` builds their models, if the user does."""

    def starting(self, run: str, seed: int) -> None:
        """A trial starts: its model is built and compiled before the first epoch."""

    def progress(self, progress: Progress) -> None:
        """A chunk of one trial's epochs is done."""

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """A trial is finished now, or (`kept`) was already."""

    def cross_validating(self, done: int, of: int) -> None:
        """So many of the trainings that cross-validation takes are done."""

    def interrupted(self) -> None:
        """Ctrl-C was pressed: trials end after their chunk."""


class SilentDisplay:
    """Shows nothing."""

    def reading(self, done: int, expected: int | None) -> None:
        """Nothing."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, own: UserModels | None = None) -> None:
        """Nothing."""

    def starting(self, run: str, seed: int) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """Nothing."""

    def cross_validating(self, done: int, of: int) -> None:
        """Nothing."""

    def interrupted(self) -> None:
        """Nothing."""
