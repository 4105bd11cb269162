"""The tutorial's three conclusions: larger models overfit sooner, regularised ones less, together they are best."""

from __future__ import annotations

import msgspec
import pytest
from report.page_made import study_made

from gengap.analysis.summary import StudySummary
from gengap.models import L2, Dropout
from gengap.report.conclusions import story_messages
from gengap.report.page import study_page
from gengap.text.catalog import catalog


def story(difference: float, high: float) -> StudySummary:
    """A study whose only regularised model has both regularisers, and this difference in loss."""
    summary, _ = study_made()
    effect = next(each for each in summary.regularizers if each.kind == "treatment")
    loss = msgspec.structs.replace(effect.loss, difference=difference, interval=(2 * difference, high))
    both = (L2(0.001), Dropout(0.5))
    effect = msgspec.structs.replace(effect, treatments=both, treatment=" + ".join(map(str, both)), loss=loss)
    return msgspec.structs.replace(summary, regularizers=(effect,))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_conclusion_is_a_sentence_with_numbers(language: str) -> None:
    texts = [catalog(language).render(each) for each in story_messages(story(-0.02, -0.005))]
    assert len(texts) == 3
    turns, regularised, together = texts
    assert "sizes/large" in turns and "13" in turns
    assert "90%" in regularised and "regularizers/l2 0.1" in regularised and "sizes/large" in regularised
    assert "0.0200 [0.0050, 0.0400]" in together


def test_a_difference_that_could_be_chance_is_called_so() -> None:
    chance, clear = ([catalog("en").render(m) for m in story_messages(story(-0.02, h))][-1] for h in (0.01, -0.01))
    assert "not clearly below" in chance and "not clearly" not in clear
    assert not any("Together" in catalog("en").render(each) for each in story_messages(story(0.02, 0.03)))


def test_the_page_has_the_same_sentences() -> None:
    summary = story(-0.02, -0.005)
    assert study_page(summary, study_made()[1]).story == story_messages(summary)
