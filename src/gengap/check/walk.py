"""Walks the path from the given estimator to simpler and more flexible settings, until the verdict is decided.

The loss falls and then rises along an axis, as a rule. So a side is walked from the nearest setting in growing
steps until it is clearly worse than the best. Then the settings next to the best one are tried. The side that
training points to is walked first: simpler settings if training is far ahead of validation. Once one side is
decided, the other is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gengap.check.complexity import Ladder, chosen_ladders, ladders
from gengap.check.gains import Gain, LossUnits, best_gain, gain
from gengap.check.setting_losses import Evaluation, Evaluator, Setting

STRIDES = (0, 2, 5, 9, 14, 19)  # positions on a long ladder ...
COARSE_STRIDES = (0, 1, 3, 5, 8, 11, 15, 19)  # ... whose neighbours differ a lot
SHORT = 3  # settings of a ladder that is walked one by one
DECIDED = 0.95  # probability from which a side is decided
CLEARLY = 0.95  # probability from which a setting is worse than another
FIRST = 2  # folds of five after which a setting may be given up; two and four of ten
NO_GAIN = 0.02  # degree to which a gain must matter for the other folds to be fitted
SLOWER = 10.0  # times the CPU time of the given estimator, from which only better settings are followed ...
CHEAP = 1.0  # ... if a fit takes more seconds than this: short times vary too much to decide anything
OPEN = 0.1  # degree to which the gain of a setting that seems worse must matter for the walk to go on ...
MOST_WORSE = 3  # ... after this many of them at most
AHEAD = 0.1  # share of the validation loss by which training is ahead, so that simpler settings come first
FLAT = 4  # a change of the loss by less than min_effect over this is none
STAGES = tuple(2 ** (-k / 2) for k in range(1, 15))  # shares of the boosting rounds


@dataclass(frozen=True, eq=False)
class SideResult:
    """The best setting of one side of the path, and how far it is better, without the luck of the choice."""

    best: Evaluation
    gain: Gain
    tried: int
    probability: float


@dataclass(eq=False)
class Walk:
    """The settings that were evaluated on the way.

    Attributes:
        evaluator: Fits settings.
        units: What losses are means of.
        min_effect: The smallest change that matters.
        complexity: The axes that the user names.
        base: The given estimator.
        found: All other settings.
        ladders: The axes.
        learns: Whether the given estimator differs from a constant.
    """

    evaluator: Evaluator
    units: LossUnits
    min_effect: float
    complexity: Any = None
    base: Evaluation = field(init=False)
    found: list[Evaluation] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)
    learns: bool = True

    def start(self) -> None:
        """Evaluate the given estimator, with the earlier stages of a booster."""
        evaluator = self.evaluator
        evaluator.doing = "the current settings"
        first = next((each for each in ladders(evaluator.estimator, {}) if each.rounds), None)
        staged = first is not None and evaluator.loss.by_row and self._follows(first.axis)
        stages = {share: Setting({}, "simpler") for share in STAGES} if staged else {}
        axis = first.axis if staged and first is not None else ""
        self.base, *found = evaluator.evaluate(Setting({}, "as-is"), stages, train=True, rounds=axis)
        self.ladders = chosen_ladders(self.complexity, evaluator.estimator, evaluator.facts)
        if staged and not found:  # boosting inside a wrapper without staged predictions
            self.ladders = [replace(each, rounds=False) for each in self.ladders]
        if staged and first is not None:
            self.found += self._named_stages(found, first.axis, evaluator.facts.get("rounds", 0.0), "simpler")

    def _follows(self, axis: str) -> bool:
        return self.complexity is None or self.complexity == axis

    def _named_stages(self, stages: Sequence[Evaluation], axis: str, rounds: float, side: str) -> list[Evaluation]:
        """Return stages as settings with their number of rounds, each number once."""
        named: dict[int, Evaluation] = {}
        for step, (stage, share) in enumerate(zip(stages, STAGES, strict=False), start=1):
            count = max(round(rounds * share), 1)
            if count < round(rounds):
                changes = self._with_rounds(axis, count)
                named.setdefault(count, replace(stage, setting=Setting(changes, side, axis, step)))
        return list(named.values())

    def _with_rounds(self, axis: str, count: int) -> dict[str, Any]:
        """Return the changes of a setting with this number of rounds, and with what else its ladder sets."""
        ladder = next(each for each in self.ladders if each.axis == axis)
        example = next(iter((*ladder.simpler, *ladder.flexible)), {})
        return {**example, axis: count}

    @property
    def ahead(self) -> float:
        """How far training is ahead of validation, as a share of the validation loss."""
        loss = self.units.mean(self.base.losses)
        return 0.0 if self.base.train_loss is None or loss <= 0 else 1 - self.base.train_loss / loss

    def side(self, side: str) -> list[Evaluation]:
        """Return the evaluated settings of a side."""
        return [each for each in self.found if each.setting.side == side]

    def result(self, side: str) -> SideResult | None:
        """Return the best setting of a side; None if the side has no setting."""
        mine = self.side(side)
        if not mine:
            return None
        at, found = best_gain([each.losses for each in mine], self.base.losses, self.units)
        return SideResult(mine[at], found, len(mine), found.matters(self.min_effect))

    def best(self) -> Evaluation:
        """Return the setting with the lowest loss, the given estimator included; one on a few folds is left out."""
        whole = [each for each in self.found if self.units.is_whole(each.losses)]
        return min((self.base, *whole), key=self.loss)

    def probability(self, side: str) -> float:
        """Return how probable it is that a setting of this side is better by more than `min_effect`."""
        found = self.result(side)
        return 0.0 if found is None else found.probability

    def run(self) -> None:
        """Walk both sides, until one is decided."""
        sides = ("simpler", "flexible") if self.ahead > AHEAD else ("flexible", "simpler")
        for side in sides:
            for ladder in self.ladders:
                if self.probability(side) >= DECIDED:
                    return
                self._walk_ladder(ladder, side)
            if self.probability(side) >= DECIDED:
                return

    def loss(self, each: Evaluation) -> float:
        """Return the mean loss of a setting; one with fewer folds is compared on these."""
        base = self.base.losses
        return self.units.mean(base) * (1 - gain(each.losses, base, self.units).mean)

    def _walk_ladder(self, ladder: Ladder, side: str) -> None:
        if ladder.rounds and self.evaluator.loss.by_row:
            if side == "flexible":
                self._more_rounds(ladder)
            return
        self.evaluator.doing = f"{'simpler' if side == 'simpler' else 'more flexible'} settings, {ladder.axis}"
        changes = ladder.simpler if side == "simpler" else ladder.flexible
        settings = [Setting(each, side, ladder.axis, step) for step, each in enumerate(changes, start=1)]
        walked: dict[int, Evaluation] = {}
        best, worse = self.base, 0
        coarse = ladder.coarse and side == "flexible"
        for at in _positions(len(settings), coarse):
            if not self._visit(settings, at, walked):
                continue
            mine = walked[at]
            change = self._change(mine, best)
            if change < -self.min_effect / FLAT:
                best, worse = mine, 0
                continue
            if best is self.base and side == "simpler" and change < self.min_effect / FLAT:
                continue  # a penalty far too small changes nothing at first
            worse += 1
            slow = mine.cpu_seconds > max(SLOWER * self.base.cpu_seconds, CHEAP)
            clear = self._clearly_worse(mine, best) and not coarse  # the next degree of a polynomial may be better
            enough = best is not self.base or (worse > 1 and self.learns)
            if slow or clear or (enough and (worse > MOST_WORSE or not self._open(mine, best))):
                break
        self._refine(settings, walked)

    def _change(self, each: Evaluation, best: Evaluation) -> float:
        """Return by which share the loss of a setting is above that of the best one."""
        lowest, mine = self.loss(best), self.loss(each)
        if lowest > 0:
            return mine / lowest - 1
        return math.inf if mine > lowest else 0.0

    def _open(self, each: Evaluation, best: Evaluation) -> bool:
        """Return whether a setting that seems worse may be better by what matters, and its side is undecided."""
        undecided = self.probability(each.setting.side) < DECIDED
        return undecided and gain(each.losses, best.losses, self.units).matters(self.min_effect) >= OPEN

    def _clearly_worse(self, each: Evaluation, best: Evaluation) -> bool:
        return gain(each.losses, best.losses, self.units).above(0) < 1 - CLEARLY

    def _visit(self, settings: Sequence[Setting], at: int, walked: dict[int, Evaluation]) -> bool:
        """Evaluate the setting at a position; return whether it could be fitted."""
        found = self.evaluator.evaluate(
            settings[at], batches=self._batches, give_up=self._hopeless(settings[at].side)
        )
        if found:
            walked[at] = found[0]
        self.found += found
        return bool(found)

    @property
    def _batches(self) -> tuple[int, ...]:
        """The numbers of folds after each of which a setting may be given up."""
        return (FIRST,) * max(self.units.folds // 5, 1)

    def _hopeless(self, side: str) -> Callable[[Evaluation], bool]:
        """Return the function that says whether a setting of a side needs no further folds.

        That is so if it gains nothing, or is clearly worse than the best setting of its side so far. If the side is
        decided, only a setting that seems better than this one is worth the folds.
        """
        leader = min((self.base, *self.side(side)), key=self.loss)
        decided = self.probability(side) >= DECIDED

        def hopeless(each: Evaluation) -> bool:
            if gain(each.losses, self.base.losses, self.units).matters(self.min_effect) < NO_GAIN:
                return True
            better = gain(each.losses, leader.losses, self.units)
            return better.above(0) < 1 - CLEARLY or (decided and better.mean < self.min_effect)

        return hopeless

    def _refine(self, settings: Sequence[Setting], walked: dict[int, Evaluation]) -> None:
        """Evaluate the settings next to the best one, until the side is decided."""
        gains = {at: gain(each.losses, self.base.losses, self.units).mean for at, each in walked.items()}
        if not gains or max(gains.values()) <= self.min_effect / FLAT:
            return
        best = max(gains, key=lambda at: gains[at])
        lower = max((at for at in walked if at < best), default=best)
        upper = min((at for at in walked if at > best), default=best)
        for at in (best - 1, best + 1) if gains[lower] >= gains[upper] else (best + 1, best - 1):
            if 0 <= at < len(settings) and at not in walked:
                self._visit(settings, at, walked)
                if self.probability(settings[at].side) >= DECIDED:
                    return

    def _more_rounds(self, ladder: Ladder) -> None:
        """Continue boosting to twice, and if that still helps to four times the rounds."""
        last = self._last_stage(ladder)
        if not ladder.flexible or (last is not None and self.loss(self.base) > self.loss(last)):
            return
        self.evaluator.doing = "more rounds"
        rounds = self.evaluator.facts.get("rounds", 0.0)
        for factor in (2, 4):
            changes = self._with_rounds(ladder.axis, round(rounds * factor))
            setting = Setting(changes, "flexible", ladder.axis, factor)
            half, hopeless = {STAGES[0]: Setting({}, "flexible")}, self._hopeless("flexible")
            evaluated = self.evaluator.evaluate(
                setting, half, rounds=ladder.axis, batches=self._batches, give_up=hopeless
            )
            if not evaluated:
                return
            whole, *stages = evaluated
            named = self._named_stages(stages, ladder.axis, rounds * factor, "flexible")
            self.found += [whole, *named]
            falls = all(self.loss(whole) < self.loss(each) * (1 - self.min_effect / FLAT) for each in named)
            if not falls or self.probability("flexible") >= DECIDED:
                return

    def _last_stage(self, ladder: Ladder) -> Evaluation | None:
        """Return the last stage before the given estimator."""
        stages = [each for each in self.side("simpler") if each.setting.axis == ladder.axis]
        return min(stages, key=lambda each: each.setting.step, default=None)


def _positions(count: int, coarse: bool = False) -> Iterator[int]:
    """Yield the positions on a ladder of `count` settings: the nearest one, then growing steps to the last one.

    >>> list(_positions(2)), list(_positions(9)), list(_positions(9, coarse=True))
    ([0, 1], [0, 2, 5, 8], [0, 1, 3, 5, 8])
    """
    if count <= SHORT:
        yield from range(count)
        return
    inside = [at for at in (COARSE_STRIDES if coarse else STRIDES) if at < count]
    yield from inside
    if inside[-1] != count - 1:
        yield count - 1
