# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Overfit and underfit
#
# A model is trained on some rows and used on others. What it learns from the first is worth something only as far
# as it holds for the second, and the two come apart in a typical way: for a while both losses fall, then the
# training loss goes on alone. A model that stops too early, is too small or is held back too hard *underfits*:
# there was more to learn. One that goes on to learn what is true of its training rows only *overfits*.
#
# TensorFlow's tutorial "Overfit and underfit" shows this with seven networks on HIGGS, a table of particle
# collisions. Here its story is told with gengap, which trains the same networks, says of each curve what it shows
# and how sure that is, and adds what the tutorial leaves for later: data augmentation, batch normalisation and the
# question what more rows would bring.

# %% [markdown]
# ## Setting up
#
# `GENGAP_HIGGS` may name a copy of the HIGGS file (csv.gz). Without it the rows come from `collider`, a simulation
# of the same process that needs no download. `GENGAP_SHORT=1` runs everything on a few rows for a few epochs:
# enough to see that the code works, too little to learn anything.

# %%
import os
import tempfile
from pathlib import Path

import jax
import numpy as np
from IPython.display import display

import gengap
from gengap.callbacks import Monitor
from gengap.models import L1, L2, BatchNorm, Dropout, Mixup, Noise, WeightDecay
from gengap.models.backend import keras
from gengap.plan import Growth
from gengap.report import conclusion_plots, plots
from gengap.report.conclusions import conclusion_messages
from gengap.text.catalog import catalog

# %matplotlib inline

SOURCE = os.environ.get("GENGAP_HIGGS") or "collider"
SHORT = os.environ.get("GENGAP_SHORT") == "1"
COUNTS = {"train": 400, "validation": 200} if SHORT else {"train": 10_000, "validation": 1_000}
EPOCHS, BATCH = (10, 100) if SHORT else (1_000, 500)  # epochs at most: most models need far fewer
FOLDER = tempfile.mkdtemp()
texts = catalog("en")


# %% [markdown]
# ## The data
#
# Each row is one collision: 28 numbers measured or computed from the particles that came out of it, and a label
# that says whether a Higgs boson was involved (1) or a background process looked like it (0). The first 1,000 rows
# validate, the next 10,000 train. That is little for such a task, and deliberately so: overfitting is at home where
# rows are few.

# %%
rows = gengap.load(SOURCE, **COUNTS, preparation="raw")
print(rows.origin, rows.train.x.shape, rows.validation.x.shape)
print(f"{rows.train.y.mean():.1%} of the training rows have label 1")
display(plots.feature_histogram(rows.train.x).figure)

# %% [markdown]
# The values are of similar size, but not quite alike. `gengap.load` standardises them unless told otherwise, with
# means and deviations of the training rows alone: validation rows must not leak into anything that is fitted.

# %%
rows = gengap.load(SOURCE, **COUNTS)
train, validation = (rows.train.x, rows.train.y), (rows.validation.x, rows.validation.y)
display(plots.feature_histogram(rows.train.x).figure)

# %% [markdown]
# ## Watching a model overfit
#
# What a network can memorise grows with its number of parameters, its *capacity*. With plenty of it, a network may
# simply store each training row with its label, which is of no use for rows that it has never seen. With little, it
# is forced to look for what many rows have in common. With too little it can't even find that. No formula says
# which size is right for which data: start small, and grow until the validation loss has nothing left to gain.
#
# ### One model by hand
#
# The smallest of the ladder, Tiny, has a single hidden layer of 16 units. `gengap.models` makes plain Keras models;
# `gengap.fit` trains any compiled one and returns its history. The learning rate falls as training goes on, to a
# half after 100 epochs and to a third after 200: large steps first, small ones for the finish.

# %%
steps = len(rows.train) // BATCH
rate = keras.optimizers.schedules.InverseTimeDecay(0.005, decay_steps=100 * steps, decay_rate=1.0)
tiny = gengap.models.tiny()
gengap.models.compile_binary(tiny, rate=rate)
tiny.summary()
history = gengap.fit(tiny, train, validation, epochs=min(EPOCHS, 200), batch_size=BATCH, run="Tiny")

