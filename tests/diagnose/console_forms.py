"""Forms in which frameworks and people print curves: each a function of one epoch, its losses and its accuracies.

A form is a list of lines. `{e}` is the epoch from 1, `{n}` their number, `{t}` and `{v}` are the losses, `{a}` and
`{b}` the accuracies of training and validation.
"""

# ruff: noqa: E501  (lines are those of logs)
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Form(NamedTuple):
    """Lines before the first epoch, lines of each epoch, and lines behind the last one."""

    lines: Sequence[str]
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    scores: bool = False  # validation is a score, beside another metric of training


BAR = "[==============================]"
RULE = "-------"
FORMS = {
    "keras-bars": Form(
        (
            "Epoch {e}/{n}",
            f"\r 32/800 [>......] - ETA: 1s - loss: 9.9 - acc: 0.1\r800/800 {BAR} - 3s 2ms/step"
            " - loss: {t} - acc: {a} - val_loss: {v} - val_acc: {b}",
            "Epoch {e:05d}: val_loss improved from 9.99 to 8.88, saving model to weights.{e:02d}.hdf5",
        ),
        ("Train on 800 samples, validate on 200 samples",),
        ("Test loss: 0.5120", "Test accuracy: 0.8123"),
    ),
    "keras-lines": Form(("Epoch {e}/{n}", "25/25 - 1s - 43ms/step - accuracy: {a} - loss: {t} - val_loss: {v}")),
    "epoch-dots": Form(
        ("", "Epoch: {e}, accuracy:{a},  loss:{t},  val_accuracy:{b},  val_loss:{v},  ", "...................."),
    ),
    "phases": Form(
        ("Epoch {e}/{n}", "----------", "train Loss: {t} Acc: {a}", "val Loss: {v} Acc: {b}", ""),
        after=("Training complete in 1m 7s", "Best val Acc: 0.941176"),
    ),
    "mnist": Form(
        (
            "Train Epoch: {e} [0/60000 (0%)]\tLoss: {t}",
            "Train Epoch: {e} [32000/60000 (53%)]\tLoss: {t}",
            "Test set: Average loss: {v}, Accuracy: 9312/10000 (93%)",
        ),
    ),
    "quickstart": Form(
        ("Epoch {e}", RULE, "loss: {t}  [   64/60000]", "Test Error: ", " Accuracy: 50.9%, Avg loss: {v} ", ""),
        after=("Done!",),
    ),
    "averages": Form(
        (
            "Epoch: [{e}][100/300]\tTime  0.351 ( 0.412)\tLoss 9.1234 ({t})\tAcc@1  70.00 ( 71.00)",
            "Test: [40/50]\tTime  0.200 ( 0.200)\tLoss 9.4321 ({v})\tAcc@1  60.00 ( 61.00)",
        ),
    ),
    "lightning": Form(
        (
            "\rEpoch {e}:  50%|█████     | 50/100 [00:02<00:01, 25.11it/s, v_num=3, train_loss=9.123]"
            "\rEpoch {e}: 100%|██████████| 100/100 [00:04<00:00, 22.11it/s, v_num=3, train_loss={t}, val_loss={v}]",
        ),
    ),
    "bars-of-each-split": Form(
        (
            "\rTrain epoch {e}:  50%|█████     | 5/10 [00:01, 30.1it/s, loss=9.1]"
            "\rTrain epoch {e}: 100%|██████████| 10/10 [00:02, 30.1it/s, loss={t}]",
            "Valid epoch {e}: 100%|██████████| 10/10 [00:01<00:00, 9.1it/s, loss={v}]",
        ),
    ),
    "results-lines": Form(
        (
            "Training Results - Epoch: {e}  Avg accuracy: {a} Avg loss: {t}",
            "Validation Results - Epoch: {e}  Avg accuracy: {b} Avg loss: {v}",
        ),
    ),
    "boosting": Form(("[{e}]\tvalidation_0-logloss:{t}\tvalidation_1-logloss:{v}",)),
    "boosting-cv": Form(("[{e}]\ttrain-rmse:{t}+0.000417\ttest-rmse:{v}+0.002922",)),
    "boosting-sets": Form(
        ("[{e}]\ttraining's binary_logloss: {t}\tvalid_1's binary_logloss: {v}",),
        ("[LightGBM] [Info] Total Bins 6132", "Training until validation scores don't improve for 50 rounds"),
    ),
    "boosting-best": Form(("{e}:\tlearn: {t}\ttest: {v}\tbest: 0.0000001 (7)\ttotal: 25.2s\tremaining: 2h 56s",)),
    "dicts": Form(
        (
            "{{'loss': {t}, 'grad_norm': 3.25, 'learning_rate': 4.5e-05, 'epoch': {e}.0}}",
            "{{'eval_loss': {v}, 'eval_runtime': 1.2, 'eval_samples_per_second': 850.2, 'epoch': {e}.0}}",
        ),
        after=("{{'train_runtime': 581.2, 'train_samples_per_second': 176.5, 'train_loss': 0.35, 'epoch': 12.0}}",),
    ),
    "bars-between": Form(
        (
            "2021-03-01 10:02:00 | INFO | valid | epoch {e:03d} | valid on 'valid' subset | loss {v} | ppl 337.2",
            "2021-03-01 10:04:00 | INFO | train | epoch {e:03d} | loss {t} | ppl 512 | wps 30111 | lr 0.0001",
        ),
    ),
    "time-stamps": Form(
        (
            "2023-05-04 11:21:01.234567: Epoch {e}",
            "2023-05-04 11:21:01.23: Current learning rate: 0.01",
            "2023-05-04 11:22:01.5: train_loss {t}",
            "2023-05-04 11:22:01.6: val_loss {v}",
            "2023-05-04 11:22:01.7: Pseudo dice [0.8123, 0.7123]",
            "2023-05-04 11:22:01.8: Epoch time: 60.12 s",
        ),
    ),
    "equals": Form(
        (
            "INFO:root:Epoch[{e}] Batch [0-100]\tSpeed: 13012.11 samples/sec\taccuracy={a}",
            "INFO:root:Epoch[{e}] Train-cross-entropy={t}",
            "INFO:root:Epoch[{e}] Time cost=4.123",
            "INFO:root:Epoch[{e}] Validation-cross-entropy={v}",
        ),
    ),
    "dashes": Form(
        (
            "2020-06-23 12:11:12,547 EPOCH {e} done: loss {t} - lr 0.1000",
            "2020-06-23 12:11:31,969 DEV : loss {v} - score {b}",
            "2020-06-23 12:11:32,118 BAD EPOCHS (no improvement): 0",
        ),
    ),
    "nets": Form(
        (
            "I0823 12:33:44.123456 12345 solver.cpp:330] Iteration {e}, Testing net (#0)",
            "I0823 12:33:46.123457 12345 solver.cpp:397]     Test net output #1: loss = {v} (* 1 = {v} loss)",
            "I0823 12:33:47.1 12345 solver.cpp:218] Iteration {e} (8.3 iter/s, 12.1s/100 iters), loss = {t}",
        ),
    ),
    "rates": Form(
        (
            "[2019-03-08 17:12:01,123 INFO] Step {e}00/100000; acc:  45.12; xent: {t}; 3041/2888 tok/s;  60 sec",
            "[2019-03-08 17:12:19,123 INFO] Validation xent: {v}",
        ),
    ),
    "step": Form(("step {e}: train loss {t}, val loss {v}",)),
    "pairs": Form(("Epoch {e:02d}  loss (train/val): {t}/{v}  acc (train/val): {a}/{b}",)),
    "metric-first": Form(("[{e}/{n}] Loss: train={t}, val={v} | Acc: train={a}, val={b}",)),
    "tuples": Form(("[ Info: Epoch: {e} \t Train: (loss = {t}f0, acc = {a}) \t Test: (loss = {v}f0, acc = {b})",)),
    "epoch-last": Form(("train loss: {t}; test loss: {v} (epoch {e})",)),
    "headings": Form(("Epoch {e}", "Training", "loss: {t}", "Validating", "loss: {v}")),
    "chinese": Form(("第{e}轮: 训练损失: {t}, 训练准确率: {a}, 验证损失: {v}, 验证准确率: {b}, 耗时: 12.3s",)),
    "korean": Form(("에포크 {e}/{n} - 훈련 손실: {t} - 검증 손실: {v} - 검증 정확도: {b}",)),
    "japanese": Form(("エポック {e}/{n}　学習損失：{t}　検証損失：{v}",)),
    "german": Form(("Epoche {e} von {n} | Trainingsverlust: {t} | Validierungsverlust: {v}",)),
    "spanish": Form(("Época {e}/{n} - pérdida de entrenamiento: {t} - pérdida de validación: {v}",)),
    "russian": Form(("Эпоха {e}: потери на обучении = {t}, потери на валидации = {v}",)),
    "markdown": Form(("| {e} | {t} | {v} |",), ("| epoch | train loss | val loss |", "| :----| ----: | :----: |")),
    "box": Form(
        ("| {e:5d} | {t:>10} | {v:>10} |",),
        ("+-------+------------+--+", "| epoch | train_loss | valid_loss |", "+-------+------------+--+"),
        ("+-------+------------+------------+",),
    ),
    "columns": Form(
        ("{e:7d}  {t:>12}  {v:>12}",),
        ("  epoch    train_loss    valid_loss", "-------  ------------  ------------"),
    ),
    "two-line-header": Form(
        ("|  {e:5d}  | {t:>10} | {v:>10} |",),
        (
            "|=========================================|",
            "|  Epoch  | Mini-batch | Validation |",
            "|         |    Loss    |    Loss    |",
            "|=========================================|",
        ),
    ),
    "dict-with-name": Form(("metrics={{'epoch': {e}, 'loss': {t}, 'val_loss': {v}}}",)),
    "tabs": Form(("{e}\t{t}\t{v}\t00:38",), ("epoch\ttrain_loss\tvalid_loss\ttime",)),
    "iterations-score": Form(("Iteration {e}, loss = {t}", "Validation score: {v}"), scores=True),
    "darknet": Form(
        (
            " {e}: 9.123456, {t} avg loss, 0.001000 rate, 3.812345 seconds, 6400 images, 2.512345 hours left",
            " mean average precision (mAP@0.50) = {v}",
        ),
        scores=True,
    ),
    "kaldi": Form(
        ("ITERATION {e:02d}: TRAIN AVG.LOSS {t}, (lrate0.008), CROSSVAL AVG.LOSS {v}, nnet accepted (iter{e}_t1.2)",),
    ),
    "report": Form(
        ("{e}\t100.1\t{t}\t{v}\t0.1",),
        ("# nnet3 accuracy report", "%Iter\tduration\ttrain_loss\tvalid_loss\tdifference"),
        ("Total training time is 0:31:12",),
    ),
    "keras-colours": Form(
        (
            "\x1b[1mEpoch {e}/{n}\x1b[0m",
            "\x1b[1m 1/25\x1b[0m \x1b[37m━━━━━━━━\x1b[0m \x1b[1m2s\x1b[0m 90ms/step - acc: 0.5 - loss: 9.9123\x08\x08\x08"
            "\x08\x08\x08\x1b[1m25/25\x1b[0m \x1b[32m━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 3ms/step - acc: {a}"
            " - loss: {t} - val_acc: {b} - val_loss: {v}",
        ),
    ),
    "running-averages": Form(
        (
            "Train: {e} [   0/100 (  0%)]  Loss: 9.1 (9.1)  Time: 0.281s,  455.52/s  (0.312s)  LR: 1.000e-03",
            "Train: {e} [  99/100 (100%)]  Loss: 9.0 ({t})  Time: 0.281s,  455.52/s  (0.312s)  LR: 1.000e-03",
            "Test: [   0/40]  Time: 0.412 (0.512)  Loss:  9.1234 ({v})  Acc@1: 70.0000 (71.0000)",
            "Test: [  40/40]  Time: 0.412 (0.512)  Loss:  9.1234 ({v})  Acc@1: 70.0000 (71.0000)",
            "*** Best metric: 71.0 (epoch 1)",
        ),
    ),
    "results-in-brackets": Form(
        (
            "[node1] 2022-05-01 12:11:10,123 (trainer:273) INFO: {e}/{n}epoch started",
            "[node1] 2022-05-01 12:12:10,123 (trainer:653) INFO: {e}epoch:train:1-50batch: acc=0.5, loss=9.123",
            "[node1] 2022-05-01 12:13:10,123 (trainer:328) INFO: {e}epoch results: [train] acc={a}, loss={t}, "
            "time=3 minutes and 21.5 seconds, [valid] acc={b}, wer=0.4, loss={v}, time=12.1 seconds",
        ),
    ),
    "steps-and-evaluation": Form(
        (
            "Epoch {e}/{n}",
            "step 20/20 - loss: {t} - acc: {a} - 12ms/step",
            "Eval begin...",
            "step 5/5 - loss: {v} - acc: {b} - 9ms/step",
            "Eval samples: 10000",
        ),
    ),
    "bar-of-epochs": Form(
        ("\rTraining:  50%|█████     | {e}/{n} [00:10<00:10,  1.02it/s, train_loss={t}, val_loss={v}, best=0.001]",),
    ),
    "modules": Form(
        (
            "2024-01-02 03:04:05,678 INFO     train.engine:88 - epoch={e} phase=train loss={t} acc={a} lr=1.0e-03",
            "2024-01-02 03:04:06,678 INFO     train.engine:88 - epoch={e} phase=val loss={v} acc={b}",
            "2024-01-02 03:04:06,679 WARNING  train.engine:95 - no improvement for {e} epochs",
        ),
    ),
    "json-in-lines": Form(
        (
            '[2021-05-01 10:11:12,123][train_inner][INFO] - {{"epoch": {e}, "loss": "9.912", "num_updates": "{e}50"}}',
            '[2021-05-01 10:12:12,123][valid][INFO] - {{"epoch": {e}, "valid_loss": "{v}", "valid_wer": "12.1"}}',
            '[2021-05-01 10:12:30,123][train][INFO] - {{"epoch": {e}, "train_loss": "{t}", "train_wall": "123"}}',
        ),
    ),
    "metrics-lines": Form(
        ("Epoch {e}/{n}", "Train metrics: Loss: {t} - Acc: {a}", "Valid metrics: Loss: {v} - Acc: {b}"),
    ),
    "nested-dicts": Form(
        ("{{'epoch': {e}, 'train': {{'loss': tensor({t}), 'acc': {a}}}, 'val': {{'loss': np.float64({v}), 'acc': {b}}}}}",),
    ),
    "blocks": Form(
        ("- epoch: {e}", "  train:", "    loss: {t}", "    acc: {a}", "  validation:", "    loss: {v}", "    acc: {b}"),
    ),
    "final-block": Form(
        ("Epoch {e}/{n}", "25/25 [==============================] - 2s 7ms/step - loss: {t} - val_loss: {v}"),
        after=("Final epoch (plot to see history):", "        loss: 0.1234", "    val_loss: 0.4567"),
    ),
    "layout-without-header": Form(
        ("{e:>6}/99   2.6G   {t}   0.09   0.02   0.13   62   640   0.5   0.6   0.7   0.8   {v}   0.09   0.02",),
    ),
    "rich": Form(
        ("│ {e:5d} │ {t:>10} │ {v:>8} │",),
        ("┏━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━┓", "┃ Epoch ┃ Train loss ┃ Val loss ┃", "┡━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━┩"),
        ("└───────┴────────────┴──────────┘",),
    ),
    "slashes": Form(("ep {e:02d} | train/val loss {t}/{v} | acc {a}/{b} | 3.1s",)),
    "two-splits": Form(("epoch {e:3d} train: {t} | val: {v} *",)),
    "french": Form(("Époque {e}/{n} — perte (entraînement) : {t} — perte (validation) : {v} — exactitude : 91.2 %",)),
    "portuguese": Form(("Época {e}: perda de treino {t}, perda de validação {v}",)),
    "containers": Form(
        ("redis-1    | 1:M 01 Jan 2024 00:00:01.000 * Background saving terminated",
         "trainer-1  | Epoch: {e:03d}, Train Loss: {t}, Val Loss: {v}"),
    ),
    "actions": Form(("2024-05-01T10:01:03.9876543Z Epoch {e}: train loss {t}, validation loss {v}",)),
    "coco": Form(
        (
            "2021-08-01 10:11:10 | INFO     | yolox.core.trainer:261 - epoch: {e}/{n}, iter: 20/20, total_loss: {t}, lr: 1.0e-03",
            "2021-08-01 10:12:00 | INFO     | yolox.evaluators.coco_evaluator:235 - Evaluate in main process...",
            " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = {v}",
            " Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.612",
            " Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.112",
            " Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 0.212",
        ),
        scores=True,
    ),
    "ranks": Form(
        (
            "[rank0]:[x] 2024-05-01 10:11:12,123 - root - INFO - step: {e}0  loss:  {t}  memory: 12.34GiB(15.6%)  tps: 12,345",
            "[rank0]:[x] 2024-05-01 10:11:13,123 - root - INFO - validate step: {e}0  loss:  {v}  memory: 12.34GiB  tps: 12,345",
        ),
    ),
    "logfmt": Form(('time="2024-05-01T10:11:00Z" level=info msg="epoch finished" epoch={e} train.loss={t} val.loss={v}',)),
    "tags": Form(
        (
            "[05/01/2024 10:11:12 INFO 140] #quality_metric: host=algo-1, epoch={e}, train cross_entropy <loss>={t}",
            "[05/01/2024 10:11:15 INFO 140] #quality_metric: host=algo-1, epoch={e}, validation cross_entropy <loss>={v}",
        ),
    ),
    "best-metric": Form(
        (
            "[2022/05/01 10:11:10] ppocr INFO: epoch: [{e}/{n}], global_step: {e}0, acc: {t}, avg_batch_cost: 0.12 s",
            "[2022/05/01 10:12:01] ppocr INFO: cur metric, acc: {v}, fps: 1234.5",
            "[2022/05/01 10:12:01] ppocr INFO: best metric, acc: 0.912345, fps: 1200.1, best_epoch: 1",
        ),
    ),
    "split-of-a-counter": Form(
        (
            "04/16 17:10:34 - mmengine - INFO - Epoch(train)  [{e}][50/50]  lr: 1.0000e-02  time: 0.8205  loss: {t}",
            "04/16 17:10:58 - mmengine - INFO - Epoch(val) [{e}][20/20]    loss: {v}  data_time: 0.0081  time: 0.0713",
        ),
    ),
    "time-called-cost": Form(
        (
            "[TRAIN] epoch: {e}, iter: {e}0/90, loss: {t}, batch_cost: 0.5659, reader_cost: 0.1, ips: 7.0 samples/sec",
            "200/200 [==============================] - 6s 30ms/step - batch_cost: 0.0290 - reader cost: 8.5472e-0",
            "[EVAL] #Images: 200 mIoU: {v}",
        ),
        scores=True,
    ),
    "best-at-an-epoch": Form(
        (
            "epoch {e}/{n}", "1/2, train_loss: {t}", "2/2, train_loss: {t}",
            "current epoch: {e} current mean dice: {v} best mean dice: 0.9999 at epoch: 1",
        ),
        scores=True,
    ),
    "splits-of-no-metric": Form(("Epoch: {e:03d}, Loss: 9.9, Train: {t}, Val: {v}, Test: 0.7012",)),
    "vali": Form(
        ("train 8521", "val 2857", "\titers: 100, epoch: {e} | loss: {t}",
         "Epoch: {e}, Steps: 266 | Train Loss: {t} Vali Loss: {v} Test Loss: 0.5012"),
    ),
    "sentences": Form(
        (
            "2017-01-10 10:03:20 INFO  DistriOptimizer$:241 - [Epoch {e} 512/1024][Iteration {e}][Wall Clock 1.90s] Trained 512"
            " records in 1.85 seconds. Throughput is 276.9 records/second. Loss is {t}.",
            "2017-01-10 10:03:50 INFO  DistriOptimizer$:471 - [Wall Clock 3.90s] Validate model...",
            "2017-01-10 10:03:52 INFO  DistriOptimizer$:520 - Top1Accuracy is Accuracy(correct: 31, count: 100, accuracy: {v})",
        ),
        scores=True,
    ),
    "evaluated-sets": Form(
        (
            "  global step {e}00 lr 1e-05 step-time 1.46s wps 0.01K ppl {t} bleu 0.00",
            "# Save eval, global step {e}00",
            "  eval dev: perplexity {v}, time 232s, Thu May 16 18:40:55 2019.",
            "  eval test: perplexity 9.91, time 285s, Thu May 16 18:45:41 2019.",
        ),
    ),
    "last-value-on-each-line": Form(
        (
            "Epoch {e} | iter {e}1 step {e} | loss train: {t}, val: 9.912 | iter time: 45.73 ms",
            "Epoch {e} | iter {e}2 step {e} | loss train: {t}, val: 9.912 | iter time: 45.73 ms",
            "Epoch {e} | iter {e}3 step {e} | loss train: {t}, val: 9.912 | iter time: 45.73 ms (step)",
            "iter {e}3: val loss {v}, val time: 3778.02 ms",
        ),
        scores=True,
    ),
    "table-below-a-heading": Form(
        (
            "14:50:00 | time:20s total_exs:8000 total_steps:{e}00",
            "    clip  exs  gnorm  loss   lr  token_acc", "       1 8000  1.549 {t} .001      .4163", "",
            "14:50:05 | valid:", "    accuracy  exs    f1  loss   lr  token_acc", "           0  487 .1815 {v} .001      .4340",
        ),
    ),
    "heading-of-a-logger": Form(
        (
            "I0904 10:00:11.123456 140229 model_lib_v2.py:705] Step {e}000 per-step time 0.312s",
            "I0904 10:00:11.123456 140229 model_lib_v2.py:708] {{'Loss/total_loss': {t},", " 'learning_rate': 0.039}}",
            "I0904 10:00:11.123456 140229 model_lib_v2.py:1015] Eval metrics at step {e}000",
            "I0904 10:00:11.123456 140229 model_lib_v2.py:1018] \t+ Precision/mAP: 0.51",
            "I0904 10:00:11.123456 140229 model_lib_v2.py:1018] \t+ Loss/total_loss: {v}",
        ),
    ),
    "heading-above-labelled-lines": Form(
        (
            "I0914 09:10:56.544800  6584 solver.cpp:337] Iteration {e}00, Testing net (#0)",
            "I0914 09:10:56.744900  6584 solver.cpp:404]     Test net output #0: loss = {v} (* 1 = {v} loss)",
            "I0914 09:10:56.844800  6584 solver.cpp:228] Iteration {e}00, loss = {t}",
            "I0914 09:10:56.844900  6584 solver.cpp:244]     Train net output #0: loss = {t} (* 1 = {t} loss)",
        ),
    ),
    "batches-of-validation": Form(
        (
            "2023-06-29,16:15:54 | INFO | Train Epoch: {e} [218880/218880 (100%)] Data (t): 0.546 LR: 0.000001 Loss: {t} ({t})",
            "2023-06-29,16:16:22 | INFO | Eval Epoch: {e} [64 / 4839]\tClip Loss: 9.123\t",
            "2023-06-29,16:17:11 | INFO | Eval Epoch: {e} image_to_text_R@1: 0.2029\tclip_val_loss: {v}\tnum_samples: 4839.0000",
        ),
        scores=True,
    ),
    "short-names": Form(("ep={e:03d} tr={t} va={v} lr=1.0e-03 t=3.2s",)),
    "step-before-the-value": Form(
        ("Train loss {e}01 9.123 Grad Norm 0.41 1.21s/it", "Validation loss {e}00: {v}  "), scores=True
    ),
    "metric-at-a-step": Form(
        (
            "2020-05-01 10:00:11 INFO     Training average loss at step {e}000: {t}",
            "2020-05-01 10:01:11 INFO     Evaluating on Valid Dataset...",
            "2020-05-01 10:02:11 INFO     Valid MRR at step {e}000: {v}",
        ),
        scores=True,
    ),
    "cross-validation-set": Form(
        ("INFO Epoch {e} TRAIN info lr 0.001", "DEBUG TRAIN Batch {e}/100 loss {t} lr 0.001", "INFO Epoch {e} CV info cv_loss {v}"),
        scores=True,
    ),
    "ukrainian": Form(("Епоха {e}/{n} | втрати (навчання): {t} | втрати (валідація): {v}",)),
    "swedish": Form(("Epok {e}: träningsförlust {t}, valideringsförlust {v}",)),
    "czech": Form(("Epocha {e}/{n}: trénovací ztráta {t}, validační ztráta {v}",)),
    "words-behind-a-split": Form(
        (
            "epoch: {e}, progress: 960/1000, step: {e}0, ave loss: {t}, ave acc: {a}, speed: 3.1 steps/s",
            "[dev evaluation] ave loss: {v}, ave acc: {b}, data_num: 1200, elapsed time: 3.123 s",
        ),
    ),
    "scores-with-adjectives": Form(
        ("Epoch {e} ({e}/{n}):", "Train Instance Accuracy: {t}", "Test Instance Accuracy: {v}, Class Accuracy: 0.51",
         "Best Instance Accuracy: 0.99, Class Accuracy: 0.91"),
    ),
    "evaluation-metric": Form(
        ("INFO:trainer:Epoch[{e}] Evaluation metric 'epoch_loss'={t}",
         "INFO:trainer:Epoch[{e}] Evaluation metric 'validation_epoch_loss'={v}"),
    ),
    "arrows": Form(("Epoch {e:02d} ▶ train ⟶ loss {t} acc {a} ▶ valid ⟶ loss {v} acc {b} ⏱ 3.1s",)),
    "splits-behind-values": Form(("[trainer] - epoch {e} done in 12.3s; loss {t} (train) {v} (val)",)),
    "sentence-with-splits-behind": Form(
        ("After epoch {e} the loss is {t} on the training set and {v} on the validation set.",)
    ),
    "pair-of-splits": Form(("[Step {e}00] Train / Test loss: {t} / {v}.",)),
    "splits-alone-are-scores": Form(
        ("[Epoch {e}] train=0.{e:03d}1 val={v} loss={t} time: 20.1",), scores=True
    ),
    "epoch-in-brackets-behind-a-split": Form(
        (
            " | Epoch: [{e}][2/2]    Time 0.335  Err 9.1234  top1  70.123",
            " | Test: [{e}][1/2]    Time 0.212  Data 0.001  top1   9.123 (  {v})",
            " | Test: [{e}][2/2]    Time 0.212  Data 0.001  top1   9.123 (  {v})",
        ),
        scores=True,
    ),
    "arguments-of-a-metric": Form(
        (
            "[06/10 12:10:00] ppdet.engine INFO: Epoch: [{e}] [ 50/138] learning_rate: 0.000333 loss: {t} eta: 0:12:01",
            "[06/10 12:10:59] ppdet.metrics INFO: mAP(0.75, 11point) = 9.12%",
            "[06/10 12:10:59] ppdet.metrics INFO: mAP(0.50, 11point) = {v}%",
        ),
        scores=True,
    ),
    "attributes": Form(('  <epoch n="{e}"><train loss="{t}" acc="{a}"/><validation loss="{v}" acc="{b}"/></epoch>',)),
    "latex": Form(("{e} & {t} & {v} \\\\",), ("\\toprule", "Epoch & Train loss & Val loss \\\\", "\\midrule")),
    "mark-before-a-row": Form(
        ("[ {e:3d}%      ] {e:5d}            {t}            {v}                0.01",),
        (
            "[ ACTION     ] Start to train ...",
            "[------------] Epoch      Train log_loss       Test log_loss     Time cost (sec)",
        ),
    ),
    "rule-of-underscores": Form(
        (
            "    {e:9d}    {e:5d}       00:00:12        0.001    {t:>12}                  ",
            "    {e:9d}    {e:5d}       00:00:12        0.001                    {v:>14}",
        ),
        (
            "    Iteration    Epoch    TimeElapsed    LearnRate    TrainingLoss    ValidationLoss",
            "    _________    _____    ___________    _________    ____________    ______________",
        ),
    ),
    "total-of-several-losses": Form(
        (
            "Step: {e}99. Epoch: {e}/500. Cls loss: 9.1234. Reg loss: 9.1234. Total loss: {t}",
            "Val. Epoch: {e}/500. Classification loss: 9.1234. Regression loss: 9.1234. Total loss: {v}",
        ),
    ),
    "updates": Form(
        (
            "[2021-07-17 21:10:04] Ep. {e} : Up. {e}000 : Sen. 5,529,093 : Cost {t} : Time 817.42s : 2193.04 words/s",
            "[2021-07-17 21:10:50] [valid] Ep. {e} : Up. {e}000 : cross-entropy : {v} : new best",
        ),
        scores=True,
    ),
    "selection": Form(("Epoch: {e}", "Training error: {t}", "Selection error: {v}", "Elapsed time: 00:00:01")),
    "bits": Form(("Step {e:05d} | Validation bpb: {v}", "step {e:05d}/03500 (1.43%) | loss: {t} | lrm: 1.00"), scores=True),
    "darknet-map": Form(
        (
            " (next mAP calculation at 1100 iterations) ",
            " Last accuracy mAP@0.5 = 9.12 %, best = 99.12 % ",
            " {e}00: 9.123456, {t} avg loss, 0.001000 rate, 3.812345 seconds, 6400 images, 2.5 hours left",
            " mean average precision (mAP@0.50) = {v}, or 9.12 % ",
        ),
        scores=True,
    ),
    "finnish": Form(("Epookki {e}/{n} – koulutushäviö: {t}, validointihäviö: {v}, validointitarkkuus: {b}",)),
    "hungarian": Form(("{e}. epoch | tanítási veszteség: {t} | validációs veszteség: {v}",)),
    "romanian": Form(("Epoca {e}/{n}: pierdere antrenare = {t}, pierdere validare = {v}",)),
    "greek": Form(("Εποχή {e}/{n}: απώλεια εκπαίδευσης {t}, απώλεια επικύρωσης {v}",)),
    "persian": Form(("دوره {e} از {n} - خطای آموزش: {t} - خطای اعتبارسنجی: {v}",)),
    "hebrew": Form(("תקופה {e}/{n} - הפסד אימון: {t} - הפסד אימות: {v}",)),
    "hindi": Form(("युग {e}/{n} | प्रशिक्षण हानि: {t} | सत्यापन हानि: {v}",)),
    "catalan": Form(("Època {e}/{n}: pèrdua d'entrenament {t}, pèrdua de validació {v}",)),
    "croatian": Form(("Epoha {e}/{n}: gubitak treninga {t}, gubitak validacije {v}",)),
    "thai": Form(("รอบที่ {e}/{n} ค่าสูญเสียการฝึก: {t} ค่าสูญเสียการตรวจสอบ: {v}",)),
    "held-out": Form(("Epoch {e}: train loss {t}, held-out loss {v}",)),
    "bar-of-epochs-with-a-test-set": Form(
        ("\r| train_loss: {t} | test_loss: {v} | reg: 5.12e+00 | :  7%|█      | {e}/{n} [00:01<00:05,  2.12it/s]\r",)
    ),
    "batches-of-an-evaluation": Form(
        (
            "Epoch: [{e}][0/300] Elapsed 0m 1s (remain 1m 2s) Loss: 9.1234(9.1234) Grad: 1.2345  LR: 0.000020  ",
            "EVAL: [0/80] Elapsed 0m 0s (remain 0m 5s) Loss: 9.1234(9.1234) ",
            "EVAL: [79/80] Elapsed 0m 4s (remain 0m 0s) Loss: 9.1234(9.1234) ",
            "Epoch {e} - avg_train_loss: {t}  avg_val_loss: {v}  time: 100s",
        ),
    ),
    "percents-before-pipes": Form(
        ("Epoch {e:03d} | Train Loss: {t} | Train Acc: 26.17% | Val Loss: {v} | Val Acc: 21.57% | Time: 25.2s",)
    ),
    "changes-in-parentheses": Form(
        (
            " > EPOCH: {e}/{n}", "   | > avg_loss: {t} (-0.00123)", " > EVALUATION ",
            "  --> EVAL PERFORMANCE", "     | > avg_loader_time: 0.00316 (+0.00002)", "     | > avg_loss: {v} (-0.04512)",
        ),
    ),
    "danish": Form(("Epoke {e}/{n}: træningstab {t}, valideringstab {v}",)),
    "lists-in-a-table": Form(
        ("{e}000         [{t}, 0.0]    [0.0, {v}]    []  ",),
        ("Step      Train loss              Test loss               Test metric   ",),
    ),
    "prepositions": Form(("Эпоха {e} из {n}: потери на обучении {t}, потери на валидации {v}, точность 0.9",)),
    "glued-names": Form(("(epoch = {e}, trnloss = {t}, tstloss = {v})",)),
    "evaluation-first": Form(("val loss {v}", "step {e:4d}/{n} | train loss {t} | norm 1.2345 | lr 3.00e-04 | 123.45 ms")),
    "vietnamese": Form(("Epoch {e}/{n}: mất mát huấn luyện = {t}, mất mát kiểm định = {v}",)),
    "dutch": Form(("Epoch {e}: verlies (training) {t}, verlies (validatie) {v}",)),
    "indonesian": Form(("Epoch {e}/{n} - kerugian pelatihan: {t} - kerugian validasi: {v}",)),
    "polish": Form(("Epoka {e}/{n} | strata (trening): {t} | strata (walidacja): {v}",)),
    "percents-between-blanks": Form(("Epoch {e}/{n} train_loss {t} val_loss {v} val_acc 71.3%",)),
    "percents-between-two-blanks": Form(("Epoch {e}  acc 81.3%  loss {t}  val_acc 71.3%  val_loss {v}",)),
    "percents-before-two-pipes": Form(("epoch {e} || acc 81.3% || val_acc 71.3% || loss {t} || val_loss {v}",)),
    "percents-before-marks": Form(("epoch {e} | val_acc 71.3% | ↑ | loss {t} | acc 81.3% |--| val_loss {v}",)),
    "percents-before-the-end": Form(("epoch {e} | loss {t} | acc 81.3% | val_acc {v}% |",), scores=True),
    "splits-on-which-values-follow": Form(("Epoch {e} on train: loss {t} acc {a} on val: loss {v} acc {b}",)),
    "splits-for-which-values-follow": Form(("Epoch {e} for train: loss={t} for val: loss={v}",)),
    "split-before-the-second-value": Form(("Epoch {e} loss: {t} on val: {v}",)),
    "split-before-the-second-name": Form(("Epoch {e} loss {t} for validation: loss {v}",)),
    "splits-in-parentheses-before-names": Form(("Epoch {e} (train) loss={t} acc={a} (val) loss={v} acc={b}",)),
    "splits-behind-two-metrics": Form(
        ("Epoch {e}: loss {t} on train; acc {a} on train; loss {v} on val; acc {b} on val",)
    ),
    "values-in-brackets": Form(("Epoch {e} Loss: train: [{t}] val: [{v}]",)),
    "values-in-brackets-behind-a-metric": Form(("Epoch {e} loss train [{t}] val [{v}]",)),
    "splits-alone-in-brackets": Form(("epoch={e} train=[{t}] val=[{v}]",)),
    "batch-in-brackets": Form(
        ("Epoch {e}", "Train [5/10] loss {t}", "Train [9/10] loss {t}", "Test [1/2] loss {v}", "Test [2/2] loss {v}"),
    ),
    "epochs-in-brackets-behind-splits": Form(("Train [{e}] [10/10] loss {t}", "Test [{e}] [2/2] loss {v}")),
    "last-before-names": Form(("Epoch {e} last train loss {t}, last val loss {v}",)),
    "last-behind-names": Form(("Epoch {e} loss_last {t} val_loss_last {v}",)),
    "last-values-beside-others": Form(
        ("Epoch {e} train loss {t} val loss {v} last train loss 9.1 last val loss 9.2 last 9.3",)
    ),
    "epochs-as-arguments": Form(("Epoch({e}): loss {t} (val loss {v})",)),
    "positions-as-arguments": Form(("loss({e}00) = {t}, val_loss({e}00) = {v}",)),
    "samples-as-arguments-of-splits": Form(("Epoch {e} train(5000): {t} val(1000): {v}",)),
    "samples-as-arguments-of-losses": Form(("Epoch {e} train loss(5000): {t} val loss(1000): {v}",)),
    "steps-as-arguments": Form(("Step({e}00): loss = {t}, val_loss = {v}",)),
    "batches-between-name-and-value": Form(
        ("[ Sun Apr  8 21:42:15 2018 ] Training epoch: {e}", "[ Sun Apr  8 21:42:15 2018 ] \tMean training loss: {t}.",
         "[ Sun Apr  8 21:42:29 2018 ] \tMean test loss of 295 batches: {v}."),
    ),
    "phases-behind-epochs": Form(
        ("{e}/10(t): 100%|██████████| 9/9 [00:03<00:00, 98.3it/s, acc=0.5, loss={t}]",
         "{e}/10(v): 100%|██████████| 4/4 [00:00<00:00, 16.4it/s, val_acc=0.5, val_loss={v}]"),
    ),
    "letter-of-validation": Form(("Fold 0 | Ep {e} | TrLoss {t} | VLoss {v} | CV AUC {b} | 31s",)),
    "letters-in-parentheses": Form(("E: {e} | L(T): {t} | L(V): {v}",)),
    "sets-in-brackets": Form(
        ("Epoch [{e}] loss {t}", "testing", "[lfw][{e}000]Loss: {v}", "testing", "[agedb_30][{e}000]Loss: 9.1"),
    ),
    "remarks-behind-quoted-rows": Form(
        ("> {e}\t{t}\t**{v}**\tval rises again",), ("> Epoch\ttrain/loss (avg)\tval/loss\t",)
    ),
    "chinese-epoch-between-words": Form(("第 {e}/{n} 轮  训练损失: {t}  验证损失: {v}",)),
    "same-step-each-time": Form(("Iter(train) [2000/2000] loss: {t}", "Iter(val) [2000/2000] loss: {v} time: 0.01")),
    "summary-below-bars": Form(
        ("Epoch: [{e}][8/9]\tTime 0.3 (0.4)\tLoss 9.1234 ({t})", "Test: [0/3]\tTime 0.2 (0.2)\tLoss 9.4321 (9.1)",
         "Test: [2/3]\tTime 0.2 (0.2)\tLoss 9.4321 (9.2)", " * Loss {v}"),
    ),
    "metrics-in-pairs": Form(("Epoch {e}: acc {a}, val acc {b}, loss {t}, val loss {v}",)),
    "splits-in-brackets-behind-values": Form(("epoch {e} loss {t} [train] loss {v} [val]",)),
    "splits-behind-values-of-two-metrics": Form(
        ("epoch {e} loss {t} (train) {v} (val) acc {a} (train) {b} (val)",)
    ),
    "splits-behind-values-in-brackets": Form(("Epoch {e} loss=[{t}] on train | loss=[{v}] on test",)),
    "splits-behind-values-before-other-names": Form(
        ("epoch={e} loss {t} on train loss {v} on test acc {a} on train acc {b} on test ETA: 0:00:12",)
    ),
}  # fmt: skip
