"""What a logged column's name says: its split, its metric, and which direction is better.

Frameworks spell the same things differently: `val_loss` and `loss` (Keras), `eval_loss` (Hugging Face), `Loss/val`
(TensorBoard tags), `validation_1-logloss` (XGBoost), `valid_0-binary_logloss` (LightGBM). A name is cut into words.
A word such as "val" is the split, and the remaining words are the metric. All words that are known stand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

CurveKey = tuple[str, str]  # split and metric
LETTERS = (r"()t([_-]?[a-z].*)", r"(.*[a-z\d][_-])t()", r"(.*[a-z] ?\()t(\))")  # tloss, loss_t, loss (t)
VALIDATION_LETTER = re.compile(r"v[_-]?([a-z].*)")  # vloss
SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "learn", "dtrain", "trainset", "tr", "trained"), "train"),
    **dict.fromkeys(
        ("val", "va", "vali", "valid", "validation", "validate", "dval", "dvalid", "valset", "vld", "vl"),
        "validation",
    ),
    **dict.fromkeys(("eval", "evaluation", "deval", "dev", "holdout", "heldout", "devset"), "validation"),
    **dict.fromkeys(("cv", "crossval", "crossvalidation", "validating", "evaluating", "validset"), "validation"),
    **dict.fromkeys(("test", "testing", "dtest", "testset", "tst"), "test"),
}
# In order of preference. Words of five or more letters are also found inside other words.
LOSSES = (
    *("loss", "logloss", "crossentropy", "nll", "nloglik", "deviance", "bce", "ce", "xent", "entropy", "objective"),
    *("perplexity", "ppl", "mse", "rmse", "mae", "mape", "smape", "msle", "rmsle", "mphe", "error", "err", "hinge"),
    *("huber", "logcosh", "poisson", "quantile", "pinball", "tweedie", "divergence", "kullback", "kl", "kld"),
    *("brier", "crps", "l1", "l2", "wer", "cer", "fid", "distance", "cost", "penalty"),
    *("rse", "rae", "rrse", "mase", "wape", "wmape", "nmse", "nrmse", "mpjpe", "epe", "fde", "eer", "ler"),
    *("bpb", "bpc", "bpd"),  # bits for each byte, character and dimension
    *("falsepositive", "falsenegative", "fpr", "fnr"),
)
ERROR_RATES = ("wer", "cer", "error", "err", "perplexity", "ppl")  # lower is better, but not what is minimised
NEVER_NEGATIVE = (
    *("logloss", "perplexity", "ppl", "mse", "rmse", "mae", "mape", "smape", "msle", "rmsle", "brier", "wer"),
    *("cer", "objective"),
)
SCORES = (
    *("dice", "miou", "iou", "jaccard"),  # before accuracy: most pixels are background
    *("accuracy", "acc", "auc", "auroc", "auprc", "aucpr", "prauc", "rocauc", "f1", "fbeta", "fscore", "r2"),
    *("precision", "recall", "map", "ap", "ndcg", "bleu", "rouge", "meteor"),
    *("top", "sensitivity", "specificity", "tpr", "tnr", "truepositive", "truenegative", "mcc", "matthews"),
    *("kappa", "correlation", "pearson", "spearman", "psnr", "ssim", "exactmatch", "mrr", "reciprocal", "hits"),
    *("gini", "uas", "corr", "chrf", "cider", "pck", "lddt"),
    *("variance", "similarity", "likelihood", "reward", "return", "scores", "score"),
)
RATES = ("wer", "cer")  # errors that are evaluated as scores are, beside a loss
EVALUATION_ONLY = ("map", "bleu", "sacrebleu", "rouge", "meteor", "fid", "miou")  # never computed on training rows
EVALUATED = ("dice", "psnr", "ssim")  # beside a loss that is called that of training, computed on other rows
HELD_OUT = re.compile(r"(metrics|coco)/")  # YOLO's and MMDetection's scores on validation images
NOT_A_METRIC = re.compile(  # times, rates, counters, spreads and running bests, in words joined by "_"
    r"(^|_)(lr|learning_rate|runtime|per_second|flos|grad_norm|(wall_?)?timer?|timestamp|seconds?|memory|momentum|"
    r"hp_metric|vs_iterations|std|stdv|stddev|best|weight_decay|num_\w+|"
    r"(time|batch|reader|iter)_cost|throughput|clock)(_|$)"
    r"|^((global_?)?steps?|epochs?|iter(ation)?s?|samples|tokens|)$|(^|(?<!loss)_)shape$"
)
CAMEL = re.compile(r"^(?i:(train|training|val|valid|validation|eval|test))(?=[A-Z][a-z])")
SYMBOL = re.compile(  # Etrain, Ftest; Eval is a word
    r"(?<![A-Za-z])(?!Eval(?!id))([A-Z])(?=(?:train|valid|val|test)(?![a-z]))"
)
GLUED = re.compile(  # trainloss, valacc
    r"^(train|training|trn|val|valid|validation|vld|eval|dev|test|tst)(?=(loss|acc|accuracy|error|err|mse|mae|rmse|ppl|auc|f1)$)"
)
NUMBERED = re.compile(r"^(validation|valid|val|eval)_(\d+)(?=[^a-z0-9]|$)", re.IGNORECASE)
AVERAGED = re.compile(
    r"(?<![a-z0-9])(?:mini-?batch[^a-z0-9]+|(?:avg|average|averaged|running|overall)(?:[^a-z0-9]+|$)|mean[^a-z0-9]+(?=loss))"
)
# Other languages, the longer word first where one begins another
_TRAIN = "d?entra[îi]nement|apprentissage|entrenamiento|treinamento|treino|addestramento|eğitim|trening\\w*"
_TRAIN += "|обучающ\\w*|обучени\\w*|тренировк\\w*|训练集|訓練集|训练|訓練|学習|훈련|학습|huấn luyện|pelatihan"
_TRAIN += r"|koulutus|opetus|tanítási|tanuló|antrenare|antrenament|d?entrenament"
_TRAIN += r"|การฝึก|ฝึก|εκπαίδευση\w*|آموزش\w*|אימון|प्रशिक्षण"
_TRAIN += "|навчанн\\w*|навчальн\\w*|träning\\w*|træning\\w*|trénovací|trénink\\w*"
_VALIDATION = "validierungs?|validación|validação|validazione|doğrulama|walidac\\w*|валидаци\\w*|проверк\\w*"
_VALIDATION += "|validatie|validasi|kiểm định|验证集|驗證集|验证|驗證|検証|검증|评估|評估|評価|평가"
_VALIDATION += "|การตรวจสอบ|ตรวจสอบ"
_VALIDATION += r"|validointi|validációs|validare|επικύρωση\w*|اعتبارسنجی|אימות|सत्यापन|validació|validacij[aeiu]"
_VALIDATION += "|валідац\\w*|перевірк\\w*|validering\\w*|validační|validac[ei]"
_TEST = "prueba|teste|тестов\\w*|тест|测试集|測試集|测试|測試|テスト|테스트"
_LOSS = "verlust|perte|pérdida|perda|perdita|verlies|kayıp|kaybı|потер\\w*|лосс|損失|损失|손실"
_LOSS += "|втрат\\w*|förlust|ztráta|ztráty|(?<=ngs)ta[bp]\\b"
_LOSS += r"|ค่าสูญเสีย|häviö\w*|veszteség\w*|pierdere\w*|απώλει\w*|הפסד|हानि|pèrdua|gubitak|загуба"
_LOSS += "|strata|straty|mất mát|kerugian"
_ACCURACY = "genauigkeit|exactitude|exactitud|acurácia|accuratezza|doğruluk|dokładność|точност\\w*"
_ACCURACY += "|nauwkeurigheid|akurasi|độ chính xác|准确率|準確率|准确度|正确率|精度|正解率|정확도"
_ACCURACY += r"|tarkkuus|pontosság|acuratețe|ακρίβει\w*|دقت|דיוק|सटीकता|nøyaktighet|precisió\b|točnost"
_ACCURACY += "|точніст\\w*|точності|noggrannhet|přesnost"
TRANSLATIONS = (  # in this order: a rate of learning is not training
    (r"学习率|學習率|学習率|학습률|학습율|lernrate|taux d.apprentissage|tasa de aprendizaje", "learning_rate"),
    (r"耗时|用时|時間|时间|시간|dauer|durée|tiempo|tempo|время", "time"),
    (r"最佳|最好|最良|最小|최고|최저|최적|beste[rs]?|meilleure?|mejor|melhor|лучш\w*", "best"),
    (r"平均|평균|mittlerer?|moyenne?|promedio|média|средн\w*", "average"),
    (_LOSS, "loss"),
    (
        r"误差|誤差|오차|오류|fehler|erreur|ошибк\w*|błąd|błęd\w*|خطای?|שגיאה|त्रुटि|virhe\w*|\bhiba\b|eroare|σφάλμα\w*",
        "error",
    ),
    (_ACCURACY, "accuracy"),
    (r"precisión|precisão", "precision"),
    (r"召回率|再現率|재현율", "recall"),
    (_TRAIN, "train"),
    (r"trainings?", "train"),
    (_VALIDATION, "validation"),
    (r"held[ _-]out|hold[ _-]out", "validation"),
    (r"(?<![a-z][ _-])selection(?=[ _](?:error|loss))", "validation"),  # OpenNN, but not feature selection
    (_TEST, "test"),
    (
        r"週期|周期|轮次|轮数|輪次|轮|輪|エポック|에포크|에폭|epoch[ae]|epoh[aeu]|époque|época|època|epoca|epok[ae]?|эпох\w*|епох\w*"
        r"|epookki|รอบที่|รอบ|εποχ\w*|دوره|תקופה|युग",
        "epoch",
    ),
    (r"ステップ|스텝|步数|步|schritt|étape|шаг", "step"),
    (r"迭代|反復|반복|итераци\w*|itération|iteración", "iteration"),
)
_ASCII_WORDS = re.compile(
    r"selection[ _](?:error|loss)|held[ _-]out|hold[ _-]out|"
    r"verlust|perte|perda|perdita|verlies|genauigkeit|exactitude?|epoch?[ae]|epoh[aeu]|epok[ae]?|prueba|teste|fehler|schritt|"
    r"koulutus|opetus|validointi|virhe|tarkkuus|epookki|\bhiba\b|antrenare|antrenament|validare|pierdere|eroare|gubitak|"
    r"entrenament|validacij[aeiu]|validierung|validatie|validering|validasi|pelatihan|kerugian|nauwkeurigheid|akurasi|strat[ay]|trening|treino|treinamento|entrenamiento|entrainement|apprentissage|addestramento"
)
PHRASES = re.compile(r"mất mát|huấn luyện|kiểm định|độ chính xác")  # of several words each
_COMPILED = tuple((re.compile(rf"(?:{pattern})"), word) for pattern, word in TRANSLATIONS)


def split_and_metric(name: str) -> CurveKey | None:
    """Return the split and the metric in a column's name, or None if it is no curve.

    A name without a split is a training metric, as Keras writes it, if it is a known loss or score. The metric is
    "" if the name is only a split.

    >>> split_and_metric("val_loss"), split_and_metric("Loss/validation"), split_and_metric("loss_epoch")
    (('validation', 'loss'), ('validation', 'loss'), ('train', 'loss'))
    >>> split_and_metric("valid_1-binary_logloss"), split_and_metric("learning_rate")
    (('validation', 'binary_logloss'), None)
    """
    found = parse(name)
    if found is None or found[0]:
        return found
    metric = found[1]
    return ("train", metric) if direction(metric) is not None and "/" not in metric else None


@lru_cache(maxsize=4096)  # the runs of one log share their columns
def parse(name: str) -> CurveKey | None:
    """Return what `split_and_metric` does, with "" for a missing split. None for two splits, and for no metric."""
    plain = (
        AVERAGED.sub("", in_english(CAMEL.sub(r"\1_", SYMBOL.sub(r"\1_", name.strip())).lower())) or name.lower()
    )
    parts = re.split(r"([^a-z0-9]+)", GLUED.sub(r"\1_", plain))  # words at even places
    splits = {SPLITS[word] for word in parts[::2] if word in SPLITS}
    if len(splits) > 1:
        return None
    words: list[str] = []
    for i in range(0, len(parts), 2):
        number_of_split = parts[i].isdigit() and i > 0 and parts[i - 2] in SPLITS and parts[i - 1] == "_"
        if parts[i] not in SPLITS and not number_of_split:
            words += parts[i : i + 2]
    bare = re.sub(r"/dataloader_idx_\d+$|(?<=_)_+", "", "".join(words).strip(" /_-.:[]()"))
    bare = bare.removeprefix("epoch_").removesuffix("_epoch")
    no_metric = NOT_A_METRIC.search(re.sub(r"[^a-z0-9]+", "_", bare).strip("_"))
    if no_metric and not (splits and not bare):
        return None
    return splits.pop() if splits else "", bare


def assign(names: Iterable[str]) -> dict[str, CurveKey]:
    """Return the split and metric of each of one log's columns, without columns that are no curves.

    Names explain each other. `my_score` is a training metric if there is `val_my_score`. If a log has `train_loss`,
    a plain `accuracy` is not of training. If it has `val_loss` too, `accuracy` is of validation, as in fastai. Of
    `X_step` and `X_epoch` the latter counts. XGBoost's `validation_0` is training if there is a `validation_1` and
    nothing else is training. The test set is used as validation if no known loss or score is of validation, and
    so are scores that are only computed on held-out rows, such as `coco/bbox_mAP`.
    """
    names = list(names)
    parsed = {name: parse(name) for name in names} | _numbered(names) | _by_letters(names)
    repeated = {
        name for name in names if name.endswith("_step") and f"{name.removesuffix('_step')}_epoch" in parsed
    }
    keys = {name: key for name, key in parsed.items() if key is not None and name not in repeated}
    judged = {metric for split, metric in keys.values() if split in ("validation", "test")}
    explicit = any(split == "train" for split, _ in keys.values())
    of_split = {one: {metric for split, metric in keys.values() if split == one} for one in ("train", "validation")}
    paired = of_split["train"] & of_split["validation"]
    found: dict[str, CurveKey] = {}
    for name, (split, metric) in keys.items():
        if split:
            found[name] = split, metric
        elif paired and metric not in judged and split_and_metric(name) and (direction(metric) or metric in RATES):
            found[name] = "validation", metric
        elif metric in judged or (not explicit and split_and_metric(name)):
            found[name] = "train", metric
    found = _with_evaluations(found, keys)
    validated = {metric for split, metric in found.values() if split == "validation"}
    if any(not metric or direction(metric) is not None for metric in validated):  # "" may be the loss
        return found
    return {
        name: ("validation", metric) if split == "test" and metric not in validated else (split, metric)
        for name, (split, metric) in found.items()
    }


def _with_evaluations(found: dict[str, CurveKey], keys: dict[str, CurveKey]) -> dict[str, CurveKey]:
    """Return the keys with those scores as validation that no framework computes on training rows."""
    if any(split in ("validation", "test") and metric for split, metric in found.values()):
        scores = {name: key[1] for name, key in keys.items() if not key[0] and HELD_OUT.match(name)}
        return found | {name: ("validation", metric) for name, metric in scores.items()}
    trained = any(split == "train" for split, _ in keys.values())
    known = EVALUATION_ONLY + EVALUATED if trained else EVALUATION_ONLY
    return found | {
        name: ("validation", metric)
        for name, (split, metric) in keys.items()
        if not split and (HELD_OUT.match(metric) or rank_in(metric, known) is not None)
    }


def _numbered(names: list[str]) -> dict[str, CurveKey | None]:
    """Return the keys of numbered validation sets: the first one counts, unless it is XGBoost's training set."""
    sets = {name: (m[1].lower(), int(m[2])) for name in names if (m := NUMBERED.match(name))}
    in_order = sorted(set(sets.values()))
    if len(in_order) < 2:
        return {}
    bare = {name: (parse(name) or ("", ""))[1] for name in sets}
    trained = any(
        (key := parse(name)) is not None and key[0] == "train" and key[1] in bare.values() for name in names
    )
    xgboost = in_order[0][0] == "validation" and not trained
    splits = dict(zip(in_order, ("train", "validation", "test") if xgboost else ("validation",), strict=False))
    return {name: (splits[one], bare[name]) if one in splits else None for name, one in sets.items()}


