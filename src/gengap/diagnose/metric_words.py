"""Words in the names of curves: splits, losses, scores, what is no metric, and words of other languages."""

from __future__ import annotations

import re

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
    r"|^((global_?)?steps?|epochs?|iter(ation)?s?|samples|tokens|)$"
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
    (r"误差|誤差|오차|오류|fehler|erreur|ошибк\w*|خطای?|שגיאה|त्रुटि|virhe\w*|\bhiba\b|eroare|σφάλμα\w*", "error"),
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
