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
# A model is trained on some rows and used on others. What it learns is useful only if it holds for the other
# rows. Typically both losses fall at first, and then only the training loss falls. A model *underfits* if it
# stops too early, is too small or is regularised too much: there was more to learn. A model *overfits* if it
# learns things that are true only for its training rows.
#
# TensorFlow's tutorial "Overfit and underfit" shows this with seven networks on HIGGS, a table of particle
# collisions. This notebook does the same with gengap. It trains the same networks and gives a verdict on each
# curve, with its certainty. It also covers what the tutorial leaves for later: data augmentation, batch
# normalisation, and the effect of more rows.

# %% [markdown]
# ## Setting up
#
# Set `GENGAP_HIGGS` to the path of a HIGGS file (csv.gz) to use it. Otherwise the rows come from `collider`, a
# simulation of the same process that needs no download. `GENGAP_SHORT=1` runs everything on a few rows for a
# few epochs. That is enough to see that the code works, but too little to learn anything.

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
# Each row is one collision. It has 28 numbers, measured or computed from the particles, and a label: a Higgs
# boson (1) or a background process that looks like it (0). The first 1,000 rows validate and the next 10,000
# train. These are few rows for such a task, on purpose: overfitting happens with few rows.

# %%
rows = gengap.load(SOURCE, **COUNTS, preparation="raw")
print(rows.origin, rows.train.x.shape, rows.validation.x.shape)
print(f"{rows.train.y.mean():.1%} of the training rows have label 1")
display(plots.feature_histogram(rows.train.x).figure)

# %% [markdown]
# The values have similar sizes, but not equal ones. By default `gengap.load` standardises them. It uses means
# and standard deviations of the training rows alone, because nothing may be fitted to validation rows.

# %%
rows = gengap.load(SOURCE, **COUNTS)
train, validation = (rows.train.x, rows.train.y), (rows.validation.x, rows.validation.y)
display(plots.feature_histogram(rows.train.x).figure)

# %% [markdown]
# ## Watching a model overfit
#
# A network's *capacity*, the amount it can memorise, grows with its number of parameters. With a large
# capacity, a network may simply store each training row with its label. That is useless for new rows. With a
# small capacity, it must find what many rows have in common. If the capacity is too small, it can't find even
# that. No formula gives the right size for your data. Start small, and grow until the validation loss stops
# improving.
#
# ### One model by hand
#
# The smallest size, Tiny, has one hidden layer of 16 units. `gengap.models` makes plain Keras models.
# `gengap.fit` trains any compiled Keras model and returns its history. The learning rate falls during training,
# to a half after 100 epochs and to a third after 200: large steps first, small steps at the end.

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
# Solid: training. Dashed: validation. A verdict is based on smooth trends with their uncertainty, so one lucky
# epoch decides nothing.

# %% [markdown]
# ### Four sizes as a study
#
# `gengap.study` trains a *plan*: here the four sizes of the plan `quick`, from Tiny with 481 parameters to
# Large with 803,329. Each may stop early, when validation has not improved for a while or when its verdict is
# settled. The model always keeps the best epoch's weights.
#
# We will add more trials below. So we collect trials by name and save everything in a folder. gengap reads
# finished trials from there and doesn't train them again.

# %%
quick = gengap.load_plan("quick")
trials = {trial.run: trial for trial in quick.only("sizes/*").trials}


def study(*more):
    """Train these trials too, and judge all of them together."""
    trials.update({trial.run: trial for trial in more})
    plan = gengap.Plan(name="lesson", trials=tuple(trials.values()), recipe=quick.recipe)
    return gengap.study(SOURCE, plan, **COUNTS, max_epochs=EPOCHS, out=FOLDER)


found = study()
display(found)

# %%
display(found.plot("sizes").figure)

# %% [markdown]
# Large ends so early that it is hidden on a linear axis. On a logarithmic axis you can see that larger models
# turn sooner:

# %%
display(found.plot("sizes", log_epochs=True).figure)

# %% [markdown]
# How to read such curves, and gengap's names:
#
# - Training slightly better than validation is normal. The gap alone says nothing.
# - Both still fall: more epochs would help. `underfit`
# - Both have levelled off: `good`. To know whether a larger model is better, train one.
# - Training still improves, validation doesn't: `near-overfit`. What the model still learns doesn't generalise.
# - Validation has turned: `overfit`. From here on, every epoch makes the model worse.

# %%
for trial in found.trials:
    share = f"{trial.verdict.confidence:.0%}" if trial.verdict.confidence else ""  # inconclusive: none
    print(f"{trial.run}: {texts.text(f'verdict-{trial.verdict.verdict}')} {share}")
    for finding in trial.verdict.findings:
        print("  -", texts.render(finding.message))

# %% [markdown]
# ### How much of this is luck?
#
# The four best losses differ little, and 1,000 rows are few. But all models use the same rows, and a hard row
# is mostly hard for all models. Compared row by row, much of this luck cancels. This is what remains.

# %%
for message in conclusion_messages(found.summary):
    print(texts.render(message))

# %%
display(conclusion_plots.plot_sizes(found.summary.sizes).figure)

