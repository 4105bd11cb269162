"""Walks the path from the estimator as it is to simpler and more flexible settings, until the verdict is decided.

The loss falls and then rises along an axis, as a rule. So a side is walked in growing steps until it is clearly
worse than the best, and then refined around the best. The side that training points to is walked first: simpler
settings if training is far ahead of validation. Once one side is decided, the other is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gengap.check.complexity import Changes, Ladder, chosen_ladders, ladders
from gengap.check.evaluation import Evaluation, Evaluator, Setting
from gengap.check.gains import Gain, Units, best_gain, gain

STRIDES = (1, 3, 5, 8, 11, 15, 19)  # positions on a long ladder
SHORT = 3  # settings of a ladder that is walked one by one
DECIDED = 0.95  # probability from which a side is decided
CLEARLY = 0.95  # probability from which a setting is worse than another
NEAR = -0.04  # gain from which the nearest setting is worth a look although the next one is worse
AHEAD = 0.1  # share of the validation loss by which training is ahead, so that simpler settings come first
FLAT = 4  # a change of the loss by less than min_effect over this is none
STAGES = tuple(2 ** (-k / 2) for k in range(1, 15))  # shares of the boosting rounds


@dataclass(eq=False)
class Walk:
    """The settings that were evaluated on the way.

    Attributes:
        evaluator: Fits settings.
        units: What losses are means of.
        min_effect: The smallest change that matters.
        complexity: The axes that the user names.
        base: The estimator as it is.
        found: All other settings.
        ladders: The axes.
        learns: Whether the estimator as it is differs from a constant.
    """

    evaluator: Evaluator
    units: Units
    min_effect: float
    complexity: Any = None
    base: Evaluation = field(init=False)
    found: list[Evaluation] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)
    learns: bool = True

    def start(self) -> None:
        """Evaluate the estimator as it is, with the earlier stages of a booster."""
        evaluator = self.evaluator
        evaluator.doing = "the estimator as it is"
        first = next((each for each in ladders(evaluator.estimator, {}) if each.rounds), None)
        staged = first is not None and evaluator.loss.by_row and self._follows(first.axis)
        stages = {share: Setting({}, "simpler") for share in STAGES} if staged else {}
        self.base, *found = evaluator.evaluate([Setting({}, "as-is")], stages, train=True)
        self.ladders = chosen_ladders(self.complexity, evaluator.estimator, evaluator.facts)
        if staged and first is not None:
            self.found += self._named_stages(found, first.axis, {}, evaluator.facts.get("rounds", 0.0))

    def _follows(self, axis: str) -> bool:
        return self.complexity is None or self.complexity == axis

    def _named_stages(
        self, stages: Sequence[Evaluation], axis: str, changes: Changes, rounds: float, side: str = "simpler"
    ) -> list[Evaluation]:
        """Return stages as settings with their number of rounds, each number once."""
        named: dict[int, Evaluation] = {}
        for step, (stage, share) in enumerate(zip(stages, STAGES, strict=False), start=1):
            count = max(round(rounds * share), 1)
            setting = Setting(changes | {axis: count}, side, axis, step)
            if count < round(rounds):
                named.setdefault(count, replace(stage, setting=setting))
        return list(named.values())

    @property
    def ahead(self) -> float:
        """How far training is ahead of validation, as a share of the validation loss."""
        loss = self.units.mean(self.base.losses)
        return 0.0 if self.base.train_loss is None or loss <= 0 else 1 - self.base.train_loss / loss

    def side(self, side: str) -> list[Evaluation]:
        """Return the evaluated settings of a side."""
        return [each for each in self.found if each.setting.side == side]

    def gain(self, side: str) -> tuple[Evaluation, Gain] | None:
        """Return the best setting of a side and its gain without luck; None if the side has no setting."""
        mine = self.side(side)
        if not mine:
            return None
        at, found = best_gain([each.losses for each in mine], self.base.losses, self.units)
        return mine[at], found

    def probability(self, side: str) -> float:
        """Return how probable it is that a setting of this side is better by more than `min_effect`."""
        found = self.gain(side)
        return 0.0 if found is None else found[1].matters(self.min_effect)

    def run(self) -> None:
        """Walk both sides, until one is decided."""
        sides = ("simpler", "flexible") if self.ahead > AHEAD else ("flexible", "simpler")
        for side in sides:
            for ladder in self.ladders:
                if self.probability(side) >= DECIDED:
                    break
                self._walk_ladder(ladder, side)
            if self.probability(side) >= DECIDED:
                return

    def _walk_ladder(self, ladder: Ladder, side: str) -> None:
        if ladder.rounds and self.evaluator.loss.by_row:
            if side == "flexible":
                self._more_rounds(ladder)
            return
        self.evaluator.doing = f"{'simpler' if side == 'simpler' else 'more flexible'} settings, {ladder.axis}"
        changes = ladder.simpler if side == "simpler" else ladder.flexible
        settings = [Setting(each, side, ladder.axis, step) for step, each in enumerate(changes, start=1)]
        walked: dict[int, Evaluation] = {}
        best = self.base.losses
        for at in _positions(len(settings), ladder.coarse and side == "flexible"):
            if not self._visit(settings, at, walked):
                continue
            losses = walked[at].losses
            if (
                gain(losses, best, self.units).above(0) < 1 - CLEARLY
                and gain(losses, self.base.losses, self.units).mean < 0
            ):
                break
            if self._is_level(side, walked):
                break
            best = losses if self.units.mean(losses) < self.units.mean(best) else best
        self._refine(settings, walked)

    def _is_level(self, side: str, walked: dict[int, Evaluation]) -> bool:
        """Return whether the last two of several more flexible settings change nothing.

        Weaker penalties of a model without any learning change nothing at first, so its path goes on.
        """
        if side != "flexible" or not self.learns or len(walked) < 2:
            return False
        base = self.units.mean(self.base.losses)
        last = [self.units.mean(each.losses) for each in list(walked.values())[-2:]]
        return all(abs(each - base) < self.min_effect / FLAT * base for each in last)

    def _visit(self, settings: Sequence[Setting], at: int, walked: dict[int, Evaluation]) -> bool:
        """Evaluate the setting at a position; return whether it could be fitted."""
        found = self.evaluator.evaluate([settings[at]])
        if found:
            walked[at] = found[0]
        self.found += found
        return bool(found)

    def _refine(self, settings: Sequence[Setting], walked: dict[int, Evaluation]) -> None:
        """Evaluate settings between the best position and its neighbours."""
        if not walked:
            return
        means = {-1: self.units.mean(self.base.losses)} | {
            at: self.units.mean(e.losses) for at, e in walked.items()
        }
        best = min(means, key=lambda at: means[at])
        if best < 0 and means[min(walked)] > (1 - NEAR) * means[-1]:
            return
        known = sorted(means)
        place = known.index(best)
        for low, high in zip(known[max(place - 1, 0) : place + 1], known[max(place, 1) : place + 2], strict=False):
            if high - low > 1:
                self._visit(settings, (low + high) // 2, walked)

    def _more_rounds(self, ladder: Ladder) -> None:
        """Continue boosting to twice, and if that still helps to four times the rounds."""
        last, mean = self._last_stage(ladder), self.units.mean
        if not ladder.flexible or (last is not None and mean(self.base.losses) > mean(last.losses)):
            return
        self.evaluator.doing = "more rounds"
        rounds = self.evaluator.facts.get("rounds", 0.0)
        for factor in (2, 4):
            setting = Setting({ladder.axis: round(rounds * factor)}, "flexible", ladder.axis, factor)
            evaluated = self.evaluator.evaluate([setting], {STAGES[0]: Setting({}, "flexible")})
            if not evaluated:
                return
            whole, *stages = evaluated
            named = self._named_stages(stages, ladder.axis, {}, rounds * factor, "flexible")
            self.found += [whole, *named]
            falls = all(mean(whole.losses) < mean(e.losses) * (1 - self.min_effect / FLAT) for e in named)
            if not falls or self.probability("flexible") >= DECIDED:
                return

    def _last_stage(self, ladder: Ladder) -> Evaluation | None:
        """Return the last stage before the estimator as it is."""
        stages = [each for each in self.side("simpler") if each.setting.axis == ladder.axis]
        return min(stages, key=lambda each: each.setting.step, default=None)


def _positions(count: int, coarse: bool = False) -> Iterator[int]:
    """Yield the positions on a ladder of `count` settings, in growing steps, ending with the last one.

    A coarse ladder starts with the nearest setting: the next one may be far too flexible.

    >>> list(_positions(2)), list(_positions(9)), list(_positions(9, coarse=True))
    ([0, 1], [1, 3, 5, 8], [0, 1, 3, 5, 8])
    """
    if count <= SHORT:
        yield from range(count)
        return
    inside = [at for at in ((0, *STRIDES) if coarse else STRIDES) if at < count]
    yield from inside
    if inside[-1] != count - 1:
        yield count - 1
