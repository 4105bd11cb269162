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
# # 과대적합과 과소적합
#
# 모델은 어떤 행으로 훈련해서 다른 행에 씁니다. 훈련 행에서 배운 것은 다른 행에서도 통하는 만큼만 값어치가 있고,
# 둘이 갈라지는 모습은 대개 비슷합니다. 한동안 훈련 손실과 검증 손실이 함께 내려가다가, 어느 순간부터 훈련 손실만
# 혼자 내려갑니다. 너무 일찍 멈추었거나 너무 작거나 규제가 너무 센 모델은 *과소적합*입니다. 더 배울 것이 남아
# 있었다는 뜻입니다. 훈련 행에서만 참인 것까지 배워 버린 모델은 *과대적합*입니다.
#
# TensorFlow 튜토리얼 "과대적합과 과소적합"은 입자 충돌을 기록한 HIGGS 표와 신경망 일곱 개로 이 이야기를 들려줍니다.
# 여기서는 같은 이야기를 gengap으로 합니다. 같은 신경망들을 훈련하고, 곡선마다 무엇을 말해 주는지, 그것이 얼마나
# 확실한지 판정합니다. 튜토리얼이 다루지 않고 남겨 둔 데이터 증식과 배치 정규화, 그리고 행이 더 있으면 무엇이
# 달라지는지도 살펴봅니다.

# %% [markdown]
# ## 준비
#
# 환경 변수 `GENGAP_HIGGS`에 HIGGS 파일(csv.gz)의 경로를 넣으면 그 파일을 씁니다. 없으면 같은 과정을 흉내 낸
# 시뮬레이션 `collider`에서 행을 만들므로 아무것도 내려받지 않습니다. `GENGAP_SHORT=1`이면 적은 행으로 몇 에포크만
# 돌립니다. 코드가 도는지 확인하기에는 충분하지만 무언가를 배우기에는 모자랍니다.

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
EPOCHS, BATCH = (10, 100) if SHORT else (1_000, 500)  # 최대 에포크: 대개는 훨씬 적게 듭니다
FOLDER = tempfile.mkdtemp()
texts = catalog("ko")


# %% [markdown]
# ## 데이터
#
# 한 행은 충돌 한 번입니다. 충돌에서 나온 입자들을 재거나 계산한 숫자 28개와, 힉스 보손이 있었는지(1) 비슷해 보이는
# 배경 과정이었는지(0)를 나타내는 레이블로 이루어져 있습니다. 처음 1,000행으로 검증하고 다음 10,000행으로
# 훈련합니다. 이런 문제에는 적은 양이지만 일부러 그렇게 했습니다. 과대적합은 행이 적은 곳에서 잘 일어나기
# 때문입니다.

# %%
rows = gengap.load(SOURCE, **COUNTS, preparation="raw")
print(rows.origin, rows.train.x.shape, rows.validation.x.shape)
print(f"훈련 행의 {rows.train.y.mean():.1%}가 레이블 1입니다")
display(plots.feature_histogram(rows.train.x).figure)

# %% [markdown]
# 값들의 크기는 비슷하지만 똑같지는 않습니다. `gengap.load`는 따로 말하지 않으면 값을 표준화하며, 평균과 표준 편차는
# 훈련 행에서만 구합니다. 검증 행의 정보가 무엇에든 새어 들어가면 안 되기 때문입니다.

# %%
rows = gengap.load(SOURCE, **COUNTS)
train, validation = (rows.train.x, rows.train.y), (rows.validation.x, rows.validation.y)
display(plots.feature_histogram(rows.train.x).figure)

