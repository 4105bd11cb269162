"""Several models in one: they share kernels and average their probabilities (or the numbers that they predict)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from gengap.models.treatments.base import Treatment
from gengap.tasks import AnyTask

if TYPE_CHECKING:
    import keras


class Ensemble(Treatment, frozen=True, tag="ensemble"):
    """So many `members` in one model, which share every hidden kernel and average what they say.

    A member scales the inputs and outputs of a kernel by factors of its own and has its own biases and last layer;
    the training loss is the mean of the members' own. BatchEnsemble (Wen et al. 2020, section 3) as in TabM
    (Gorishniy et al. 2024, "TabM", arXiv 2410.24210, section 3.3), all members on the same batches.
    """

    members: Annotated[int, msgspec.Meta(ge=2, le=4096)] = 8
    role: ClassVar[str] = "ensembles"
    adds_bias: ClassVar[bool] = True

    def before_hidden(self, width: int, first: bool, seed: int) -> list[keras.Layer]:
        """The members' factors on inputs (n, width) or (n, members, width): random at first, then ones."""
        from gengap.models.layers import MemberFactors

        return [MemberFactors(self.members, random=first, seed=seed)]

    def before_activation(self, width: int) -> list[keras.Layer]:
        """The members' factors and biases on (n, members, width)."""
        from gengap.models.layers import MemberFactors

        return [MemberFactors(self.members, use_bias=True)]

    def head(self, width: int, task: AnyTask, first: bool, seed: int) -> list[keras.Layer]:
        """Each member's outputs (n, members, outputs), and what they say together (n, outputs)."""
        from gengap.models.backend import keras
        from gengap.models.layers import MemberMean

        start = keras.initializers.RandomUniform(-(width**-0.5), width**-0.5, seed=seed)
        equation = "ni,kio->nko" if first else "nki,kio->nko"
        shape = (self.members, task.outputs)
        last = keras.layers.EinsumDense(equation, shape, bias_axes="ko", kernel_initializer=start)
        return [last, MemberMean(task.name)]

    def parameters(self, before: int, width: int) -> int:
        """Two factors and a bias."""
        return self.members * (before + 2 * width)

    def head_count(self) -> int:
        """One for each member."""
        return self.members
