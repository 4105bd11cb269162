"""Console text of any framework: one reader of lines, by one grammar.

    text -> screen (what a terminal shows) -> template (what each number means) -> collector -> curves -> Log

The grammar, line by line:

- **Number**: everything written together. `0.53`, `33.7%`, `0.52+0.01` (mean and spread) and `nan` are values;
  `3/20`, `12:30:01`, `5.3s/it` are counters, times and rates. In `loss 6.9 (7.1)` the average counts.
- **Name**: the words before a number, back to a boundary (comma, bar, tab, two blanks, dash, bracket, colon), then
  a separator: blanks, `:`, `=`, `|`. A name that is none of a metric is left out.
- **Place**: a number named epoch, step, iteration, round, fold or run says where values belong, on its own line and
  on the lines below, until the next one. A first number without a name counts too (`[20]`, `39:`). Names of folds
  and runs may stand below their values. A place may interrupt a phrase: `loss at epoch 3 is 0.5`.
- **Split**: words such as train, val, dev, test, in a name (`val_loss`) or before it on the line (`Val: loss 0.5,
  acc 0.9`), behind the value (`0.5 (val), `), or as a heading above (`Validating`), until the next epoch, or for
  all epochs of a block below a block of another split. A line without a place or split below a bar of held-out
  rows sums it up. Names without one are training.
- **Table**: a line of names, with rows of as many cells. If one blank stands between names of several words, each
  word belongs to the column that it stands nearest to. See `table_reader`.
- **Name in a field**: `"metric": "val_loss", "step": 3, "value": 0.5` names the value in a later field.
- **Number in a name**: `acc(5) = 0.7`, `mAP(0.50, 11point) = 0.7`. A small first number is a part of the name.
- **Names before a list**: `train acc, test acc | 0.5, 0.6`, `Train and Val loss: 0.5 and 0.6` and
  `RMSE(T V) 0.5 0.6` name as many numbers in order.
- **Names above**: a number alone on its line belongs to the name alone on the line above, and so do four and more
  of training or validation. Of several names from `Epoch` on, each names a number in turn, if the first ones rise.
- **Table across**: below a line of epochs (`epoch 1 2 3`), a line of as many numbers is a curve. See `across`.
- **Bar**: of its states, the last one in an epoch counts. A bar that names a split alone is a heading.
- **Left out**: best and previous values, rates, times, counters, settings, tests, code, conditions (`loss < 0.5`),
  sentences with a line of a log in backticks, messages of checkpoints, values that end above the first epoch, and a
  single held-out value where another one is a curve.
- **Dict**: a line such as `{'loss': 0.5, 'epoch': 1.0}` follows the same grammar. Lists are read by `literals`.
- A value is counted once: of several phrases for one metric, the log's most frequent one counts. A tag before the
  line (`[lfw]`) is a part of the phrase.
- **No training**: values without an epoch, if there are fewer than four, if a setting, an item or a word changes
  from one to the next, or if a name stands above each; values of one epoch below headings that differ; and
  sentences with a value each. See `training_signs`.

Words of 28 other languages are known (`metric_names`). Nothing in a log is run.
"""

from __future__ import annotations

from collections.abc import Iterable

from gengap.diagnose.readers.console.collector import Collector
from gengap.diagnose.readers.console.runs import console_logs
from gengap.diagnose.run_curves import Log

__all__ = ["read_console"]


def read_console(blocks: Iterable[str], file: str) -> list[Log]:
    """Return the runs in console text, given in blocks of any size; an empty list if there are no curves.

    Args:
        blocks: The text.
        file: What errors call it.
    """
    collector = Collector(file)
    collector.read(blocks)
    collector.end()
    return console_logs(collector)