# %% [markdown]
# ## 과대적합 지켜보기
#
# 신경망이 외울 수 있는 양, 곧 *용량*은 매개변수의 수와 함께 커집니다. 용량이 넉넉하면 훈련 행마다 레이블을 그대로
# 외워 버릴 수 있는데, 그런 지식은 처음 보는 행에는 쓸모가 없습니다. 용량이 적으면 많은 행에 공통된 것을 찾을 수밖에
# 없습니다. 너무 적으면 그마저도 찾지 못합니다. 어떤 데이터에 어떤 크기가 맞는지 알려 주는 공식은 없습니다. 작게
# 시작해서 검증 손실이 더는 좋아지지 않을 때까지 키워 봅니다.
#
# ### 모델 하나를 손수 훈련하기
#
# 가장 작은 모델 Tiny에는 유닛 16개짜리 은닉층이 하나 있습니다. `gengap.models`는 평범한 Keras 모델을 만들고,
# `gengap.fit`은 컴파일한 모델이면 무엇이든 훈련해 기록을 돌려줍니다. 학습률은 훈련하는 동안 점점 줄어 100에포크
# 뒤에는 절반, 200에포크 뒤에는 3분의 1이 됩니다. 처음에는 큰 걸음으로 가고 마무리는 작은 걸음으로 합니다.

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
# 실선은 훈련, 점선은 검증입니다. 판정은 두 곡선을 불확실성이 딸린 매끄러운 추세로 읽습니다. 그래서 운 좋은 에포크
# 하나가 결과를 좌우하지 않습니다.

# %% [markdown]
# ### 네 가지 크기를 한 스터디로
#
# `gengap.study`는 *계획*을 훈련합니다. 여기서는 `quick` 계획에 있는 네 가지 크기를, 매개변수 481개인 Tiny에서
# 803,329개인 Large까지 훈련합니다. 검증이 한동안 나아지지 않거나 판정이 굳어지면 일찍 끝납니다. 남는 것은 언제나
# 가장 좋았던 에포크의 가중치입니다.
#
# 아래에서 훈련할 것이 더 있습니다. 그래서 모델들을 이름으로 모아 두고 모든 것을 폴더에 남깁니다. 폴더에 이미 있는
# 것은 다시 훈련하지 않고 읽기만 합니다.

# %%
quick = gengap.load_plan("quick")
trials = {trial.run: trial for trial in quick.only("sizes/*").trials}


def study(*more):
    """이 모델들도 훈련하고, 지금까지의 모델을 모두 함께 판정합니다."""
    trials.update({trial.run: trial for trial in more})
    plan = gengap.Plan(name="lesson", trials=tuple(trials.values()), recipe=quick.recipe)
    return gengap.study(SOURCE, plan, **COUNTS, max_epochs=EPOCHS, out=FOLDER)


found = study()
display(found)

# %%
display(found.plot("sizes").figure)

# %% [markdown]
# Large는 너무 빨리 끝나서 보통의 축에서는 보이지 않습니다. 에포크를 로그 축에 그리면 모델이 클수록 검증이 일찍
# 돌아서는 것이 보입니다.

# %%
display(found.plot("sizes", log_epochs=True).figure)

# %% [markdown]
# 이런 곡선을 어떻게 읽는지, gengap은 그것을 무엇이라 부르는지 정리하면 이렇습니다.
#
# - 훈련이 검증보다 조금 좋은 것은 정상입니다. 격차만으로는 아무것도 알 수 없습니다.
# - 둘 다 아직 내려가고 있으면 에포크를 늘리는 것이 좋습니다. `underfit`(과소적합)
# - 둘이 함께 평평해졌으면 `good`(적절)입니다. 더 큰 모델이 더 나을지는 더 큰 모델을 훈련해 보아야만 압니다.
# - 훈련은 계속 나아지는데 검증은 제자리라면 `near-overfit`(과대적합 직전)입니다. 이제 배우는 것은 새 데이터에
#   통하지 않습니다.
# - 검증이 거꾸로 움직이면 `overfit`(과대적합)입니다. 여기서부터는 에포크를 거듭할수록 나빠집니다.

# %%
for trial in found.trials:
    share = f"{trial.verdict.confidence:.0%}" if trial.verdict.confidence else ""  # inconclusive: none
    print(f"{trial.run}: {texts.text(f'verdict-{trial.verdict.verdict}')} {share}")
    for finding in trial.verdict.findings:
        print("  -", texts.render(finding.message))