# %% [markdown]
# ## Strategies against overfitting
#
# Large has hundreds of times the capacity it needs, so we will regularise it. We train a model of Large's size
# with each of the following treatments, and compare them with Tiny.


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
# If two explanations fit equally well, prefer the simpler one (Occam's razor). For a network, "simpler" can
# mean smaller weights. So we add a *penalty* on the weights to the loss. Large weights must then be worth their
# cost:
#
# - **L1** adds the sum of the weights' absolute values. It pulls small weights as strongly as large ones, so
#   many become zero: the model becomes sparse.
# - **L2** adds the sum of their squares. It pulls small weights less, so weights become small but rarely zero.
#
# We train both, and a third kind that note 2 explains.

# %%
found = study(treated("l1", L1(0.0001)), treated("l2", L2(0.001)), treated("weight-decay", WeightDecay(1.0)))
display(picture("sizes/Tiny", "sizes/large", "regularizers/l1", "regularizers/l2"))
for trial in found.trials:
    print(f"{trial.run}: {trial.sparsity:.1%} of the weights are below 0.001")

# %% [markdown]
# The figure shows only the cross-entropy. The minimised loss also contains the penalty, so its curves could not
# be compared between penalties. For the same reason, early stopping uses the cross-entropy.
#
# #### Note 1: in your own loop, ask for the penalties
#
# `fit` adds the penalties automatically. Your own training loop must ask the model for them. If you forget,
# there is no error: the model is just not regularised. When you call a model eagerly, the penalties are in
# `model.losses`, one per layer that has any:

# %%
model = gengap.models.small(treatments=[L2(0.001)])
model(train[0][:1])
print([f"{float(penalty):.4f}" for penalty in model.losses])

# %% [markdown]
# A JAX loop calls the model as a pure function of its variables. `return_losses=True` asks for the same
# penalties. This loop runs once with them and once without. gengap's `Monitor` watches both:

# %%


def own_loop(ask, epochs=EPOCHS // 10, batch=100):
    """Train Small in our own loop, with penalties only if `ask` is true."""
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
# L2 is also called *weight decay*. In plain gradient descent, its gradient shrinks each weight by the same
# share at each step. Adam divides each gradient by its usual size, including the penalty's part. So weights
# with large gradients are hardly regularised. *Decoupled* weight decay doesn't change the loss. It shrinks the
# weights directly, in addition to the optimizer's step. AdamW does this.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/weight-decay"))

# %% [markdown]
# ### Dropout
#
# Hinton and his students in Toronto proposed to switch off random units during training. A unit then can't rely
# on particular other units. It must learn something that is useful by itself. Dropout with a rate of 0.5 sets
# half of a layer's outputs to zero, different ones at each step. Keras multiplies the other outputs by 1 / (1 -
# rate), so their sum stays the same on average. At inference nothing is dropped, and nothing is scaled.

# %%
dropout = keras.layers.Dropout(0.5, seed=1)
outputs = np.array([[0.4, 1.0, 0.7, 0.1, 0.9, 0.3]], np.float32)
print("training: ", np.asarray(dropout(outputs, training=True)))
print("inference:", np.asarray(dropout(outputs, training=False)))

# %%
found = study(treated("dropout", Dropout(0.5)), treated("combined", L2(0.0001), Dropout(0.5)))
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/dropout"))

# %% [markdown]
# The training curve here is measured without dropout, like the validation curve. The loss that frameworks log
# during training includes dropout and looks worse than the model is.
#
# ### L2 and dropout together
#
# The two have different effects, so they can add up. With dropout, a weaker penalty is enough.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/dropout", "regularizers/combined"))

# %% [markdown]
# ## What the tutorial leaves out
#
# ### Data augmentation
#
# If you can't get more rows, you can imitate them with changes that keep the label. Images are mirrored and
# shifted. Tables have fewer such changes, but two are general. **Noise**, added again at each step, teaches
# that close neighbours of a row have the same label. **Mixup** trains on mixtures of two rows and of their
# labels. It gives smooth transitions between the classes.

# %%
found = study(treated("noise", Noise(0.1)), treated("mixup", Mixup(0.2)), treated("batch-norm", BatchNorm()))
display(picture("sizes/Tiny", "sizes/large", "regularizers/noise", "regularizers/mixup"))

# %% [markdown]
# ### Batch normalisation
#
# Batch normalisation centres and scales each unit over the batch. It makes training faster and more stable. A
# batch's statistics depend on its rows, so it also adds some noise, which may regularise a little. But with few
# rows, faster training often means that the model overfits sooner.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/batch-norm"))

# %% [markdown]
# ### More rows
#
# The best remedy is more data, if they are new and similar to the data of later use. What is the effect of more
# rows? Train the same model on nested parts of your rows, and extend the learning curve with its uncertainty.

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
# The figure compares Large with and without each treatment, on the same validation rows, by strength. Below
# zero, the treatment helps. If the interval contains zero, these rows show no clear difference.

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
# Try these against overfitting, in this order:
#
# - Get more rows.
# - Stop early, and keep the best epoch's weights. Every model above does this.
# - Use a smaller model.
# - Penalise the weights, or use weight decay.
# - Add dropout.
# - Augment the rows, if there are changes that keep the label.
#
# You can combine them, and they often work best together. Whichever curve looks best, ask how much of the
# difference is luck.
#
# The study's folder has everything: the curves as TensorBoard logs (`tensorboard --logdir FOLDER/tensorboard`),
# each model with its best weights, the figures, and a report for the browser. The same study without a notebook
# is `gengap study`. With 21 treatments, growing sizes and a better recipe it is `gengap study --plan full`.

# %%
print(*sorted(path.name for path in Path(FOLDER).iterdir()))