# %%
display(plots.learning_rate(history).figure)

# %%
display(plots.curves([history]).figure)
verdict = gengap.diagnose(history)
print(texts.text(f"verdict-{verdict.verdict}"), f"{verdict.confidence:.0%}")
for message in (*(finding.message for finding in verdict.findings), *verdict.advice):
    print("-", texts.render(message))

# %% [markdown]
# Training is solid, validation dashed. A verdict reads both as a smooth trend with its uncertainty, so that no
# single lucky epoch decides.

# %% [markdown]
# ### Four sizes as a study
#
# `gengap.study` trains a *plan*: here the four sizes of the plan `quick`, from Tiny's 481 parameters to Large's
# 803,329. Each may stop early: once validation has not improved for a while, or once its verdict is settled. Kept
# are always the weights of the best epoch.
#
# Further down there will be more to train. So the trials are gathered by name, and everything is kept in a folder:
# what is finished there is read again, not trained again.

# %%
quick = gengap.load_plan("quick")
trials = {trial.run: trial for trial in quick.only("sizes/*").trials}


def study(*more):
    """Trains these trials as well, and judges all of them together."""
    trials.update({trial.run: trial for trial in more})
    plan = gengap.Plan(name="lesson", trials=tuple(trials.values()), recipe=quick.recipe)
    return gengap.study(SOURCE, plan, **COUNTS, max_epochs=EPOCHS, out=FOLDER)


found = study()
display(found)

# %%
display(found.plot("sizes").figure)

# %% [markdown]
# Large is over so soon that a linear axis hides it. Over the logarithm of the epoch one sees that the larger a
# model, the sooner its validation turns:

# %%
display(found.plot("sizes", log_epochs=True).figure)

# %% [markdown]
# How such curves are read, and what gengap calls it:
#
# - Training a little better than validation is normal; the gap alone says nothing.
# - Both still fall: more epochs would help. `underfit`
# - Both have levelled off together: `good`. Whether a larger model would do better, only a larger model can tell.
# - Training goes on improving, validation no longer does: `near-overfit`. What is being learnt no longer carries
#   over.
# - Validation has turned: `overfit`. From here on every epoch makes the model worse.

# %%
for trial in found.trials:
    print(f"{trial.run}: {texts.text(f'verdict-{trial.verdict.verdict}')} {trial.verdict.confidence:.0%}")
    for finding in trial.verdict.findings:
        print("  -", texts.render(finding.message))

# %% [markdown]
# ### How much of this is luck?
#
# The four best losses differ little, and 1,000 rows are few. But all models meet the same rows, and rows that are
# hard for one are mostly hard for all: compared row by row, much of that luck cancels. What remains is told here.

# %%
for message in conclusion_messages(found.summary):
    print(texts.render(message))

# %%
display(conclusion_plots.plot_sizes(found.summary.sizes).figure)

# %% [markdown]
# ## Strategies against overfitting
#
# Large is now the patient: it has hundreds of times the capacity that it needs. Each of the following treatments
# gets a model of its size, and Tiny stands beside them as the one to beat.


# %%
def treated(name, *treatments):
    """A trial of Large's size with these treatments."""
    units = gengap.models.SIZES["Large"]
    return gengap.Trial(run=f"regularizers/{name}", units=units, treatments=treatments, max_epochs=40, patience=20)


def picture(*runs):
    """The curves of these runs of the study."""
    chosen = [history.counted_from_one() for history in found.histories if history.run in runs]
    return plots.curves(chosen, best=found.best_epochs(), log_epochs=True).figure


# %% [markdown]
# ### Penalties on weights
#
# Of two explanations that fit equally well, prefer the simpler: Occam's razor. For a network, "simpler" can mean
# that its weights are small. So a *penalty* on the weights is added to the loss, and large ones must earn their
# keep:
#
# - **L1** adds the sum of the weights' magnitudes. Its pull is as strong on small weights as on large ones, so that
#   many end at zero: the model becomes sparse.
# - **L2** adds the sum of their squares. Its pull fades as a weight shrinks, so that weights get small but hardly
#   ever zero.
#
# Both are trained here, and a third kind, whose turn comes in note 2.