def _by_letters(names: list[str]) -> dict[str, CurveKey | None]:
    """Return the keys of pairs such as `t_loss` and `v_loss`, `loss_t` and `loss_v`; of `vloss` beside `loss`."""
    found: dict[str, CurveKey | None] = {}
    known = {key for name in names if (key := parse(name)) is not None}
    for name in names:
        metric = m[1] if (m := VALIDATION_LETTER.fullmatch(name.lower())) else ""
        if ("train", metric) in known and ("validation", metric) not in known and direction(metric) is not None:
            found[name] = "validation", metric
    lower = {name.lower(): name for name in names}
    for name in lower:
        for pattern in LETTERS:
            if (m := re.fullmatch(pattern, name)) and (other := lower.get(f"{m[1]}v{m[2]}")) is not None:
                metric = f"{m[1]}{m[2]}".strip("_-. /()")
                metric = "loss" if metric == "l" else metric  # L(T), L(V)
                if direction(metric) is not None and ("validation", metric) not in known:
                    found |= {lower[name]: ("train", metric), other: ("validation", metric)}
    return found


@lru_cache(maxsize=4096)
def direction(metric: str) -> bool | None:
    """Return True if higher is better, False if lower is, None if the words are unknown."""
    loss, score = rank_in(metric, LOSSES), rank_in(metric, SCORES)
    if loss is None and score is None:
        return None
    negative = bool({"neg", "negative"} & set(re.findall(r"[a-z]+", metric.lower())))
    return (loss is None) != negative


