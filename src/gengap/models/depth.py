"""Find the blocks that a user's model repeats, and change how often it repeats them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gengap.models.backend import keras
from gengap.models.keras_internals import is_functional, run_graph, without_keys

# Names, and the shapes that layers were built with: the first block's input may be narrower.
NOT_SETTINGS = ("name", "build_config", "registered_name")


@dataclass(frozen=True, eq=False)
class Segment:
    """Part of a model through which one tensor enters and one leaves.

    Attributes:
        operations: Its operations in order.
        entry: The operation that makes the entering tensor; None for the model's input.
        signature: A text that is equal for segments of equal layers, settings and connections.
        shape: The shape of the leaving tensor.
    """

    operations: tuple[Any, ...]
    entry: Any
    signature: str
    shape: tuple[int | None, ...]

    @property
    def last(self) -> Any:
        """The operation that makes the leaving tensor."""
        return self.operations[-1]


@dataclass(frozen=True, eq=False)
class Repetition:
    """Equal blocks that follow each other. Each block is a run of segments."""

    blocks: tuple[tuple[Segment, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each block's last layer."""
        return tuple(block[-1].last.name for block in self.blocks)

    def count(self, depth: float) -> int:
        """Return how many blocks there are at a depth."""
        return max(1, round(len(self.blocks) * depth))


@dataclass(eq=False)
class _Output:
    maker: Any


@dataclass(frozen=True, eq=False)
class _Operation:
    operation: Any
    before: tuple[Any, ...]  # the operations that make its inputs


def segments(model: keras.Model) -> list[Segment]:
    """Return the segments of a built Sequential or functional model; none if an operation is called twice."""
    if not is_functional(model):
        entries = (None, *model.layers)
        return [
            Segment((layer,), entry, _settings(layer), tuple(layer.output.shape))
            for entry, layer in zip(entries, model.layers, strict=False)
        ]
    steps, ends = _steps(model)
    counts = Counter(id(step.operation) for step in steps)
    if len(model.inputs) > 1 or any(count > 1 for count in counts.values()):
        return []
    return list(_cut(steps, ends))


def _steps(model: Any) -> tuple[list[_Operation], list[Any]]:
    steps: list[_Operation] = []

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        found = [each.maker for each in keras.tree.flatten((args, kwargs)) if isinstance(each, _Output)]
        steps.append(_Operation(operation, tuple(found)))
        return keras.tree.map_structure(lambda _: _Output(operation), operation.output)

    outputs = run_graph(model, [_Output(None) for _ in model.inputs], call)
    return steps, [each.maker for each in keras.tree.flatten(outputs)]


def _cut(steps: Sequence[_Operation], ends: Sequence[Any]) -> Iterator[Segment]:
    """Yield the parts between tensors that alone carry everything that follows."""
    last_use: dict[int, int] = {id(end): len(steps) for end in ends}
    for number, step in enumerate(steps):
        for maker in step.before:
            last_use[id(maker)] = max(last_use.get(id(maker), 0), number)
    live, part, entry = {id(None)}, list[_Operation](), None
    for number, step in enumerate(steps):
        part.append(step)
        live.add(id(step.operation))
        live = {key for key in live if last_use.get(key, -1) > number}
        if live == {id(step.operation)}:
            operations = tuple(each.operation for each in part)
            shape = tuple(keras.tree.flatten(step.operation.output)[0].shape)
            yield Segment(operations, entry, _signature(part, entry), shape)
            part, entry = [], step.operation


def _signature(part: Sequence[_Operation], entry: Any) -> str:
    numbers = {id(entry): 0} | {id(step.operation): place for place, step in enumerate(part, 1)}
    return "\n".join(f"{_settings(step.operation)} {[numbers.get(id(b)) for b in step.before]}" for step in part)


def _settings(operation: Any) -> str:
    config = operation.get_config() if isinstance(operation, keras.layers.Layer) else {}
    settings = without_keys(config, NOT_SETTINGS)
    return f"{type(operation).__qualname__} {json.dumps(settings, sort_keys=True, default=repr)}"


def repetitions(model: keras.Model) -> list[Repetition]:
    """Return where a model repeats blocks that don't change the shape. Longer repetitions win over shorter ones."""
    found, parts, at = list[Repetition](), segments(model), 0
    while at < len(parts):
        best = max((_repeated(parts, at, size) for size in range(1, (len(parts) - at) // 2 + 1)), default=(1, 1, 0))
        covered, times, size = best[0], best[1], -best[2]
        if times > 1:
            found.append(Repetition(tuple(tuple(parts[k : k + size]) for k in range(at, at + covered, size))))
            at += covered
        else:
            at += 1
    return found


def _repeated(parts: Sequence[Segment], at: int, size: int) -> tuple[int, int, int]:
    """Return how many segments a repetition of blocks covers, how many blocks, and minus `size`: short ones win."""
    first, times = parts[at : at + size], 1
    if not any(getattr(operation, "weights", ()) for segment in first for operation in segment.operations):
        return 0, 1, size
    while [s.signature for s in parts[at + times * size : at + (times + 1) * size]] == [s.signature for s in first]:
        if parts[at + (times + 1) * size - 1].shape != first[-1].shape:
            break
        times += 1
    return (times * size if times > 1 else 0), times, -size


def subgraph(block: Sequence[Segment]) -> keras.Model:
    """Return a block of a functional model as a model of its own, of the same layers."""
    entry, last = block[0].entry, block[-1].last
    return keras.Model(keras.tree.flatten(entry.output)[0], last.output)
