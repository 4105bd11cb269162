# English. See src/gengap/text/catalog.py for the functions that format numbers.

## Verdicts

verdict-underfit = underfit
verdict-good = good
verdict-near-overfit = near-overfit
verdict-overfit = overfit
verdict-inconclusive = inconclusive
verdict-name = { $verdict ->
    [underfit] { verdict-underfit }
    [good] { verdict-good }
    [near-overfit] { verdict-near-overfit }
    [overfit] { verdict-overfit }
   *[inconclusive] { verdict-inconclusive }
}

## Numbers in words

number-above = above 0.99
number-below = below 0.01

## Names of metrics

metric-binary-crossentropy = cross-entropy
metric-categorical-crossentropy = cross-entropy
metric-row-loss = loss without penalties
metric-mean-squared-error = mean squared error
metric-mean-absolute-error = mean absolute error
metric-r2 = R²
metric-accuracy = accuracy
metric-auc = AUC
metric-loss = loss with penalties
metric-learning-rate = learning rate

## Labels of the page

page-skip = Skip to the report
page-theme = Theme
page-theme-system = as the system
page-theme-light = light
page-theme-dark = dark
page-plan = plan { $plan }
page-took = took { $time }
page-so-far = { $time } so far
page-running = still running
page-interrupted = interrupted: some trials of the plan are missing
page-headline-none = No trial is finished yet
page-headline-nothing-learnt = Nothing clearly beats guessing here
page-headline-not-judged = No curve could be judged
page-headline-inconclusive = The curves don't show whether any model overfits
page-headline-fits = No model overfits
page-headline-none-known = No model is known to overfit
page-headline-recommended = recommended: { $run }
page-recommended = recommended
page-expected-loss = Expected loss on new rows
page-expected-accuracy = Expected accuracy
page-expected-r2 = Expected R²
page-expected-rmse = Expected RMSE, in the target's units
page-expected-mae = Expected MAE, in the target's units
page-rmse = RMSE
page-mae = MAE
page-best-baseline = Best baseline, { $run }
page-rows-used = Rows, training and validation
page-training-now = Training now
page-running-epochs = epoch { $done } of at most { $all }
page-running-left = at most { $time } left
page-compiling = compiling
page-trials = Trials
page-model = model
page-verdict = verdict
page-curves = curves
page-loss = loss
page-gap = gap
page-rise-percent = rise after the best, %
page-rise = rise
page-onset = turns at epoch
page-best-epoch = best epoch
page-parameters = parameters
page-or-verdict = or { $verdict } { PERCENT($probability) }
page-of-epochs = of { $epochs }
page-seeds-agree = { $count } of { $all } seeds
page-gap-note = The gap is validation loss minus training loss.
page-loss-note-classes = Loss is the validation cross-entropy at the best epoch. Brackets hold 90% intervals.
page-loss-note-numbers = Loss is the validation mean squared error at the best epoch, divided by the variance of the training target. RMSE and MAE are of the same rows, in the target's units. Brackets hold 90% intervals.
page-seeds-note = Losses are means over the seeds. Verdicts, curves and epochs are those of the first seed.
page-every-trial = Every trial and seed
page-seed = seed
page-training-loss = training loss
page-validation-loss = validation loss
page-score-accuracy = accuracy
page-score-r2 = R²
page-epochs = epochs
page-time = time
page-still-training = still training
page-curves-title = Curves
page-curves-switches = What the curves show
page-runs = runs
page-run = run
page-all-runs = all
page-metric = metric
page-training = training
page-validation = validation
page-log-epochs = log epochs
page-smoothing = smoothing
page-smoothing-note = The weighted mean of each value and the values before it
page-curves-alt = Training and validation curves by epoch. Two tables hold the values: “{ page-at-best-epochs }” one for each run, “{ page-numbers }” those of several epochs.
page-at-best-epochs = at the best epochs
page-at-epoch = at epoch
page-read-at = Read the curves at this epoch
page-legend-help = Runs: press a name to hide or show its curves
page-show-all = show all
page-hide-all = hide all
page-read-at-best = read at the best epochs
page-no-script = The charts, the switches and the values by epoch need JavaScript. All conclusions, tables and “the numbers in this chart” are here without it.
page-nothing-selected = Nothing is selected. Choose a run, and training or validation.
page-curves-caption = Solid: training. Dashed: validation. Faint, with smoothing: as logged. Dot: best epoch. Triangle at the top: the curve goes on above. Band: where validation turned (90% interval). Training is measured without regularisers, so it can be compared with validation.
page-numbers = The numbers in this chart
page-metric-by-epoch = { $metric } at several epochs
page-epoch = epoch
page-epoch-log = epoch (log scale)
page-sparkline = Training and validation loss by epoch
page-sparkline-best = Training and validation loss by epoch, best at epoch { $epoch }
page-why-title = Why, and what to do
page-leaks-title = Check this first
page-next-title = What to try next
page-reasons-title = Reasons for each model's verdict
page-advice = Advice
page-words-title = What the verdicts mean
page-meaning-overfit = Validation turned: it ends clearly worse than at its best.
page-meaning-near-overfit = Validation levelled off, but training still improves: what it still learns does not generalise.
page-meaning-good = Validation and training both levelled off.
page-meaning-underfit = Validation would still improve clearly: train longer.
page-meaning-inconclusive = The curves don't show it: they are too short, too noisy, not finite or constant.
page-meaning-note = "Clearly" means by more than { $percent }% of the loss. The number after a verdict is its probability.
page-sizes-title = Which size
page-sizes-alt = Training and validation loss of { $count } sizes against their parameters, with intervals
page-sizes-caption = Loss at the best epoch. Bars: 90% interval for new data (validation), range over seeds (training).
page-smallest = smallest within one standard error of the best
page-parameters-log = parameters (log scale)
page-regularizers-title = Which regulariser
page-regularizers-text = Change in validation loss from adding each regulariser to { $run }, on the same rows. Below zero is better. Each is compared with { $run } alone.
page-early-stopping = Early stopping (the best epoch of { $run } compared with its last): { FIXED($difference, signed: 1) } { BOUNDS($interval, signed: 1) }.
page-regularizers-alt = Change in validation loss from { $count } regularisers, with 90% intervals
page-regularizers-caption = ◀ better, ▶ worse, ● no clear difference: the interval includes zero. 90% intervals, corrected step by step for the comparisons shown here (as Dunnett's test), paired by row.
page-difference-axis = difference in validation loss
page-regularizer = regulariser
page-p-corrected = p, corrected
page-gap-without = gap without
page-gap-with = gap with
page-rows-title = Would more rows help
page-rows-alt = Validation loss of the best model against { $count } numbers of training rows, and the forecast for more rows
page-rows-caption = The best model trained on parts of the rows, and forecasts with their 90% intervals.
page-training-rows = training rows
page-training-rows-log = training rows (log scale)
page-measured-or-forecast = measured or forecast
page-rows-note = Measured on two folds, and brought to the level of all folds. The forecast continues a smooth curve through the measured losses.
page-measured = measured
page-forecast = forecast
page-comparisons-title = Comparisons
page-finalists-title = Finalists, cross-validated
page-finalists-text = The best models were trained again on other splits of the rows: each of { $rows } rows was judged by a model that did not train on it. Losses with 90% intervals.
page-comparisons-alt = Validation loss of every model and baseline minus that of the best, with 90% intervals
page-comparisons-caption = Validation loss minus that of the best, the only model that each is compared with. ▶ worse, ● no clear difference: the interval includes zero. 90% intervals, corrected step by step for the comparisons shown here and for the choice of the best (as Dunnett's test), paired by row.
page-group = group
page-metric-difference = { $metric }, difference
page-difference = difference
page-baselines = Baselines
page-baselines-mixtures = Baselines and the mean of several models
page-baseline = baseline
page-costly-title = The most costly validation rows
page-costly-text = { $run } loses most on { $count ->
    [one] this row
   *[other] these { $count } rows
} of { $rows }{ $share ->
    [none] .
   *[other] : { PERCENT($share, digits: 0) } of the validation loss.
} Check their labels first: a wrong label looks like a confident mistake.
page-costly-target = target { $target },
page-costly-answer = predicted { $answer },
page-costly-loss = loss { FIXED($loss, digits: 2) }, row { $row }
page-costly-alt = validation row { $row }
page-test-title = Test rows
page-test-text = { $rows ->
    [one] 1 row that was
   *[other] { $rows } rows that were
} not used for training or selection, evaluated once, on { $day }.
page-data-title = The data and its split
page-test = test
page-use-train = fits the weights
page-use-validation = judges every epoch and chooses the model
page-use-test = not used for training or selection
page-source = source
page-target = target
page-task = task
page-task-binary = two classes
page-task-multiclass = several classes
page-task-own-loss = by the model's own loss
page-task-regression = regression
page-split = split
page-weights = weights
page-features = features
page-standardised = standardised with the mean and standard deviation of the training rows
page-raw = raw
page-bad-rows = bad rows left out
page-columns = columns
page-count-columns = { $count } columns
page-table-title = The table
page-column = column
page-kind = kind
page-missing = missing
page-column-use = how it is used
page-made-title = How it was computed
page-began = began
page-training-took = training took
page-call-took = last call took
page-seeds = seeds
page-versions = versions
page-products = large matrix products
page-bfloat16 = operands in bfloat16, sums in float32
page-reproduce = How to reproduce
page-plan-toml = The plan, as TOML

## The live page

live-finished = the study is finished
live-waiting = waiting for a study to begin
live-away = no connection to the server; trying again
live-complete = the study is finished; this page is complete
page-headline-overfit = { $all ->
    [1] The model overfits
   *[other] { $count ->
        [one] 1 of { $all } models overfits
       *[other] { $count } of { $all } models overfit
    }
}
page-headline-underfit = { $all ->
    [1] The model underfits
   *[other] No model overfits, { $count ->
        [one] 1 of { $all } underfits
       *[other] { $count } of { $all } underfit
    }
}
page-headline-underfit-known = No model is known to overfit, { $count ->
    [one] 1 of { $all } underfits
   *[other] { $count } of { $all } underfit
}
page-headline-fit = { $count ->
    [one] 1 of { $all } models fits
   *[other] { $count } of { $all } models fit
}
page-headline-unknown = { $count } { $count ->
    [one] curve is
   *[other] curves are
} inconclusive
page-tied = { $count ->
    [one] One other is
   *[other] { $count } others are
} not clearly worse than { $run } ({ $rows } validation rows).
page-cores = { $count } { $count ->
    [one] core
   *[other] cores
}
page-plain-columns = { $count } { $count ->
    [one] column of numbers without missing values is used
   *[other] columns of numbers without missing values are used
} unchanged.
live-running = the study is running: { live-trials }
live-stopped = the study stopped early: { live-trials }
live-trials = { $planned ->
    [none] { $finished } { $finished ->
        [one] trial
       *[other] trials
    } finished
   *[other] { $finished } of { $planned } trials finished
}

## Tables in notebooks

notebook-study = { $source }, plan { $plan }: { $train } training and { $validation } validation rows, { $time }
notebook-first-trials = , the first { $shown } of { $all } trials
notebook-score = { $score }, %
notebook-history = { $run }, seed { $seed }: { $epochs } { $epochs ->
    [one] epoch
   *[other] epochs
}
notebook-first = first
notebook-lowest = lowest
notebook-highest = highest
notebook-last = last
notebook-by-epoch = by epoch

## Findings: the reasons for a verdict

axis-epoch = { $axis ->
    [step] step
   *[epoch] epoch
}
axis-epochs = { $axis ->
    [step] steps
   *[epoch] epochs
}
better-fell = { $better ->
    [higher] fell
   *[lower] rose
}
better-raise = { $better ->
    [higher] raise
   *[lower] lower
}
finding-not-finite = { $since_epoch ->
    [none] All { $count } values of { $metric } are NaN or infinite
   *[other] { $metric } is NaN or infinite from { axis-epoch } { $since_epoch } to the end: training diverged
}
finding-too-short = { $metric } has { $count } finite { $count ->
    [one] value
   *[other] values
}; a trend needs at least { $least }
finding-constant = { $metric } is { SIGNIFICANT($value, digits: 6) } at every { axis-epoch }: nothing is learnt, or the wrong value is logged
finding-nothing-learned = { $metric } stays within { SIGNIFICANT($limit_percent) }% of where it started, { SIGNIFICANT($value) }{ $classes ->
    [0] {""}
   *[other] {" "}(guessing among { $classes } classes)
}: nothing is learnt
finding-diverging = { $metric } and training { better-fell } together since { axis-epoch } { $since_epoch }, by { FIXED($rise_percent, digits: 1) }% and { FIXED($train_percent, digits: 1) }%: training diverges
finding-unstable = { $metric } jumps by a factor of two or more at { $count } { axis-epochs }, between { SIGNIFICANT($low) } and { SIGNIFICANT($high) }: such a curve can't be judged
finding-late-step = { $metric } { better-fell } by { FIXED($rise_percent, digits: 0) }% at once, at { axis-epoch } { $epoch }, and stayed there for the last { $count } { axis-epochs }. Overfitting comes gradually
finding-generalisation-limits = Validation ends at { FIXED($times, digits: 1) } times training: generalisation is the limit, not the model's size. { $metric } still { $better ->
    [higher] rises
   *[lower] falls
} slowly: twice as many { axis-epochs } should { better-raise } it by { ESTIMATE($ahead_percent, digits: 1, unit: "%") }
finding-onset-before-best = Validation is level within its noise from { axis-epoch } { $onset_epoch } on; { axis-epoch } { $best_epoch } is the best logged one
finding-other-losses = { $metric } stands for several losses. The others overfit with the probability: { $others }
finding-rise = { $metric } { better-fell } by { ESTIMATE($rise_percent, digits: 1, unit: "%") } from its best to the end; it turned around { axis-epoch } { ESTIMATE($onset_epoch, digits: 0) }. Probability of more than { SIGNIFICANT($limit_percent) }%: { PROBABILITY($probability) }
finding-learns-on = { $since ->
    [level] Training improved by { FIXED($more_percent, digits: 1) }% more than validation since validation levelled off: what it still learns does not generalise
   *[rise] Training still improved meanwhile, by { FIXED($more_percent, digits: 1) }% more than validation
}
finding-disagree = { $metric } still improved meanwhile, by { FIXED($gain_percent, digits: 1) }%: the loss is worse because the model is too sure of its mistakes (calibration), not because it makes more of them
finding-too-few-epochs = { $metric } { $likely ->
    [no] may still improve: twice as many { axis-epochs } might
   *[yes] still improves at the end: twice as many { axis-epochs } should
} { better-raise } it by { ESTIMATE($ahead_percent, digits: 1, unit: "%") }. Probability of more than { SIGNIFICANT($limit_percent) }%: { PROBABILITY($probability) }
finding-level = { $metric } has levelled off: it ends { $end ->
    [best] at its best
   *[worse] { ESTIMATE($rise_percent, digits: 1, unit: "%") } from its best
}, and twice as many { axis-epochs } should { better-raise } it by at most { FIXED($most_ahead_percent, digits: 1) }%
finding-solved = { $score } is perfect, and { $metric } is { PERCENT($share, digits: 2) } of its first value: a lower one would change no answer
finding-no-training-curve = Without a training curve, good can't be told from near-overfit
finding-small-gap = Training and validation end { FIXED($gap_percent, digits: 1) }% apart. No sign of overfitting; a larger model may do better
finding-too-noisy = { $metric } has { $count } values that vary by { FIXED($noise_percent, digits: 1) }% from one to the next, so its change from its best to the end is uncertain: { ESTIMATE($rise_percent, digits: 1, unit: "%") }. Probabilities: underfit { PROBABILITY($underfit) }, good { PROBABILITY($good) }, near-overfit { PROBABILITY($near_overfit) }, overfit { PROBABILITY($overfit) }
finding-runner-up = Uncertain: { verdict-name } has the probability { PROBABILITY($probability) }, { $other ->
    [underfit] { verdict-underfit }
    [good] { verdict-good }
    [near-overfit] { verdict-near-overfit }
   *[overfit] { verdict-overfit }
} has { PROBABILITY($other_probability) }
finding-sampling-error = Sampling error of that change: ±{ FIXED($error_percent, digits: 1) }% (one standard error, paired by row)
finding-gap = { $side ->
    [times] Validation ends at { FIXED($times, digits: 1) } times training
    [better] Validation ends { FIXED($gap_percent, digits: 1) }% better than training
   *[worse] Validation ends { FIXED($gap_percent, digits: 1) }% worse than training
}
finding-recovered = Validation was { FIXED($bump_percent, digits: 1) }% worse around { axis-epoch } { $top_epoch } and recovered: that is not overfitting (double descent)
finding-spikes = The trend leaves out { $count } lone { $count ->
    [one] outlier, at { axis-epoch }
   *[other] outliers, at { axis-epochs }
} { $epochs }
finding-lost = { $count } { $count ->
    [one] value is
   *[other] values are
} NaN or infinite and left out
finding-schedule-ended = The learning rate fell from { SIGNIFICANT($rate) } to { PERCENT($share, digits: 1) } of that by the schedule, so the curve may be level because of the schedule and not because of the data
finding-too-little-capacity = The larger model { $run } has a validation loss { ESTIMATE($lower_percent, digits: 1, unit: "%") } lower on the same rows: this model is too small for the data
finding-too-much-regularisation = { $run }, the same model without these treatments, has a validation loss { ESTIMATE($lower_percent, digits: 1, unit: "%") } lower on the same rows: this model is regularised too much

## The page of a check

check-what = { $rows } rows, { $fits } fits
check-path-title = Simpler and more flexible settings
check-path-text = The estimator overfits if a simpler setting does better, and underfits if a more flexible one does. Brackets hold 90% intervals, paired by row.
check-setting = setting
check-rows = rows
check-given-up = Models with fewer rows were given up after a few folds. Their changes are those on these rows alone.
check-change = change of loss, %
check-as-is = current settings
check-as-is-training = current settings, on training rows
check-path-axis = simpler ← setting → more flexible
changed-parameter = { $change } (now { $now })
check-reference-constant = a constant prediction
check-reference-linear = a regularised linear model
check-reference-trees = boosted trees

## Findings of a check of an estimator

finding-simpler-better = A simpler setting does better: { $changes }. Its loss is { ESTIMATE($better_percent, digits: 1, unit: "%") } lower on the same rows, without the luck of choosing among { $tried } simpler { $tried ->
    [one] setting
   *[other] settings
}. Probability that this matters: { PROBABILITY($probability) }
finding-flexible-better = A more flexible setting does better: { $changes }. Its loss is { ESTIMATE($better_percent, digits: 1, unit: "%") } lower on the same rows, without the luck of choosing among { $tried } more flexible { $tried ->
    [one] setting
   *[other] settings
}. Probability that this matters: { PROBABILITY($probability) }
finding-nothing-better = No other setting clearly lowers the loss by { SIGNIFICANT($limit_percent) }% or more. Tried: { $simpler } simpler, { $flexible } more flexible
finding-training-ahead = The training loss is { FIXED($ahead_percent, digits: 0) }% below the validation loss. This is fine: no simpler setting does better on new rows. Many good models, such as forests, fit their training rows almost perfectly
finding-unknown-path = It is unknown which settings make { $estimator } simpler or more flexible
finding-undecided = { $rows } rows are too few to decide. Probabilities: underfit { PROBABILITY($underfit) }, good { PROBABILITY($good) }, near-overfit { PROBABILITY($near_overfit) }, overfit { PROBABILITY($overfit) }
finding-no-better-than-constant = No setting is clearly better than a constant prediction: the best one's loss is { ESTIMATE($better_percent, digits: 1, unit: "%") } lower
finding-interrupted = Interrupted after { $fits } { $fits ->
    [one] fit
   *[other] fits
}: the verdict uses what was finished
finding-equal-rows = { $count } of { $rows } rows have an equal row, target included, in the training rows of their fold: the loss looks better than on new rows
finding-one-feature = { $feature } alone predicts the target ({ $kind ->
    [auc] area under the ROC curve
   *[correlation] rank correlation
} { FIXED($strength, digits: 3) })
finding-too-good = The validation loss is only { PERCENT($share, digits: 1) } of a constant prediction's: too good to be true, unless the target follows from the features
finding-other-kind-better = A different kind of model does better: { $model ->
    [linear] a regularised linear model
   *[trees] boosted trees with default settings
}, with a loss { ESTIMATE($better_percent, digits: 1, unit: "%") } lower than the best setting
finding-unfinished = Training of { $estimator } stopped before it converged
finding-chosen-on-all-rows = { $search } chose these parameters on all rows, the validation rows too: the loss is a little optimistic. The verdict is on the chosen parameters, not on the search
finding-loss-kind = { $kind ->
    [calibrated-log-loss] There are no probabilities: the loss is the log loss of decision values, calibrated on the other folds
   *[zero-one] There are neither probabilities nor decision values: the loss is the share of wrong classes
}
finding-more-rows = { $times ->
    [2] Twice
   *[other] { $times } times
} as many rows ({ $rows } training rows) should lower the loss by { ESTIMATE($better_percent, digits: 1, unit: "%") }
advice-set-parameters = Set { $changes }: loss { ESTIMATE($better_percent, digits: 0, unit: "%") } lower
advice-name-complexity = Name a parameter and its values from the simplest to the most flexible: complexity=("alpha", [10, 1, 0.1]), or --complexity alpha=10,1,0.1
advice-keep-estimator = Keep these settings
advice-check-signal = Check the target and the features, or add rows: nothing here clearly predicts the target
advice-try-other-kind = Try { $model ->
    [linear] a regularised linear model
   *[trees] boosted trees
}: loss { ESTIMATE($better_percent, digits: 0, unit: "%") } lower
advice-train-to-convergence = Raise max_iter, or scale the features, until training converges
advice-group-equal-rows = Remove equal rows, or keep them together with groups
advice-check-feature = Is { $feature } known at prediction time? If not, it leaks the target: drop it
advice-check-leak = Look for a feature that is computed from the target
advice-train-on-more-rows = Train on more rows: { $times ->
    [2] twice
   *[other] { $times } times
} as many should lower the loss by { ESTIMATE($better_percent, digits: 0, unit: "%") }
advice-add-rows-or-folds = Check on more rows: the noise is larger than the change that matters

## What a reader of logs had to decide

watch-line = { $verdict }{ $probability ->
        [none] {""}
       *[other] {" "}{ PERCENT($probability) }
    } · { $line } · { $metric } { SIGNIFICANT($last, digits: 4) } after { $points } { $points ->
        [one] value
       *[other] values
    }{ $best ->
        [none] {""}
       *[other] , best at { $best }
    }
read-summary = Read as { $reader ->
        [notebook] the outputs of a notebook
        [console] console text
        [text-table] a text table
        [printed-dict] a printed dict
        [csv] CSV
        [json] JSON
        [json-lines] JSON lines
        [tensorboard] TensorBoard events
       *[other] { $reader }
    }: { $points } { $points ->
        [one] value
       *[other] values
    } of { $validation }, { $first ->
        [none] none of them a finite number
       *[number] from { SIGNIFICANT($first, digits: 4) } to { SIGNIFICANT($last, digits: 4) }
    }{ $train ->
        [none] . No training curve of the same metric
       *[other] ; training: { $train }
    }.
read-text-column = { $column } was left out: { $value } in { $unit ->
    [line] line
    [record] record
   *[row] row
} { $number } is not a number.
read-not-whole = Rows are counted as epochs, because some values of { $columns } are not whole.
read-diverged = { $metric } is empty from { axis-epoch } { $epoch } to the end: read as NaN, because the run diverged.
read-zeros = { $count } values of { $column } are 0, regularly between the others: these epochs count as not validated.
read-repeated = { $count ->
    [one] 1 value of { $column } repeats
   *[other] { $count } values of { $column } repeat
} an epoch or step: the last logged value is used.
read-epoch-mean = { $column } is logged several times an epoch, as losses of single batches: their mean is used.
read-epoch-last = { $column } is logged several times an epoch: the last value of each epoch is used, because it is most likely a running mean.
read-not-judged = { $count } { $count ->
    [one] file holds
   *[other] files hold
 } logs of the same training and { $count ->
    [one] was
   *[other] were
 } not judged: { $files }.
read-test-as-validation = { $columns } { $count ->
    [one] is
   *[other] are
 } used as validation, because no known loss or score of validation is logged.
read-set-alone = { $column } is used as validation, because it is the only set. If it holds the training rows, pass the validation rows to eval_set too.
read-steps-of-epochs = Steps start again in each epoch: values are counted in logged order.
read-header-again = Line { $line } repeats the column names and was left out.
read-restart-continued = Epochs start again at { $epoch } after { $after }: read as one run that continues (--restart split for two runs).
read-restart-split = Epochs start again: read as { $count } runs (--restart continue for one).
read-cut-off = The last line, { $line }, is cut off and was left out.
read-text-below = Text below the table, from line { $line } on, was left out.
read-fewer-values = { $column } has { $count } values for { $rows } epochs: read as one every { $every }.
read-broken-events = { $file } is cut off or broken after { $events } events: those were read.
read-no-events = { $file } is not an event file of TensorBoard, or is broken at its start.
read-no-steps = { $columns }: every value has the same step, or a step is not whole. The values are counted in logged order.
read-no-curves = { $count } { $count ->
    [one] run holds
   *[other] runs hold
} no curve and { $count ->
    [one] was
   *[other] were
} left out: { $runs }.
read-final-values = It holds one value for each name and no curve. Give the log of all epochs (Hugging Face: trainer_state.json).
read-study-verdict = Verdicts are those of the study, which knows the loss of every validation row. Epochs count from 1, as in the study.
read-steps-moved = Validation counts steps in another way than training: each validation value belongs to the last training step before it.

## Advice

advice-choose-weights = Keep the last weights if you only need predicted classes, the weights of the best { axis-epoch } if you need probabilities
advice-calibrate = Try label smoothing or temperature scaling, or regularise as for any overfitting
advice-keep-best-weights = Keep the weights of the best { axis-epoch } (stop early and restore them)
advice-more-rows-or-regularise = Train on more rows if you have them; else try dropout with a small L2 penalty, or a smaller model
advice-train-longer = Train longer: at least twice as many { axis-epochs }, or with a higher learning rate
advice-larger-model-if-level = If training levels off as well, try a larger model or less regularisation
advice-stop-here = Stop here: more { axis-epochs } only widen the gap
advice-more-rows-or-some-regularisation = Try more rows or some regularisation: then longer training may also improve validation
advice-keep-model = Keep this model
advice-try-larger-model = Try a larger one: if it is no better, this size is enough
advice-use-other-model = Use { $run } instead
advice-log-more-epochs = Train for more { axis-epochs }, or log validation more often
advice-keep-weights-before = Keep the weights from before the jump
advice-look-at-change = Find out what changed at that { axis-epoch }: the learning rate, the data, a restart
advice-stabilise-training = Lower the learning rate or clip gradients, and look for NaN and extreme values in the input
advice-check-training = Check that the model trains at all: its learning rate, its labels, dead units
advice-validate-on-more-rows = Validate on more rows, or train longer: the noise is larger than the change that matters

## Minutes of a study

budget-minutes = The study had { $minutes } { $minutes ->
    [one] minute
   *[other] minutes
}. More may change the answer.{ $again ->
    [true] {" "}Run the same command to continue.
   *[false] {""}
}
budget-rows = { $used } of { $rows } training rows were used.
more-names = { $more ->
    [0] .
   *[other] {" "}and { $more } more.
}
budget-left-out = { $count } { $count ->
    [one] model was
   *[other] models were
} not trained: { $names }{ more-names }
budget-fewer-seeds = { $count } { $count ->
    [one] model was
   *[other] models were
} not trained with every seed: { $names }{ more-names }
budget-shortened = { $count } { $count ->
    [one] model
   *[other] models
} ended at the deadline, perhaps too early: { $names }{ more-names }
budget-not-cross-validated = { $count } { $count ->
    [one] finalist was
   *[other] finalists were
} not cross-validated: { $names }{ more-names }

## Conclusions of a study

conclusion-interrupted = The study was interrupted: these results are from the finished trials only. Run the same command to continue.
conclusion-turn = { $run } at epoch { ESTIMATE($onset, digits: 0) }
conclusion-turns = { $larger_sooner ->
    [true] Larger models overfit sooner. Validation turns
   *[false] Validation turns
}: { $turns }.
conclusion-run-verdict = { $run } { verdict-name } { $verdict ->
    [inconclusive] {""}
   *[other] ({ PERCENT($probability) })
}
conclusion-regularised = { $less ->
    [true] Regularised models overfit less
   *[false] Regularised models
}: { $verdicts }; the same model without regularisers: { $own }.
conclusion-together = Together, { $treatment } ({ $run }) have the lowest loss of all versions of { $against } on these rows, { $clear ->
    [true] clearly
   *[false] not clearly
} below its best epoch without them: by { ESTIMATE($lower) }, on the same rows.
conclusion-effect = { $kind ->
    [early-stopping] { conclusion-early-stopping }
    [smaller-model] a smaller model ({ $run })
   *[treatment] { $treatment }
} { ESTIMATE($lower_percent, digits: 1, unit: "%") }
conclusion-effects = { $effects ->
    [none] No regulariser clearly lowers the validation loss of { $run }.
   *[some] These lower the validation loss of { $run }: { $effects }.
}
conclusion-unit-count = { $kind ->
    [time] { $count } { $count ->
        [one] time block
       *[other] time blocks
    } ({ $column })
   *[group] { $count } { $count ->
        [one] group
       *[other] groups
    } of { $column }
}
conclusion-units = The { $rows } validation rows are in { conclusion-unit-count }. Rows of one { $kind ->
    [time] block
   *[group] group
} are { $alike ->
    [true] alike, so they count as { $effective } independent rows. All intervals and tests here take this into account.
   *[false] no more alike than others, so they count as { $effective } independent rows.
}
conclusion-units-few = The { $rows } validation rows are in { conclusion-unit-count }, which count as { FIXED($effective, digits: 1) } of equal size. At least { $least } are needed to say anything about new { $kind ->
    [time] times
   *[group] groups
}. So there are no intervals and no comparisons: losses hold for these rows only. Validate on more { $kind ->
    [time] rows
   *[group] groups
}, with --validation or with more rows.
conclusion-units-drift = The target drifts through the whole time of the { $rows } validation rows ({ $column }): even { $count } long blocks are like their neighbours. Learning can't be told from a drift by chance. So there are no intervals and no comparisons: losses hold for these rows only. Predict changes instead of levels, or validate on a longer time, with --validation or with more rows.
conclusion-tie = Tie: { $count } of { $all } models are not clearly worse than the best ({ $rows } validation rows are too few to tell): { $names }{ more-names }
conclusion-baseline = { $others ->
    [none] { $last } has
   *[some] { $others } and { $last } have
} { $place ->
    [lower] a lower validation loss than every network{ $missing ->
        [true] , so the networks miss something in the data.
       *[false] .
    }
    [maybe-lower] a lower validation loss than every network, but the difference could be chance.
    [maybe-higher] a higher validation loss than the best network, but the difference could be chance.
   *[higher] a higher validation loss than the best network.
}
conclusion-run-loss = { $run } ({ FIXED($loss) })
conclusion-finalists = Cross-validated on { $rows } rows, these models have the lowest losses: { $finalists }.
conclusion-expected = Expected on new rows: loss { ESTIMATE($loss) }{ $score ->
    [accuracy] , accuracy { ESTIMATE($value, digits: 1, scale: 100, unit: "%") }.
    [r2] , R² { ESTIMATE($value, digits: 1, scale: 100, unit: "%") }.
   *[none] .
}
conclusion-expected-units = In the target's units: RMSE { $rmse }, MAE { $mae }.
conclusion-test-units = In the target's units: { $run } has RMSE { $rmse } and MAE { $mae }{ $compared ->
    [true] , { $baseline } { $baseline_rmse } and { $baseline_mae }.
   *[false] .
}
conclusion-loss-here = Its validation loss is { FIXED($loss) }. What it will be on new rows is not known.
conclusion-selection-loss = Validation loss { FIXED($loss) } { $mean ->
    [true] (each half of the rows was predicted by a mean whose weights the other half chose).
   *[false] (optimistic: the model was chosen on these rows).
}
conclusion-no-lower-than-constant = The expected loss is no better than that of one constant prediction for every row, { FIXED($loss) }{ $learnt ->
    [true] , but the model ranks rows better than chance.
   *[false] .
}
conclusion-test = { $rows ->
    [one] 1 test row
   *[other] { $rows } test rows
}, not used for training or selection: { $run } has loss { FIXED($loss) }{ $score ->
    [r2] {" "}and R² { PERCENT($share, digits: 1) }
    [accuracy] {" "}and accuracy { PERCENT($share, digits: 1) }
   *[none] {""}
}{ $compared ->
    [true] , { $baseline } { FIXED($baseline_loss) }{ $score ->
        [none] {""}
       *[known] {" "}and { PERCENT($baseline_share, digits: 1) }
    }
   *[false] {""}
}{ $difference ->
    [none] .
   *[known] . Difference in loss: { ESTIMATE($difference, signed: 1) }.
}
conclusion-gain = gain: { FIXED($percent, digits: 1) }% of the loss
conclusion-next = Next: { $step }
conclusion-leak = { $finding }. { $remedy }.
conclusion-recommended = Recommended: { $run }
conclusion-member = { $run } ({ PERCENT($weight) })
conclusion-members = It predicts the weighted mean of these predictions: { $members }. Rows that were not used for training chose the weights.
conclusion-next-step = { $step }{ $gain_percent ->
    [none] {""}
   *[known] {" "}Gain: { FIXED($gain_percent, digits: 1) }% of the loss.
}
conclusion-size-growing = { $run } ({ $parameters } parameters), the largest model tried, is better than every smaller one by more than one standard error. A larger model may be better still.
conclusion-size-growing-unsure = { $run } ({ $parameters } parameters), the largest model tried, has the lowest loss of all sizes by more than one standard error, but is not clearly better than { $near }. A larger model may be better still.
conclusion-size-best = Of the sizes without regularisers, { $run } ({ $parameters } parameters) is best.{ $smaller ->
    [true] {" "}No smaller one is within one standard error of it.
   *[false] {" "}It is the smallest.
}
conclusion-size-smallest = Of the sizes without regularisers, { $run } ({ $parameters } parameters) is the smallest within one standard error of the best, { $best } ({ $best_parameters }). Their validation losses differ by { FIXED($difference) } ± { FIXED($error) }.
conclusion-smaller-worse = { $smaller ->
    [true] {" "}Every smaller network is worse by more than one standard error or { PERCENT($limit, digits: 1) }.
   *[false] {""}
}
conclusion-lowest-loss = Lowest validation loss of all models.{ conclusion-smaller-worse }
conclusion-smallest-loss = Simplest model at most one standard error and { PERCENT($limit, digits: 1) } worse than the best, { $best }. Their validation losses differ by { FIXED($difference) } ± { FIXED($error) }.
conclusion-mixture-is-safer = Half of the validation rows chose, and the other half measured: the best single model has the loss { FIXED($single) }, this mean { FIXED($mixed) }.
conclusion-lowest-cross-validated = Lowest cross-validated loss of { $finalists } finalists.{ conclusion-smaller-worse }
conclusion-smallest-cross-validated = Simplest of { $finalists } finalists at most one standard error and { PERCENT($limit, digits: 1) } worse than the best, { $best }. Their cross-validated losses differ by { FIXED($difference) } ± { FIXED($error) }.
conclusion-measure = { $measure ->
    [rank-correlation] rank correlation
    [loss] loss / constant answer's loss
   *[auc] AUC
}
conclusion-learnt-unsure = It is not certain that any model beats guessing (best { conclusion-measure } { FIXED($value, digits: 3) }, p = { FIXED($p_value, digits: 3) }; up to 0.01 is certain). More validation rows would tell.
conclusion-nothing-learnt = Nothing clearly beats guessing here, baselines included (best { conclusion-measure } { FIXED($value, digits: 3) }, p = { P_VALUE($p_value) }), so this is the smallest network.
conclusion-early-stopping = early stopping (best epoch compared with the last)
conclusion-smaller-model = smaller model
conclusion-test-rows-reused = These test rows were used on { $day }, for { $run }. The figures are from that day.
conclusion-rows-times = { $times ->
    [2] Twice the rows
    [3] Three times the rows
    [4] Four times the rows
    [5] Five times the rows
    [10] Ten times the rows
   *[other] { $times } times the rows
} ({ $rows })
conclusion-rows-unknown = { conclusion-rows-times }: these sizes allow no forecast, because
conclusion-rows-forecast = { conclusion-rows-times }: loss on { $new_rows ->
    [true] new rows
   *[false] these validation rows
} { ESTIMATE($loss) }, { ESTIMATE($better, digits: 1, unit: "%") } lower.
conclusion-rows-too-few-sizes = { conclusion-rows-unknown } the loss is known at { $count } { $count ->
    [one] size
   *[other] sizes
} ({ $sizes } rows). A learning curve needs at least { $least }.
conclusion-rows-not-finite = { conclusion-rows-unknown } { $sizes ->
    [none] the losses are too far apart to compute their spread: training diverged.
   *[other] the losses at { $sizes } rows are NaN or infinite: training diverged.
}
conclusion-rows-not-positive = { conclusion-rows-unknown } the loss at { $at } rows is { SIGNIFICANT($lowest, digits: 6) }. Relative changes need a loss above 0.
conclusion-rows-rising = { conclusion-rows-unknown } more rows made the loss worse: { SIGNIFICANT($before, digits: 4) } at { $fewer } rows and { SIGNIFICANT($after, digits: 4) } at { $more }, { FIXED($errors, digits: 1) } standard errors more.
conclusion-rows-flat = { conclusion-rows-unknown } the loss does not clearly fall: { SIGNIFICANT($before, digits: 4) } at { $fewer } rows and { SIGNIFICANT($after, digits: 4) } at { $more }, only { FIXED($errors, digits: 2) } standard errors less (less than { $limit } may be chance).
conclusion-rows-unbounded = { conclusion-rows-unknown } the losses at { $first } to { $last } rows don't fix the curve's exponent: the loss may be anything from { FIXED($low, digits: 1) }% to { FIXED($high, digits: 0) }% lower.
next-train-longer = Train { $run } for twice as many epochs: its validation loss still falls.
next-larger-model = Try a larger model than { $run }: the last increase in size still lowered the loss.
next-beat-baseline = { $run } has a lower validation loss. Look for a better network: there is more to learn.
next-try-treatment = Try { $treatment } ({ $run }): better on these rows, but the difference could be chance.
next-more-rows = Train on more rows. { conclusion-rows-times } should bring the loss on new rows to { ESTIMATE($loss) }.