def rank_in(metric: str, known: tuple[str, ...]) -> int | None:
    """Return the rank of the first of the `known` words in `metric`, or None."""
    words = re.findall(r"[a-z]+\d*", metric.lower())
    words += [word.rstrip("0123456789") for word in words]
    glued = re.sub(r"[^a-z0-9]+", "", metric.lower())
    for place, word in enumerate(known):
        if word in words or (len(word) >= 5 and word in glued) or (word == "loss" and glued.endswith("loss")):
            return place
    return None


def higher_is_better(metric: str) -> bool:
    """Return whether a metric is a score (accuracy, AUC, ...) and not a loss; False for unknown names.

    >>> [higher_is_better(name) for name in ("val_auc", "eval_loss", "neg_log_loss", "mAP50(B)", "error")]
    [True, False, True, True, False]
    """
    return direction(metric) is True


def in_english(text: str) -> str:
    """Return lower-case text with the words of other languages for splits, metrics and counters in English.

    >>> in_english("验证损失").split(), in_english("trainingsverlust").split(), in_english("val_loss")
    (['validation', 'loss'], ['train', 'loss'], 'val_loss')
    """
    if text.isascii() and not _ASCII_WORDS.search(text):
        return text
    for pattern, word in _COMPILED:
        text = pattern.sub(f" {word} ", text)
    return text


def foreign_letters(text: str) -> int:
    """Return how many letters the known words of other languages have in a text, without those of one letter.

    >>> foreign_letters("验证损失: 0.5"), foreign_letters("val_loss: 0.5")
    (4, 0)
    """
    found = (word for pattern, _ in _COMPILED for word in pattern.findall(text.lower()))
    return sum(len(word) for word in found if len(word) > 1 and not word.isascii())
