"""A check that several files of tests look at."""

from __future__ import annotations

import pytest
from check.plain_rows import classes
from sklearn.tree import DecisionTreeClassifier

import gengap
from gengap.check.result import CheckResult


@pytest.fixture(scope="session")
def tree() -> CheckResult:
    return gengap.check(DecisionTreeClassifier(), *classes())
