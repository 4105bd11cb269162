"""The interface of a progress display, and a display that shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gengap.analysis.summary import TrialSummary
    from gengap.data.dataset import Dataset
    from gengap.models.user_model import UserModels
    from gengap.plan import Plan
    from gengap.train.types import Progress


class Display(Protocol):
    """Shows the progress of a study. Several threads call it, one call at a time for each trial."""

    def reading(self, done: int, expected: int | None) -> None:
        """Report the rows (or bytes of a download) read so far."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, own: UserModels | None = None) -> None:
        """Report that the rows are read and trials start. `own` builds the user's models, if there are any."""

    def starting(self, run: str, seed: int) -> None:
        """Show that a trial starts: its model is built and compiled before the first epoch."""

    def progress(self, progress: Progress) -> None:
        """Report some epochs of a trial."""

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """Report a finished trial; `kept` if it was finished before."""

    def cross_validating(self, done: int, of: int) -> None:
        """Report the progress of cross-validation: `done` of `of` fits."""

    def interrupted(self) -> None:
        """Report Ctrl-C: trials end after the epochs that are being trained."""


class SilentDisplay:
    """A display that shows nothing."""

    def reading(self, done: int, expected: int | None) -> None:
        """Do nothing."""

    def begin(self, plan: Plan, dataset: Dataset, seeds: int, own: UserModels | None = None) -> None:
        """Do nothing."""

    def starting(self, run: str, seed: int) -> None:
        """Do nothing."""

    def progress(self, progress: Progress) -> None:
        """Do nothing."""

    def finished(self, trial: TrialSummary, kept: bool) -> None:
        """Do nothing."""

    def cross_validating(self, done: int, of: int) -> None:
        """Do nothing."""

    def interrupted(self) -> None:
        """Do nothing."""
