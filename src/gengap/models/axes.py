"""Symbolic widths: which axes of which tensors have a layer's units as their size, and which must stay equal.

A tensor is a `Shape`: one `Axis` for each axis after the batch. An axis is a sequence of parts, each a `Width`
times a whole number: a concatenation has several parts. Two axes that an addition joins must stay equal, so their
widths become one (`join`). A width that can't change has a reason for that (`fix`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(eq=False)
class Width:
    """One size that layers share.

    Attributes:
        base: The size in the original model.
        multiple: The size must be a multiple of this.
        fixed: Why it can't change; empty if it can.
        parts: If it is the size of a concatenation, the parts of that.
    """

    base: int
    multiple: int = 1
    fixed: str = ""
    parts: tuple[WidthMultiple, ...] = ()
    _same: Width | None = field(default=None, repr=False)

    @property
    def root(self) -> Width:
        """The width that stands for all joined ones."""
        return self if self._same is None else self._same.root

    @property
    def why(self) -> str:
        """Why it can't change, for itself or for all of its parts; empty if it can."""
        root = self.root
        whys = [part.width.why for part in root.parts]
        return root.fixed or (whys[0] if whys and all(whys) else "")

    def fix(self, why: str) -> None:
        """Fix the size, so that no factor changes it. The first reason is kept."""
        self.root.fixed = self.root.fixed or why
        for part in self.root.parts:
            part.width.fix(why)

    def keep_multiple(self, of: int, why: str) -> None:
        """Require the size to be a multiple of a number. A size that is not one now is fixed."""
        if self.base % of:
            self.fix(why)
        else:
            self.root.multiple = math.lcm(self.root.multiple, of)
        for part in self.root.parts:
            part.width.keep_multiple(of, why)

    def join(self, other: Width, why: str) -> None:
        """Merge two widths, whose sizes must stay equal. If both are concatenations, both are fixed."""
        mine, its = self.root, other.root
        if mine is its:
            return
        if mine.parts and its.parts:
            mine.fix(why)
            its.fix(why)
        parts = mine.parts or its.parts
        fixed = mine.fixed or its.fixed
        its._same = mine
        mine.multiple = math.lcm(mine.multiple, its.multiple)
        mine.fixed, mine.parts = fixed, ()
        if parts and not fixed:
            mine.consist_of(parts)
        elif fixed:
            for part in parts:
                part.width.fix(fixed)

    def consist_of(self, parts: tuple[WidthMultiple, ...]) -> None:
        """Let the size be that of a concatenation of these parts."""
        root = self.root
        root.parts = parts
        if root.fixed:
            root.fix(root.fixed)
        for part in parts if root.multiple > 1 else ():
            part.width.keep_multiple(root.multiple, f"its size must be a multiple of {root.multiple}")

    def scaled(self, factor: float) -> int:
        """Return the size for a factor on all widths."""
        root = self.root
        if root.fixed or factor == 1:
            return self.base
        if root.parts:
            return sum(part.width.scaled(factor) * part.times for part in root.parts)
        return root.multiple * max(1, round(self.base * factor / root.multiple))


class WidthMultiple(NamedTuple):
    """A width times a whole number."""

    width: Width
    times: int = 1


@dataclass(frozen=True, eq=False)
class Axis:
    """The size of one axis. If it is `derived`, it is some other function of its parts."""

    parts: tuple[WidthMultiple, ...]
    derived: bool = False

    @classmethod
    def constant(cls, size: int | None, why: str) -> Axis:
        """Return an axis that no layer's units decide. A size of None is one that the data decide."""
        return cls((WidthMultiple(Width(size or 0, fixed=why)),))

    @classmethod
    def of(cls, width: Width, times: int = 1) -> Axis:
        """Return an axis of one part."""
        return cls((WidthMultiple(width, times),))

    @property
    def base(self) -> int:
        """The size in the original model."""
        return sum(part.width.base * part.times for part in self.parts)

    @property
    def changes(self) -> bool:
        """Whether the size can change."""
        return not all(part.width.why for part in self.parts)

    def fix(self, why: str) -> None:
        """Fix the size."""
        for part in self.parts:
            part.width.fix(why)

    def scaled(self, factor: float) -> int:
        """Return the size for a factor on all widths."""
        return sum(part.width.scaled(factor) * part.times for part in self.parts)

    def join(self, other: Axis, why: str) -> None:
        """Require equal sizes. Axes of other parts stay as they are, for the reason `why`."""
        mine, its = ([(p.width.base, p.times) for p in axis.parts] for axis in (self, other))
        if mine == its and not (self.derived or other.derived):
            for one, two in zip(self.parts, other.parts, strict=True):
                one.width.join(two.width, why)
        elif (whole := self._whole(other) or other._whole(self)) is not None:
            whole[0].consist_of(whole[1])
        else:
            self.fix(why)
            other.fix(why)

    def _whole(self, other: Axis) -> tuple[Width, tuple[WidthMultiple, ...]] | None:
        """Return this axis' only width and the other's several parts, if the width can be their sum."""
        if self.derived or other.derived or len(self.parts) != 1 or len(other.parts) < 2 or self.base != other.base:
            return None
        (only,) = self.parts
        return None if only.times != 1 or only.width.root.parts else (only.width, other.parts)

    def repeated(self, times: int) -> Axis:
        """Return an axis that has each part `times` times."""
        return Axis(tuple(WidthMultiple(part.width, part.times * times) for part in self.parts), self.derived)


@dataclass(frozen=True, eq=False)
class Shape:
    """A tensor: its axes after the batch, and its type."""

    axes: tuple[Axis, ...]
    dtype: str = "float32"

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The sizes in the original model, with None for the batch and for sizes that data decide."""
        return (None, *(axis.base or None for axis in self.axes))

    @property
    def last(self) -> Axis:
        """The last axis."""
        return self.axes[-1]

    def with_last(self, axis: Axis) -> Shape:
        """Return the shape with another last axis."""
        return Shape((*self.axes[:-1], axis), self.dtype)

    def fix(self, why: str) -> None:
        """Fix all sizes."""
        for axis in self.axes:
            axis.fix(why)


def concatenated(axes: Iterable[Axis]) -> Axis:
    """Return the axis of a concatenation along it."""
    found = tuple(axes)
    return Axis(tuple(part for axis in found for part in axis.parts), any(axis.derived for axis in found))


def flattened(axes: Iterable[Axis]) -> Axis:
    """Return the axis that flattening makes of these."""
    found = tuple(axes)
    changing = [axis for axis in found if axis.changes]
    if len(changing) == 1 and changing[0] is found[-1]:
        return changing[0].repeated(math.prod(axis.base for axis in found[:-1]))
    size = math.prod(axis.base for axis in found)
    if not changing:
        return Axis.constant(size, found[-1].parts[0].width.why if found else "")
    return Axis(tuple(part for axis in changing for part in axis.parts), derived=True)