# %%
found = study(treated("l1", L1(0.0001)), treated("l2", L2(0.001)), treated("weight-decay", WeightDecay(1.0)))
display(picture("sizes/Tiny", "sizes/large", "regularizers/l1", "regularizers/l2"))
for trial in found.trials:
    print(f"{trial.run}: {trial.sparsity:.1%} of the weights are below 0.001")

# %% [markdown]
# The picture shows the cross-entropy alone. The loss that is minimised holds the penalty as well, which would make
# the curves of different penalties incomparable; for the same reason early stopping watches the cross-entropy.
#
# #### Note 1: in a loop of your own, ask for the penalties
#
# `fit` adds the penalties by itself. A training loop of one's own has to ask the model for them, and forgetting it
# raises no error: the model is just not regularised. Called eagerly, a model keeps them in `model.losses`, one for
# each layer that has any:

# %%
model = gengap.models.small(treatments=[L2(0.001)])
model(train[0][:1])
print([f"{float(penalty):.4f}" for penalty in model.losses])

# %% [markdown]
# A loop in JAX calls the model as a pure function of its variables; `return_losses=True` asks for the same
# penalties. Here is such a loop, run once with them and once without, watched by gengap's `Monitor`:

# %%


def own_loop(ask, epochs=EPOCHS // 10, batch=100):
    """Small, trained by a loop written out; adds the penalties only if asked to."""
    model = gengap.models.small(treatments=[L2(0.001)])
    optimizer = keras.optimizers.Adam(0.005)
    optimizer.build(model.trainable_variables)
    weights, state = ([v.value for v in vs] for vs in (model.trainable_variables, optimizer.variables))

    def loss(weights, x, y):
        logits, _, penalties = model.stateless_call(weights, [], x, training=True, return_losses=True)
        data = keras.ops.mean(keras.losses.binary_crossentropy(y[:, None], logits, from_logits=True))
        return data + sum(penalties) if ask else data

    @jax.jit
    def step(weights, state, x, y):
        gradients = jax.grad(loss)(weights, x, y)
        return optimizer.stateless_apply(state, gradients, weights)

    monitor, random, (x, y) = Monitor(run="asked" if ask else "forgotten"), np.random.default_rng(0), train
    for epoch in range(epochs):
        for part in np.split(random.permutation(len(y) // batch * batch), len(y) // batch):
            weights, state = step(weights, state, x[part], y[part])
        losses = [logistic(weights, model, *pair) for pair in (train, validation)]
        monitor.log(epoch, train=losses[0], validation=losses[1])
    squares = sum(float((w**2).sum()) for w in weights if w.ndim == 2)
    return monitor, squares


def logistic(weights, model, x, y):
    """The cross-entropy of rows, without any penalty."""
    logits, _ = model.stateless_call(weights, [], x)
    return float(keras.ops.mean(keras.losses.binary_crossentropy(y[:, None], logits, from_logits=True)))


loops = [own_loop(ask=True), own_loop(ask=False)]
for monitor, squares in loops:
    print(f"{monitor.verdict}, sum of squared weights {squares:.1f}")
display(plots.curves([monitor.history for monitor, _ in loops], "loss", smoothing=0).figure)

# %% [markdown]
# #### Note 2: decoupled weight decay
#
# L2 is also called *weight decay*, because in plain gradient descent its gradient shrinks each weight by the same
# share at each step. Adam is not plain: it divides each gradient by the size it usually has, the penalty's with it,
# so that weights with large gradients are hardly regularised. *Decoupled* weight decay leaves the loss alone and
# shrinks the weights directly, beside the optimizer's step. This is what AdamW does.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/weight-decay"))

# %% [markdown]
# ### Dropout
#
# Hinton and his students in Toronto proposed to switch off units at random while training. A unit can't rely on
# particular others then, and has to contribute something that is useful by itself. Dropout with a rate of 0.5 sets
# half of a layer's outputs to zero, others at each step. Keras scales the survivors up by 1 / (1 - rate) meanwhile,
# so that their sum stays the same on average; at inference nothing is dropped, and nothing needs scaling.

# %%
dropout = keras.layers.Dropout(0.5, seed=1)
outputs = np.array([[0.4, 1.0, 0.7, 0.1, 0.9, 0.3]], np.float32)
print("training: ", np.asarray(dropout(outputs, training=True)))
print("inference:", np.asarray(dropout(outputs, training=False)))

# %%
found = study(treated("dropout", Dropout(0.5)), treated("combined", L2(0.0001), Dropout(0.5)))
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/dropout"))

# %% [markdown]
# The training curve shown is measured with dropout switched off, as validation's is. The loss that frameworks log
# while training has it on, and looks worse than the model is.
#
# ### L2 and dropout together
#
# The two do different things, so that they can add up. Beside dropout a weaker penalty is enough.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/dropout", "regularizers/combined"))

# %% [markdown]
# ## What the tutorial leaves out
#
# ### Data augmentation
#
# Where more rows can't be had, they can be imitated: by changes that leave the label as it is. Pictures are
# mirrored and shifted. A table offers less, but two kinds are general: **noise**, added anew at each step, says
# that a row's close neighbours have its label; **mixup** trains on mixtures of two rows, with their labels mixed
# alike, and so asks for smooth transitions between the classes.

# %%
found = study(treated("noise", Noise(0.1)), treated("mixup", Mixup(0.2)), treated("batch-norm", BatchNorm()))
display(picture("sizes/Tiny", "sizes/large", "regularizers/noise", "regularizers/mixup"))

# %% [markdown]
# ### Batch normalisation
#
# Batch normalisation centres and scales each unit over the batch. It is there to make training faster and steadier.
# As a batch's statistics depend on which rows happen to be in it, it also brings some noise, which may regularise a
# little. With few rows, though, faster training often means overfitting sooner.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/batch-norm"))

# %% [markdown]
# ### More rows
#
# The best remedy of all is more data, if they are new and cover what the model will meet. What would more rows
# bring? Train the same model on nested parts of those that there are, and carry the learning curve on: as far as it
# goes, and with its uncertainty.

# %%
medium = gengap.models.SIZES["Medium"]
one = gengap.Trial(run="sizes/Medium", units=medium, treatments=(Dropout(0.3),), max_epochs=100)
parts = Growth(shares=(1 / 8, 1 / 4, 1 / 2))
plan = gengap.Plan(name="rows", trials=(one,), recipe=quick.recipe, growth=parts)
by_rows = gengap.study(SOURCE, plan, **COUNTS, max_epochs=EPOCHS)
display(conclusion_plots.plot_learning_curve(by_rows.summary.more_rows).figure)
for forecast in by_rows.summary.more_rows.forecasts:
    print(catalog("en").render(forecast.finding))

# %% [markdown]
# ## Conclusions
#
# Each treatment beside Large without it, on the same validation rows, by its strength. Below zero it helps; where
# the interval reaches across zero, these rows can't tell.

# %%
display(conclusion_plots.plot_strengths(found.summary.regularizers).figure)
for effect in found.summary.regularizers:
    low, high = effect.loss.interval
    kind = effect.treatment or texts.text(f"conclusion-{effect.kind}")
    print(f"{effect.run:26} {effect.loss.difference:+.4f} [{low:+.4f}, {high:+.4f}] {kind}")

# %%
display(found)
for message in conclusion_messages(found.summary):
    print(texts.render(message))

# %% [markdown]
# Against overfitting, in the order in which to try them:
#
# - Get more rows.
# - Stop early, and keep the best epoch's weights. Every model above does.
# - Take a smaller model.
# - Penalise weights, or let them decay.
# - Add dropout.
# - Augment the rows, where there are changes that keep the label.
#
# They combine, and often do best together. And whichever curve looks best: ask how much of the difference is more
# than luck.
#
# The folder of the study holds everything: the curves as TensorBoard logs (`tensorboard --logdir
# FOLDER/tensorboard`), each model with its best weights, the pictures, and a report to open in a browser. The same
# study without a notebook is `gengap study`; with 25 treatments, sizes that grow and a better recipe it is `gengap
# study --plan full`.

# %%
print(*sorted(path.name for path in Path(FOLDER).iterdir()))