## Tables and their columns

column-kind-number = number
column-kind-category = category
column-kind-date = date
column-kind-text = text
column-kind-empty = empty
column-kind-constant = constant
column-kind-identifier = identifier
column-kind-group = group
column-kind-time = time
column-kind-weight = weight
column-kind-dropped = left out
column-number = a number
column-number-centred = a number, minus { SIGNIFICANT($origin, digits: 16) }: its values differ in late digits only
column-number-formatted = written as { $pattern }
column-number-brackets = written as { $pattern }, negative numbers in brackets
column-numbers-read = { $column }: numbers such as { $example } are read as { $value }. If these are not numbers, use --column "{ $column }=text" (or category, or drop)
target-numbers-read = { $column }: numbers such as { $example } are read as { $value }. If these are classes, use --task multiclass
numbers-ambiguous = { $column }: { $example } is read as { $value }, not as { $other }, because { $reason ->
    [comma-groups] every comma is followed by three digits
    [point-groups] amounts in euros have no three decimals
    [file] other columns of the file have this decimal sign
   *[decimal-point] a point usually comes before decimals
}. If that is wrong, write these numbers with digits and a decimal point only
column-numbers-ambiguous = { numbers-ambiguous }; if these are not numbers, use --column "{ $column }=text" (or category, or drop)
target-numbers-ambiguous = { numbers-ambiguous }; if these are classes, use --task multiclass
column-category-one = 1 for { $category }, otherwise 0
column-category = one feature for each of { $count } categories
column-date = its parts as numbers
date-first = { $order ->
    [month] month
   *[day] day
}
column-date-order = its parts as numbers, read with the { date-first } first
column-text = its character sequences, as { $count ->
    [one] { $count } feature
   *[other] { $count } features
}
column-empty = left out: no training row has a value
column-same-digits = left out: the values of all training rows have the same first 15 digits, and no more can be used
column-constant = left out: all training rows have the same value
column-identifier = left out: nearly every training row has its own value, like a row number or a key. Use --keep to keep it
column-group = left out: it says which rows stay together in the split
column-time = left out: it gives the order of the rows in the split
column-weight = left out: it holds the weights of the rows
column-dropped = left out, as requested
gaps-marked = { $marked ->
    [true] ; one more feature marks them
   *[other] {""}
}
column-gaps-median = { $count } missing { $count ->
    [one] value
   *[other] values
} replaced by the median of the training rows{ gaps-marked }
column-gaps-zero = { $count } missing: 0 in each feature{ gaps-marked }
rows-split-given = validation rows were given
table-split-random = drawn at random with seed { $seed }
table-split-stratified = drawn at random with seed { $seed }, with the same share of each class in every part
table-split-order = in the order of the table: the first rows validate, the next ones train{ $test ->
    [true] , the ones after them test
   *[other] {""}
}
table-split-group = by group: rows with the same { $column } stay in one part, drawn at random with seed { $seed }
table-split-time = by time: the earliest rows of { $column } train, later ones validate{ $test ->
    [true] , the latest test
   *[other] {""}
}
table-weights = rows are weighted by { $column }: every loss and score is a weighted mean
rows-part = { $part ->
    [train] training
    [test] test
   *[validation] validation
}
table-weights-effective = the { $rows } { rows-part } rows carry as much information as { $effective } rows of equal weight
table-class-weights = classes have equal weight in the training loss, but not elsewhere, so probabilities are shifted towards rare classes
table-repeated-rows = { $count } of { $rows } { rows-part } rows ({ PERCENT($share, digits: 1) }) are also training rows{ $known ->
    [true] , and { $chance } would be by chance
   *[false] { "" }
}. So the results look better than on new rows. Use --group, or remove them
table-similar-classes = the classes { $classes } differ only in capitals or spaces and count as different. Write equal classes in the same way
calendar-day = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
table-ambiguous-dates = { $example } in { $column } is read as { $date } ({ date-first } first) but could be { $other }. Write dates as year, month, day
table-on-disk = the { $rows } training rows are on disk and are shuffled in blocks. Kinds of columns were found from { $sampled } of them, and baselines are fitted to { $fitted } of them
rows-on-disk = the { $rows } training rows of the loader are on disk and are shuffled in blocks
table-decimal-comma = Numbers are read with a decimal comma.


## Errors and warnings