# %% [markdown]
# ### 어디까지가 운일까?
#
# 네 모델의 가장 좋은 손실은 서로 비슷하고, 검증 행 1,000개는 많지 않습니다. 하지만 모든 모델이 같은 행을 만나고, 한
# 모델에게 어려운 행은 대개 다른 모델에게도 어렵습니다. 행별로 짝지어 비교하면 그 운이 상당히 지워집니다. 그러고도
# 남는 것을 여기에 적습니다.

# %%
for message in conclusion_messages(found.summary):
    print(texts.render(message))

# %%
display(conclusion_plots.plot_sizes(found.summary.sizes).figure)

# %% [markdown]
# ## 과대적합을 막는 전략
#
# Large의 용량은 필요한 것보다 수백 배나 큽니다. 그래서 Large를 규제해 봅니다. 아래의 규제 기법마다
# Large와 같은 크기의 모델을 하나씩 훈련하고, 넘어야 할 기준으로 Tiny를 옆에 둡니다.


# %%
def treated(name, *treatments):
    """Large와 같은 크기에 이 규제 기법을 쓴 모델."""
    units = gengap.models.SIZES["Large"]
    return gengap.Trial(run=f"regularizers/{name}", units=units, treatments=treatments, max_epochs=40, patience=20)


def picture(*runs):
    """스터디에서 이 실행들의 곡선."""
    chosen = [history.counted_from_one() for history in found.histories if history.run in runs]
    return plots.curves(chosen, best=found.best_epochs(), log_epochs=True).figure


# %% [markdown]
# ### 가중치 규제
#
# 똑같이 잘 맞는 설명이 둘 있으면 더 단순한 쪽을 고르라고 합니다. 오컴의 면도날입니다. 신경망에서 "단순하다"는 것은
# 가중치가 작다는 뜻일 수 있습니다. 그래서 손실에 가중치에 대한 *페널티*를 더합니다. 큰 가중치는 그만한 값을 해야
# 살아남습니다.
#
# - **L1**은 가중치의 절댓값을 모두 더한 것입니다. 작은 가중치도 큰 가중치만큼 세게 당기므로 많은 가중치가 0이
#   됩니다. 모델이 희소해집니다.
# - **L2**는 가중치의 제곱을 모두 더한 것입니다. 가중치가 작아질수록 당기는 힘도 약해지므로, 가중치가 작아지기는
#   해도 0이 되는 일은 드뭅니다.
#
# 여기서는 이 둘과, 참고 2에서 다룰 세 번째 방법을 함께 훈련합니다.

# %%
found = study(treated("l1", L1(0.0001)), treated("l2", L2(0.001)), treated("weight-decay", WeightDecay(1.0)))
display(picture("sizes/Tiny", "sizes/large", "regularizers/l1", "regularizers/l2"))
for trial in found.trials:
    print(f"{trial.run}: 가중치의 {trial.sparsity:.1%}가 0.001보다 작습니다")

# %% [markdown]
# 그림은 크로스 엔트로피만 보여 줍니다. 최소화하는 손실에는 페널티도 들어 있어서, 그대로 그리면 페널티가 다른
# 모델끼리 비교할 수 없습니다. 조기 종료가 크로스 엔트로피를 지켜보는 것도 같은 까닭입니다.
#
# #### 참고 1: 훈련 루프를 직접 짤 때는 페널티를 요청해야 합니다
#
# `fit`은 알아서 페널티를 더합니다. 직접 짠 훈련 루프에서는 모델에 페널티를 요청해야 하며, 잊어도 오류가 나지
# 않습니다. 규제되지 않을 뿐입니다. 모델을 즉시 실행하면 페널티가 층마다 하나씩 `model.losses`에 남습니다.

# %%
model = gengap.models.small(treatments=[L2(0.001)])
model(train[0][:1])
print([f"{float(penalty):.4f}" for penalty in model.losses])

