"""Texts that are no training logs, with words such as train and loss; `{i}` is the number of the repetition."""

# ruff: noqa: E501  (lines are those of other programs)

from __future__ import annotations

SERVER = """127.0.0.1 - - [10/Oct/2024:13:55:36 +0000] "GET /test/loss.php?val=3 HTTP/1.1" 200 2326 "Mozilla/5.0"
127.0.0.1 - - [10/Oct/2024:13:55:37 +0000] "POST /api/train/5/score HTTP/1.1" 404 12 "-" "curl/8.4.0"
2024/10/10 13:55:38 [error] 1234#1234: *5 connect() failed (111: Connection refused) while connecting to upstream
"""
COMPILER = """[ 12%] Building CXX object CMakeFiles/test_loss.dir/test_loss.cpp.o
src/train.cpp:31:12: warning: unused variable 'val_loss' [-Wunused-variable]
src/eval.cpp:44:7: error: expected ';' before 'return'
2 warnings and 1 error generated.
test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; finished in 0.53s
"""
PIP = """Collecting scikit-learn==1.5.0
  Downloading scikit_learn-1.5.0-cp311-cp311-manylinux_2_17_x86_64.whl (13.3 MB)
     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 13.3/13.3 MB 42.1 MB/s eta 0:00:00
Successfully installed numpy-1.26.4 scikit-learn-1.5.0 threadpoolctl-3.5.0
"""
PYTEST = """tests/test_loss.py::test_validation_error[0.5] PASSED                        [  3%]
tests/test_train.py::test_eval_score[1] PASSED                               [ 10%]
=================== 12 passed, 3 warnings in 4.56s ===================
"""
AGENT = """| eval/               |          |
|    mean_ep_length   | 200      |
|    mean_reward      | {i}.5     |
| train/              |          |
|    loss             | 0.{i}    |
|    value_loss       | 12.{i}   |
"""
KERNEL = """[    {i}.123456] usb 1-1: new high-speed USB device number {i} using xhci_hcd
[    {i}.234567] nvidia 0000:01:00.0: enabling device (0000 -> 0003)
[    {i}.345678] EXT4-fs (sda{i}): mounted filesystem with ordered data mode. Quota mode: none.
[    {i}.456789] eth0: link becomes ready, speed: 1000, loss: none
"""
SALES = "date,region,units,price,returns\n" + "2024-01-{i},north,{i},9.{i},0\n" * 3
INVOICES = "order\ttest\tvalue\tweight\n{i}\tyes\t{i}.50\t1.{i}\n"
DATABASE = """2024-05-01 10:00:{i} UTC [1234] LOG:  checkpoint complete: wrote {i} buffers (0.{i}%); write=2.{i} s
2024-05-01 10:00:{i} UTC [1235] LOG:  duration: {i}.123 ms  statement: SELECT val FROM test WHERE score > 0.{i}
2024-05-01 10:00:{i} UTC [1236] ERROR:  column "loss" does not exist at character {i}
"""
VIDEO = """frame=  {i} fps= 25 q=28.0 size=    {i}kB time=00:00:{i}.04 bitrate= 512.{i}kbits/s speed=1.{i}x
"""
PING = """64 bytes from 10.0.0.{i}: icmp_seq={i} ttl=64 time=0.{i} ms
--- 10.0.0.{i} ping statistics ---
{i} packets transmitted, {i} received, 0% packet loss, time {i}ms
"""
TOP = """top - 10:00:{i} up {i} days,  3:06,  1 user,  load average: 0.{i}, 0.82, 1.40
%Cpu(s):  1.{i} us,  0.3 sy,  0.0 ni, 98.{i} id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st
  {i} root      20   0  166{i}  11212   8212 S   0.3   0.1   0:0{i}.12 python train.py
"""
BENCHMARK = """test_train[{i}]      1.{i}23 (1.0)    2.{i} (1.05)    1.{i} (1.0)     0.0{i}     4;{i}     0.7{i}       5           1
test_validate[{i}]   3.{i}23 (1.0)    4.{i} (1.05)    3.{i} (1.0)     0.0{i}     4;{i}     0.3{i}       5           1
"""
PODS = """train-job-{i}    1/1     Running   {i}          5m{i}s
val-job-{i}      0/1     Pending   0          1m{i}s
I0823 12:33:{i}.123456       1 controller.go:{i}] epoch {i}: syncing 3 of {i} nodes
"""
GIT = """commit {i}f3a9c1
    Fix validation loss in epoch {i}
 src/train.py | {i} +++++-----
 1 file changed, {i} insertions(+), 3 deletions(-)
"""
DOCKER = """#{i} [stage-1 {i}/20] RUN pip install torch
#{i} sha256:9f{i} 45.{i}MB / 99.0MB 1.{i}s
#{i} DONE 1.{i}s
"""
TYPES = """src/test_{i}.py:{i}:12: error: Incompatible return value type (got "float", expected "int")  [return-value]
src/train.py:{i}: note: Revealed type is "loss.Score[{i}]"
Found {i} errors in {i} files (checked 12 source files)
"""
UNUSED = """src/solver/loss.c:{i}:25: warning: unused variable 'val_{i}' [-Wunused-variable]
  3{i} |   double val_{i} = 0.{i};
      |          ^~~~~
"""
QUERIES = """# Time: 2023-05-01T10:{i}:11.123456Z
# Query_time: 0.{i}  Lock_time: 0.000{i} Rows_sent: {i}  Rows_examined: {i}000
SELECT * FROM runs WHERE val_loss < 0.{i};
"""
COVERAGE = """Name                 Stmts   Miss  Cover   Missing
src/train_{i}.py        {i}      3    9{i}%   12-14
src/test_loss_{i}.py    {i}      1    8{i}%   7
"""
PRICES = """ 2024-05-{i}  EURUSD  1.0{i}  1.0{i}  +0.{i}%  profit/loss: {i}.50
"""
GRID = """[CV {i}/5] END ....C=10, gamma=0.1;, score=(train=0.9{i}, test=0.8{i}) total time=   0.{i}s
"""
TRIALS = """Trial {i} Complete [00h 00m 10s]
val_loss: 0.{i}

Best val_loss So Far: 0.5
Total elapsed time: 00h 01m {i}s
"""
FOLDS = """Fold {i}: accuracy = 0.8{i}, F1 = 0.7{i}
"""
SEARCH = """[I 2023-05-01 10:11:{i},123] Trial {i} finished with value: 0.{i} and parameters: {'lr': 0.{i}}. Best is trial 3.
"""
DEPTHS = """max_depth={i} train 0.9{i} test 0.8{i}
"""
TREES = """n_estimators= {i}0  train acc: 0.9{i}  val acc: 0.8{i}
"""
ROWS = """train_size  train_score  test_score
      {i}00       0.9{i}      0.8{i}
"""
UNIT_TESTS = """def test_stops_{i}():
    stopper = EarlyStopping(patience={i})
    assert stopper.update(epoch={i}, train_loss=0.9{i}, val_loss=0.8{i}) is False
    logs = {{'loss': 0.9{i}, 'val_loss': 0.8{i}}}
    callback.on_epoch_end(epoch={i}, logs=logs)
"""
FAILED_TESTS = """tests/test_losses.py::test_val_loss[{i}] FAILED [ {i}%]
E       assert 0.{i} == 0.35
"""
RUST = """warning: unused variable: `val_loss`
4{i} |     let val_loss = 0.{i};
"""
OTHER_TEXTS = {
    name.lower(): text for name, text in list(globals().items()) if name.isupper() and isinstance(text, str)
}