# %% [markdown]
# JAX로 짠 루프에서는 모델을 변수들의 순수 함수로 부르며, `return_losses=True`로 같은 페널티를 요청합니다. 그런
# 루프를 한 번은 페널티를 더해서, 한 번은 빼고 돌리면서 gengap의 `Monitor`로 지켜봅니다.

# %%


def own_loop(ask, epochs=EPOCHS // 10, batch=100):
    """직접 짠 루프로 훈련한 Small. ask가 참일 때만 페널티를 더합니다."""
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
    """페널티를 뺀, 행들의 크로스 엔트로피."""
    logits, _ = model.stateless_call(weights, [], x)
    return float(keras.ops.mean(keras.losses.binary_crossentropy(y[:, None], logits, from_logits=True)))


loops = [own_loop(ask=True), own_loop(ask=False)]
for monitor, squares in loops:
    print(f"{monitor.verdict}, 가중치 제곱의 합 {squares:.1f}")
display(plots.curves([monitor.history for monitor, _ in loops], "loss", smoothing=0).figure)

# %% [markdown]
# #### 참고 2: 분리된 가중치 감쇠
#
# L2 규제를 *가중치 감쇠*라고도 부릅니다. 보통의 경사 하강법에서는 L2의 그레이디언트가 걸음마다 모든 가중치를 같은
# 비율로 줄이기 때문입니다. Adam은 다릅니다. 그레이디언트를 평소의 크기로 나누는데 페널티의 그레이디언트까지 함께
# 나누므로, 그레이디언트가 큰 가중치는 거의 규제되지 않습니다. *분리된* 가중치 감쇠는 손실을 건드리지 않고,
# 옵티마이저의 걸음과 별도로 가중치를 직접 줄입니다. AdamW가 이렇게 합니다.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/weight-decay"))

# %% [markdown]
# ### 드롭아웃
#
# 토론토의 Hinton과 그의 학생들은 훈련하는 동안 유닛을 무작위로 끄는 방법을 제안했습니다. 그러면 유닛은 특정한 다른
# 유닛에 기댈 수 없으므로 저마다 쓸모 있는 것을 내놓아야 합니다. 비율이 0.5인 드롭아웃은 걸음마다 다르게 층의 출력
# 절반을 0으로 만듭니다. Keras는 그동안 살아남은 출력을 1 / (1 - 비율)배로 키워 합이 평균적으로 같게 유지합니다.
# 추론할 때는 아무것도 끄지 않으며, 크기를 맞출 필요도 없습니다.

# %%
dropout = keras.layers.Dropout(0.5, seed=1)
outputs = np.array([[0.4, 1.0, 0.7, 0.1, 0.9, 0.3]], np.float32)
print("훈련:", np.asarray(dropout(outputs, training=True)))
print("추론:", np.asarray(dropout(outputs, training=False)))

# %%
found = study(treated("dropout", Dropout(0.5)), treated("combined", L2(0.0001), Dropout(0.5)))
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/dropout"))

# %% [markdown]
# 여기 그린 훈련 곡선은 검증과 마찬가지로 드롭아웃을 끄고 잰 것입니다. 프레임워크가 훈련하면서 기록하는 손실은
# 드롭아웃을 켠 채로 잰 것이어서 모델의 실제 실력보다 나빠 보입니다.
#
# ### L2와 드롭아웃을 함께
#
# 둘은 하는 일이 다르므로 효과가 더해질 수 있습니다. 드롭아웃이 있으면 더 약한 페널티로도 충분합니다.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/l2", "regularizers/dropout", "regularizers/combined"))

# %% [markdown]
# ## 튜토리얼이 남겨 둔 것
#
# ### 데이터 증식
#
# 행을 더 구할 수 없을 때는 흉내 낼 수 있습니다. 레이블이 그대로인 채로 행을 바꾸는 것입니다. 사진이라면 뒤집고
# 옮깁니다. 표에서는 할 수 있는 것이 적지만 두 가지는 어디에나 쓸 수 있습니다. **잡음**은 걸음마다 새로 더하며, 어떤
# 행의 가까운 이웃은 레이블도 같다고 가르칩니다. **mixup**은 두 행을 섞고 레이블도 같은 비율로 섞어 훈련하며, 두
# 클래스 사이가 매끄럽게 이어지도록 합니다.

# %%
found = study(treated("noise", Noise(0.1)), treated("mixup", Mixup(0.2)), treated("batch-norm", BatchNorm()))
display(picture("sizes/Tiny", "sizes/large", "regularizers/noise", "regularizers/mixup"))

# %% [markdown]
# ### 배치 정규화
#
# 배치 정규화는 배치 안에서 각 유닛의 중심과 크기를 맞춥니다. 목적은 더 빠르고 안정된 훈련입니다. 배치의 통계는 어떤
# 행이 배치에 들었는지에 따라 달라지므로 약간의 잡음도 들어오고, 그것이 조금은 규제로 작용할 수 있습니다. 하지만
# 행이 적으면 훈련이 빨라지는 만큼 과대적합도 빨리 오곤 합니다.

# %%
display(picture("sizes/Tiny", "sizes/large", "regularizers/batch-norm"))

# %% [markdown]
# ### 더 많은 행
#
# 가장 좋은 약은 더 많은 데이터입니다. 새로운 행이고, 모델이 만날 것들을 두루 담고 있다면 말입니다. 행이 더 있으면
# 무엇이 달라질까요? 가지고 있는 행의 일부로, 점점 늘려 가며 같은 모델을 훈련해 학습 곡선을 그리고 그 곡선을 이어
# 봅니다. 이을 수 있는 데까지만, 불확실성과 함께 말입니다.

# %%
medium = gengap.models.SIZES["Medium"]
one = gengap.Trial(run="sizes/Medium", units=medium, treatments=(Dropout(0.3),), max_epochs=100)
parts = Growth(shares=(1 / 8, 1 / 4, 1 / 2))
plan = gengap.Plan(name="rows", trials=(one,), recipe=quick.recipe, growth=parts)
by_rows = gengap.study(SOURCE, plan, **COUNTS, max_epochs=EPOCHS)
display(conclusion_plots.plot_learning_curve(by_rows.summary.more_rows).figure)
for forecast in by_rows.summary.more_rows.forecasts:
    print(catalog("ko").render(forecast.finding))

# %% [markdown]
# ## 결론
#
# Large에 각 규제 기법을 쓴 모델을 쓰지 않은 모델 옆에 세우고, 같은 검증 행에서 비교해 세기별로 그렸습니다.
# 0보다 아래면 도움이 됩니다. 구간이 0을 걸치면 이 행들로는 알 수 없습니다.

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
# 과대적합을 막는 방법을 먼저 해 볼 차례로 적으면 이렇습니다.
#
# - 행을 더 구합니다.
# - 일찍 멈추고 가장 좋았던 에포크의 가중치를 씁니다. 위의 모든 모델이 그렇게 했습니다.
# - 모델을 줄입니다.
# - 가중치에 페널티를 주거나 가중치를 감쇠시킵니다.
# - 드롭아웃을 더합니다.
# - 레이블을 바꾸지 않는 변화가 있다면 데이터를 증식합니다.
#
# 이 방법들은 함께 쓸 수 있고, 함께 쓸 때 가장 좋은 경우가 많습니다. 그리고 어느 곡선이 가장 좋아 보이든, 그
# 차이에서 운을 빼고 얼마나 남는지 물어보세요.
#
# 스터디의 폴더에는 모든 것이 남아 있습니다. TensorBoard 로그로 남은 곡선(`tensorboard --logdir
# FOLDER/tensorboard`), 가장 좋은 가중치를 담은 모델들, 그림, 그리고 브라우저로 여는 보고서입니다. 노트북 없이 같은
# 일을 하려면 `gengap study`를, 규제 기법 21가지와 커지는 모델과 더 나은 훈련 설정(레시피)까지 보려면
# `gengap study --plan full`을 쓰세요.

# %%
print(*sorted(path.name for path in Path(FOLDER).iterdir()))
