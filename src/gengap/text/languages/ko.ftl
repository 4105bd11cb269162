# 한국어. 숫자를 쓰는 함수는 src/gengap/text/catalog.py에 있습니다.
# 이름과 숫자 뒤에는 받침에 따라 바뀌는 조사를 쓰지 않습니다.

## Verdicts

verdict-underfit = 과소적합
verdict-good = 적절
verdict-near-overfit = 과대적합 직전
verdict-overfit = 과대적합
verdict-inconclusive = 판단 보류
verdict-name = { $verdict ->
    [underfit] { verdict-underfit }
    [good] { verdict-good }
    [near-overfit] { verdict-near-overfit }
    [overfit] { verdict-overfit }
   *[inconclusive] { verdict-inconclusive }
}

## Numbers in words

number-above = 0.99 초과
number-below = 0.01 미만

## Names of metrics

metric-binary-crossentropy = 크로스 엔트로피
metric-categorical-crossentropy = 크로스 엔트로피
metric-row-loss = 페널티를 뺀 손실
metric-mean-squared-error = 평균 제곱 오차
metric-mean-absolute-error = 평균 절대 오차
metric-r2 = R²
metric-accuracy = 정확도
metric-auc = AUC
metric-loss = 페널티를 더한 손실
metric-learning-rate = 학습률

## Labels of the page

page-skip = 본문으로 건너뛰기
page-theme = 테마
page-theme-system = 시스템 설정대로
page-theme-light = 밝게
page-theme-dark = 어둡게
page-plan = 계획 { $plan }
page-took = 소요 시간 { $time }
page-so-far = 지금까지 { $time }
page-running = 진행 중
page-interrupted = 중단됨: 계획한 실험 가운데 일부가 없습니다
page-headline-none = 아직 끝난 실험이 없습니다
page-headline-nothing-learnt = 여기서는 추측보다 뚜렷이 나은 모델이 없습니다
page-headline-not-judged = 판정할 수 있는 곡선이 없습니다
page-headline-inconclusive = 곡선만으로는 과대적합인지 알 수 없습니다
page-headline-fits = 과대적합인 모델은 없습니다
page-headline-none-known = 과대적합으로 판정된 모델은 없습니다
page-headline-recommended = 추천 모델: { $run }
page-recommended = 추천
page-expected-loss = 새 행에서 예상되는 손실
page-expected-accuracy = 예상되는 정확도
page-expected-r2 = 예상되는 R²
page-expected-rmse = 예상 RMSE(타깃의 단위)
page-expected-mae = 예상 MAE(타깃의 단위)
page-rmse = RMSE
page-mae = MAE
page-best-baseline = 가장 좋은 기준 모델, { $run }
page-rows-used = 훈련 행과 검증 행
page-training-now = 지금 훈련 중
page-running-epochs = 최대 { $all }에포크 중 { $done }
page-running-left = 남은 시간 최대 { $time }
page-compiling = 컴파일 중
page-trials = 실험
page-model = 모델
page-verdict = 판정
page-curves = 곡선
page-loss = 손실
page-gap = 격차
page-rise-percent = 최적 이후 상승, %
page-rise = 상승
page-onset = 다시 오르기 시작한 에포크
page-best-epoch = 가장 좋은 에포크
page-parameters = 매개변수
page-or-verdict = 또는 { $verdict } { PERCENT($probability) }
page-of-epochs = / { $epochs }
page-seeds-agree = 시드 { $all }개 가운데 { $count }개
page-gap-note = 격차는 검증 손실에서 훈련 손실을 뺀 값입니다.
page-loss-note-classes = 손실은 가장 좋은 에포크의 검증 크로스 엔트로피입니다. 대괄호는 90% 구간입니다.
page-loss-note-numbers = 손실은 가장 좋은 에포크의 검증 평균 제곱 오차를 훈련 타깃의 분산으로 나눈 값입니다. RMSE와 MAE는 같은 행에서 타깃의 단위로 잰 것입니다. 대괄호는 90% 구간입니다.
page-seeds-note = 손실은 시드들의 평균이고, 판정과 곡선과 에포크는 첫 시드의 것입니다.
page-every-trial = 모든 실험과 시드
page-seed = 시드
page-training-loss = 훈련 손실
page-validation-loss = 검증 손실
page-score-accuracy = 정확도
page-score-r2 = R²
page-epochs = 에포크
page-time = 시간
page-still-training = 훈련 중
page-curves-title = 곡선
page-curves-switches = 곡선에 보일 것
page-runs = 실행
page-run = 실행
page-all-runs = 모두
page-metric = 지표
page-training = 훈련
page-validation = 검증
page-log-epochs = 로그 에포크
page-smoothing = 평활화
page-smoothing-note = 각 값과 그 이전 값들의 가중 평균
page-curves-alt = 에포크에 따른 훈련과 검증 곡선. 값은 두 표에 있습니다: “{ page-at-best-epochs }” 표에 실행별 값, “{ page-numbers }” 표에 여러 에포크의 값
page-at-best-epochs = 가장 좋은 에포크에서
page-at-epoch = 에포크
page-read-at = 이 에포크에서 곡선 읽기
page-legend-help = 실행: 이름을 누르면 곡선을 숨기거나 보입니다
page-show-all = 모두 보이기
page-hide-all = 모두 숨기기
page-read-at-best = 가장 좋은 에포크에서 읽기
page-no-script = 그림과 스위치, 에포크별 값은 JavaScript가 있어야 보입니다. 결론과 표, “그림에 쓰인 숫자”는 없어도 모두 볼 수 있습니다.
page-nothing-selected = 선택한 것이 없습니다. 실행과 훈련 또는 검증을 고르세요.
page-curves-caption = 실선: 훈련. 점선: 검증. 흐린 선(평활화할 때): 기록된 값. 점: 가장 좋은 에포크. 위쪽 삼각형: 곡선이 그림 위로 이어짐. 띠: 검증 손실이 다시 오르기 시작한 에포크(90% 구간). 훈련은 검증과 비교할 수 있도록 규제를 끄고 쟀습니다.
page-numbers = 그림에 쓰인 숫자
page-metric-by-epoch = 몇몇 에포크의 { $metric }
page-epoch = 에포크
page-epoch-log = 에포크(로그 축)
page-sparkline = 에포크별 훈련 손실과 검증 손실
page-sparkline-best = 에포크별 훈련 손실과 검증 손실, 가장 좋은 에포크 { $epoch }
page-why-title = 판정의 근거와 할 일
page-leaks-title = 먼저 확인할 것
page-next-title = 다음에 해 볼 것
page-reasons-title = 모델별 판정 근거
page-advice = 조언
page-words-title = 판정의 뜻
page-meaning-overfit = 검증 손실이 다시 올랐습니다. 가장 좋았을 때보다 뚜렷이 나쁜 값으로 끝납니다.
page-meaning-near-overfit = 검증은 평평해졌는데 훈련은 계속 나아집니다. 이제 와서 배우는 것은 새 데이터에 통하지 않습니다.
page-meaning-good = 검증이 평평해졌고 훈련도 그렇습니다.
page-meaning-underfit = 검증이 아직 뚜렷이 나아질 수 있습니다. 더 훈련하세요.
page-meaning-inconclusive = 곡선만으로는 알 수 없습니다. 너무 짧거나, 잡음이 심하거나, 유한하지 않거나, 변하지 않습니다.
page-meaning-note = ‘뚜렷이’는 손실의 { $percent }%를 넘는다는 뜻입니다. 판정 옆의 숫자는 그 확률입니다.
page-sizes-title = 어떤 크기가 알맞은가
page-sizes-alt = 크기 { $count }가지의 매개변수 수에 따른 훈련 손실과 검증 손실, 구간 포함
page-sizes-caption = 가장 좋은 에포크의 손실입니다. 막대: 새 데이터에 대한 90% 구간(검증), 시드 사이의 폭(훈련).
page-smallest = 최적의 표준 오차 안에서 가장 작은 모델
page-parameters-log = 매개변수(로그 축)
page-regularizers-title = 어떤 규제 기법이 도움이 되는가
page-regularizers-text = { $run }에 규제 기법을 하나씩 더했을 때 같은 행에서 검증 손실의 변화입니다. 0보다 작으면 좋습니다.
page-early-stopping = 조기 종료({ $run }의 가장 좋은 에포크와 마지막 에포크의 차이): { FIXED($difference, signed: 1) } { BOUNDS($interval, signed: 1) }.
page-regularizers-alt = 규제 기법 { $count }가지가 검증 손실에 미치는 효과와 90% 구간
page-regularizers-caption = ◀ 더 좋음, ▶ 더 나쁨, ● 뚜렷한 차이 없음: 구간이 0을 포함합니다. 90% 구간을 여기에 보이는 비교에 대해 단계적으로 보정하고(더닛 검정처럼) 행별로 짝지었습니다.
page-difference-axis = 검증 손실의 차이
page-regularizer = 규제 기법
page-p-corrected = 보정한 p
page-gap-without = 쓰기 전 격차
page-gap-with = 쓴 뒤 격차
page-rows-title = 행이 더 있으면 도움이 되는가
page-rows-alt = 훈련 행의 수 { $count }가지에 따른 가장 좋은 모델의 검증 손실과, 행이 더 있을 때의 예측
page-rows-caption = 가장 좋은 모델을 행의 일부로 훈련한 결과와, 예측 및 그 90% 구간입니다.
page-training-rows = 훈련 행
page-training-rows-log = 훈련 행(로그 축)
page-measured-or-forecast = 측정 또는 예측
page-rows-note = 폴드 두 개에서 재고 모든 폴드의 수준에 맞추었습니다. 예측은 잰 손실을 지나는 매끄러운 곡선을 이어 간 것입니다.
page-measured = 측정
page-forecast = 예측
page-comparisons-title = 비교
page-finalists-title = 교차 검증한 최종 후보
page-finalists-text = 가장 좋은 모델들을 다르게 나눈 행으로 다시 훈련하여, 행 { $rows }개 하나하나를 그 행으로 훈련하지 않은 모델이 평가하게 했습니다. 손실과 90% 구간입니다.
page-comparisons-alt = 모든 모델과 기준 모델의 검증 손실에서 가장 좋은 모델의 것을 뺀 값과 90% 구간
page-comparisons-caption = 검증 손실에서 가장 좋은 모델의 것을 뺀 값입니다. 각 모델은 가장 좋은 모델과만 비교했습니다. ▶ 더 나쁨, ● 뚜렷한 차이 없음: 구간이 0을 포함합니다. 90% 구간을 여기에 보이는 비교와 가장 좋은 모델의 선택에 대해 단계적으로 보정하고(더닛 검정처럼) 행별로 짝지었습니다.
page-group = 그룹
page-metric-difference = { $metric } 차이
page-difference = 차이
page-baselines = 기준 모델
page-baselines-mixtures = 기준 모델과 여러 모델의 평균
page-baseline = 기준 모델
page-costly-title = 손실이 가장 큰 검증 행
page-costly-text = { $share ->
        [none] { $run }의 손실이 검증 행 { $rows }개 가운데 가장 큰 { $count }개입니다.
       *[other] { $run }의 손실이 검증 행 { $rows }개 가운데 가장 큰 { $count }개입니다. 검증 손실에서 차지하는 몫은 { PERCENT($share, digits: 0) }입니다.
    } 먼저 레이블을 확인하세요. 레이블이 틀린 행은 모델이 확신하고 틀린 행처럼 보입니다.
page-costly-target = 타깃 { $target },
page-costly-answer = 예측 { $answer },
page-costly-loss = 손실 { FIXED($loss, digits: 2) }, 행 { $row }
page-costly-alt = 검증 행 { $row }
page-test-title = 테스트 행
page-test-text = 훈련과 모델 선택에 쓰지 않은 행 { $rows }개를 { $day }에 한 번 썼습니다.
page-data-title = 데이터와 그 분할
page-test = 테스트
page-use-train = 가중치를 맞춥니다
page-use-validation = 에포크마다 평가하고 모델을 고릅니다
page-use-test = 훈련과 모델 선택에 쓰지 않았습니다
page-source = 출처
page-target = 타깃
page-task = 과제
page-task-binary = 이진 분류
page-task-multiclass = 다중 분류
page-task-own-loss = 모델 자체의 손실
page-task-regression = 회귀
page-split = 분할
page-weights = 가중치
page-features = 특성
page-standardised = 훈련 행의 평균과 표준 편차로 표준화
page-raw = 원래 값
page-bad-rows = 뺀 행
page-columns = 열
page-count-columns = 열 { $count }개
page-table-title = 표
page-column = 열 이름
page-kind = 종류
page-missing = 빠진 값
page-column-use = 어떻게 썼는가
page-made-title = 어떻게 계산했는가
page-began = 시작
page-training-took = 훈련에 걸린 시간
page-call-took = 마지막 호출에 걸린 시간
page-seeds = 시드
page-versions = 버전
page-products = 큰 행렬 곱
page-bfloat16 = 피연산자는 bfloat16, 합은 float32
page-reproduce = 다시 하려면
page-plan-toml = 계획(TOML)

## The live page

live-finished = 스터디가 끝났습니다
live-waiting = 스터디가 시작되기를 기다리고 있습니다
live-away = 서버와 연결이 끊겼습니다. 다시 연결되기를 기다리고 있습니다
live-complete = 스터디가 끝났습니다. 이 페이지가 최종 결과입니다
page-headline-overfit = { $all ->
    [1] 모델이 과대적합입니다
   *[other] 모델 { $all }개 가운데 { $count }개가 과대적합입니다
}
page-headline-underfit = { $all ->
    [1] 모델이 과소적합입니다
   *[other] 과대적합인 모델은 없고, { $all }개 가운데 { $count }개가 과소적합입니다
}
page-headline-underfit-known = 과대적합으로 판정된 모델은 없고, { $all }개 가운데 { $count }개가 과소적합입니다
page-headline-fit = 모델 { $all }개 가운데 { $count }개가 적절합니다
page-headline-unknown = { $count }개는 곡선만으로 알 수 없습니다
page-tied = 검증 행 { $rows }개로는 가장 좋은 모델({ $run })보다 뚜렷이 나쁘다고 할 수 없는 모델이 { $count }개 더 있습니다.
page-cores = 코어 { $count }개
page-plain-columns = 빠진 값이 없어 그대로 특성이 된 숫자 열: { $count }개.
live-running = 스터디가 진행 중입니다. { live-trials }
live-stopped = 스터디가 도중에 끝났습니다. { live-trials }
live-trials = { $planned ->
    [none] 실험 { $finished }개 완료
   *[other] 실험 { $planned }개 중 { $finished }개 완료
}

## Tables in notebooks

notebook-study = { $source }, 계획 { $plan }: 훈련 행 { $train }개와 검증 행 { $validation }개, { $time }
notebook-first-trials = , 실험 { $all }개 가운데 처음 { $shown }개
notebook-score = { $score }, %
notebook-history = { $run }, 시드 { $seed }: { $epochs }에포크
notebook-first = 처음
notebook-lowest = 최저
notebook-highest = 최고
notebook-last = 마지막
notebook-by-epoch = 에포크별

## Findings: the reasons for a verdict

axis-epoch = { $axis ->
    [step] 스텝
   *[epoch] 에포크
}
axis-epochs = { $axis ->
    [step] 스텝을
   *[epoch] 에포크를
}
better-fell = { $better ->
    [higher] 떨어졌습니다
   *[lower] 올랐습니다
}
better-raise = { $better ->
    [higher] 높아질
   *[lower] 낮아질
}
finding-not-finite = { $since_epoch ->
    [none] { $metric }: 값 { $count }개가 모두 NaN 또는 무한대입니다
   *[other] { $metric }: { axis-epoch } { $since_epoch }부터 끝까지 NaN 또는 무한대입니다. 훈련이 발산했습니다
}
finding-too-short = { $metric }: 유한한 값이 { $count }개입니다. 추세를 보려면 적어도 { $least }개가 필요합니다
finding-constant = { $metric }: 모든 { axis-epoch }에서 값이 { SIGNIFICANT($value, digits: 6) }입니다. 아무것도 학습하지 못했거나 기록이 잘못되었습니다
finding-nothing-learned = { $metric }: 시작한 값 { SIGNIFICANT($value) }에서 { SIGNIFICANT($limit_percent) }% 넘게 움직이지 않았습니다{ $classes ->
    [0] {""}
   *[other] (클래스 { $classes }개를 찍어서 맞히는 수준)
}. 아무것도 학습하지 못했습니다
finding-diverging = { $metric }: { axis-epoch } { $since_epoch }부터 훈련과 함께 { better-fell }({ FIXED($rise_percent, digits: 1) }%, 훈련 { FIXED($train_percent, digits: 1) }%). 훈련이 발산하고 있습니다
finding-unstable = { $metric }: { axis-epoch } { $count }개에서 두 배 이상 오르내립니다({ SIGNIFICANT($low) }~{ SIGNIFICANT($high) }). 이런 곡선으로는 판정할 수 없습니다
finding-late-step = { $metric }: { axis-epoch } { $epoch }에서 한 번에 { FIXED($rise_percent, digits: 0) }% { $better ->
    [higher] 떨어져
   *[lower] 올라
} 마지막 { axis-epoch } { $count }개 동안 그대로입니다. 과대적합은 서서히 나타납니다
finding-generalisation-limits = 검증이 훈련의 { FIXED($times, digits: 1) }배로 끝납니다. 모델의 크기가 아니라 일반화가 한계입니다. { $metric }: { axis-epochs } 두 배로 늘리면 { ESTIMATE($ahead_percent, digits: 1, unit: "%") } 더 { better-raise } 것으로 보입니다
finding-onset-before-best = 검증은 { axis-epoch } { $onset_epoch }부터 잡음 안에서 평평합니다. 기록된 가장 좋은 값은 { axis-epoch } { $best_epoch }에 있습니다
finding-other-losses = 여러 손실을 { $metric }(으)로 판정했습니다. 나머지가 과대적합일 확률: { $others }
finding-rise = { $better ->
    [higher] { $metric }: 가장 높았던 { axis-epoch } { ESTIMATE($onset_epoch, digits: 0) } 부근부터 끝까지 { ESTIMATE($rise_percent, digits: 1, unit: "%") } 떨어졌습니다(하락폭이 { SIGNIFICANT($limit_percent) }%를 넘을 확률 { PROBABILITY($probability) })
   *[lower] { $metric }: 가장 낮았던 { axis-epoch } { ESTIMATE($onset_epoch, digits: 0) } 부근부터 끝까지 { ESTIMATE($rise_percent, digits: 1, unit: "%") } 올랐습니다(상승폭이 { SIGNIFICANT($limit_percent) }%를 넘을 확률 { PROBABILITY($probability) })
}
finding-learns-on = { $since ->
    [level] 검증이 평평해진 뒤로 훈련은 검증보다 { FIXED($more_percent, digits: 1) }% 더 좋아졌습니다. 이제 와서 배우는 것은 새 데이터에 통하지 않습니다
   *[rise] 그동안에도 훈련은 계속 나아져 검증보다 { FIXED($more_percent, digits: 1) }% 더 좋아졌습니다
}
finding-disagree = { $metric }: 그동안에도 { FIXED($gain_percent, digits: 1) }% 나아졌습니다. 손실이 나빠진 것은 더 많이 틀려서가 아니라, 모델이 틀린 답을 지나치게 확신하게 되어서입니다(확률 보정 문제)
finding-too-few-epochs = { $metric }: { $likely ->
    [no] 더 나아질 수도 있습니다.
   *[yes] 끝에서도 아직 나아지고 있습니다.
} { axis-epochs } 두 배로 늘리면 { ESTIMATE($ahead_percent, digits: 1, unit: "%") } 더 { better-raise } 것으로 보입니다(개선폭이 { SIGNIFICANT($limit_percent) }%를 넘을 확률 { PROBABILITY($probability) })
finding-level = { $metric }: 더는 나아지지 않고 평평해졌습니다. { $end ->
    [best] 가장 좋은 값으로 끝나고
   *[worse] 가장 좋았을 때와 끝의 차이는 { ESTIMATE($rise_percent, digits: 1, unit: "%") }이고
}, { axis-epochs } 두 배로 늘려도 { $better ->
    [higher] 높아지는
   *[lower] 낮아지는
} 폭은 최대 { FIXED($most_ahead_percent, digits: 1) }%입니다
finding-solved = { $score }은(는) 만점이고, { $metric }은(는) 첫 값의 { PERCENT($share, digits: 2) }이므로, 더 낮아져도 바뀌는 답이 없습니다
finding-no-training-curve = 훈련 곡선이 없으면 적절과 과대적합 직전을 구별할 수 없습니다
finding-small-gap = 훈련과 검증이 { FIXED($gap_percent, digits: 1) }% 차이로 끝납니다. 과대적합의 징후가 없으므로 더 큰 모델이 나을 수도 있습니다
finding-too-noisy = { $metric }: 값 { $count }개가 { axis-epoch }마다 { FIXED($noise_percent, digits: 1) }%씩 출렁여, 가장 좋았을 때부터 끝까지의 변화가 불확실합니다: { ESTIMATE($rise_percent, digits: 1, unit: "%") }(과소적합 { PROBABILITY($underfit) }, 적절 { PROBABILITY($good) }, 과대적합 직전 { PROBABILITY($near_overfit) }, 과대적합 { PROBABILITY($overfit) })
finding-runner-up = 확실하지 않습니다. { verdict-name }일 확률은 { PROBABILITY($probability) }, { $other ->
    [underfit] { verdict-underfit }
    [good] { verdict-good }
    [near-overfit] { verdict-near-overfit }
   *[overfit] { verdict-overfit }
}일 확률은 { PROBABILITY($other_probability) }입니다
finding-sampling-error = 이 변화의 표본 오차: ±{ FIXED($error_percent, digits: 1) }%(행별로 짝지은 표준 오차)
finding-gap = { $side ->
    [times] 검증이 훈련의 { FIXED($times, digits: 1) }배인 값으로 끝납니다
    [better] 검증이 훈련보다 { FIXED($gap_percent, digits: 1) }% 좋은 값으로 끝납니다
   *[worse] 검증이 훈련보다 { FIXED($gap_percent, digits: 1) }% 나쁜 값으로 끝납니다
}
finding-recovered = 검증이 { axis-epoch } { $top_epoch } 부근에서 { FIXED($bump_percent, digits: 1) }% 나빠졌다가 되돌아왔습니다. 되돌아오는 언덕은 과대적합이 아닙니다(이중 하강)
finding-spikes = 홀로 튀는 값 { $count }개는 추세에서 뺐습니다({ axis-epoch } { $epochs })
finding-lost = NaN 또는 무한대인 값 { $count }개를 뺐습니다
finding-schedule-ended = 학습률이 일정에 따라 { SIGNIFICANT($rate) }에서 그 { PERCENT($share, digits: 1) }까지 내려갔으므로, 곡선이 평평한 것은 데이터가 아니라 학습률 일정 때문일 수 있습니다
finding-too-little-capacity = 더 큰 모델 { $run }: 같은 행에서 검증 손실이 { ESTIMATE($lower_percent, digits: 1, unit: "%") } 더 낮습니다. 이 모델은 이 데이터에 너무 작습니다
finding-too-much-regularisation = 규제 기법을 뺀 같은 모델 { $run }: 같은 행에서 검증 손실이 { ESTIMATE($lower_percent, digits: 1, unit: "%") } 더 낮습니다. 이 모델에는 규제가 지나칩니다

## 점검의 페이지

check-what = 행 { $rows }개, 적합 { $fits }번
check-path-title = 더 단순한 설정과 더 유연한 설정
check-path-text = 더 단순한 설정이 더 나으면 과대적합, 더 유연한 설정이 더 나으면 과소적합입니다. 대괄호는 행별로 짝지은 90% 구간입니다.
check-setting = 설정
check-rows = 행
check-given-up = 행이 적은 모델은 폴드 몇 개 뒤에 그만둔 것입니다. 그 변화는 이 행들에서만 잰 것입니다.
check-change = 손실의 변화, %
check-as-is = 지금 설정
check-as-is-training = 지금 설정, 훈련 행에서
check-path-axis = 더 단순 ← 설정 → 더 유연
changed-parameter = { $change } (지금 { $now })
check-reference-constant = 상수 예측
check-reference-linear = 규제한 선형 모델
check-reference-trees = 부스팅 트리

## 추정기 점검에서 찾은 점

finding-simpler-better = 더 단순한 설정이 더 낫습니다: { $changes }. 같은 행에서 손실이 { ESTIMATE($better_percent, digits: 1, unit: "%") } 낮습니다. 더 단순한 설정 { $tried }개 가운데 고른 운은 뺐습니다. 이 차이가 뜻있을 확률: { PROBABILITY($probability) }
finding-flexible-better = 더 유연한 설정이 더 낫습니다: { $changes }. 같은 행에서 손실이 { ESTIMATE($better_percent, digits: 1, unit: "%") } 낮습니다. 더 유연한 설정 { $tried }개 가운데 고른 운은 뺐습니다. 이 차이가 뜻있을 확률: { PROBABILITY($probability) }
finding-nothing-better = 손실을 { SIGNIFICANT($limit_percent) }% 넘게 뚜렷이 낮추는 다른 설정이 없습니다. 시도한 설정: 더 단순한 것 { $simpler }개, 더 유연한 것 { $flexible }개
finding-training-ahead = 훈련 손실이 검증 손실보다 { FIXED($ahead_percent, digits: 0) }% 낮습니다. 괜찮습니다. 더 단순한 설정이 새 행에서 더 낫지 않습니다. 포레스트처럼 좋은 모델도 훈련 행은 거의 완벽하게 맞히는 일이 많습니다
finding-unknown-path = 어떤 설정이 더 단순하거나 더 유연한지 알려지지 않은 추정기입니다: { $estimator }
finding-undecided = 행이 { $rows }개뿐이라 정할 수 없습니다. 확률: { verdict-underfit } { PROBABILITY($underfit) }, { verdict-good } { PROBABILITY($good) }, { verdict-near-overfit } { PROBABILITY($near_overfit) }, { verdict-overfit } { PROBABILITY($overfit) }
finding-no-better-than-constant = 상수 예측보다 뚜렷이 나은 설정이 없습니다. 가장 나은 설정의 손실은 { ESTIMATE($better_percent, digits: 1, unit: "%") } 낮습니다
finding-interrupted = 적합 { $fits }번 뒤에 중단되었습니다. 판정은 끝난 것만 씁니다
finding-equal-rows = { $rows }개 행 가운데 { $count }개는 타깃까지 같은 행이 자기 폴드의 훈련 행에 있습니다. 손실이 새 행에서보다 좋아 보입니다
finding-one-feature = 타깃을 혼자서 예측하는 특성이 있습니다: { $feature } ({ $kind ->
    [auc] ROC 곡선 아래 넓이
   *[correlation] 순위 상관
} { FIXED($strength, digits: 3) })
finding-too-good = 검증 손실이 상수 예측의 { PERCENT($share, digits: 1) }밖에 되지 않습니다. 특성에서 타깃이 바로 나오는 것이 아니라면 너무 좋습니다
finding-other-kind-better = 다른 종류의 모델이 더 낫습니다. { $model ->
    [linear] 규제한 선형 모델
   *[trees] 기본 설정의 부스팅 트리
}의 손실이 가장 나은 설정보다 { ESTIMATE($better_percent, digits: 1, unit: "%") } 낮습니다
finding-unfinished = 훈련이 수렴하기 전에 멈췄습니다: { $estimator }
finding-chosen-on-all-rows = 매개변수를 검증 행까지 포함한 모든 행에서 골랐으므로({ $search }) 손실이 조금 낙관적입니다. 판정은 탐색이 아니라 고른 매개변수에 대한 것입니다
finding-loss-kind = { $kind ->
    [calibrated-log-loss] 확률을 주지 않는 추정기입니다. 손실은 다른 폴드에서 보정한 결정값의 로그 손실입니다
   *[zero-one] 확률도 결정값도 주지 않는 추정기입니다. 손실은 틀린 클래스의 비율입니다
}
finding-more-rows = 행을 { $times }배로 늘리면(훈련 행 { $rows }개) 손실이 { ESTIMATE($better_percent, digits: 1, unit: "%") } 낮아질 것입니다
advice-set-parameters = 설정을 바꾸세요: { $changes }. 손실이 { ESTIMATE($better_percent, digits: 0, unit: "%") } 낮아집니다
advice-name-complexity = 매개변수와 그 값을 가장 단순한 것부터 가장 유연한 것까지 차례로 주세요: complexity=("alpha", [10, 1, 0.1]) 또는 --complexity alpha=10,1,0.1
advice-keep-estimator = 이 설정을 그대로 쓰세요
advice-check-signal = 타깃과 특성을 확인하거나 행을 늘리세요. 여기에는 타깃을 뚜렷이 예측하는 것이 없습니다
advice-try-other-kind = 다른 모델을 시도하세요: { $model ->
    [linear] 규제한 선형 모델
   *[trees] 부스팅 트리
}. 손실이 { ESTIMATE($better_percent, digits: 0, unit: "%") } 낮습니다
advice-train-to-convergence = 훈련이 수렴할 때까지 max_iter를 늘리거나 특성의 크기를 맞추세요
advice-group-equal-rows = 같은 행을 없애거나 groups로 묶으세요
advice-check-feature = 예측할 때 알 수 있는 특성인지 확인하세요: { $feature }. 알 수 없다면 타깃이 새는 것이므로 빼세요
advice-check-leak = 타깃에서 계산된 특성이 있는지 찾아보세요
advice-train-on-more-rows = 더 많은 행으로 훈련하세요. { $times }배로 늘리면 손실이 { ESTIMATE($better_percent, digits: 0, unit: "%") } 낮아질 것입니다
advice-add-rows-or-folds = 더 많은 행으로 점검하세요. 지금은 잡음이 더 커서 변화가 보이지 않습니다

## What a reader of logs had to decide

watch-line = { $verdict }{ $probability ->
        [none] {""}
       *[other] {" "}{ PERCENT($probability) }
    } · { $line } · { $metric } { SIGNIFICANT($last, digits: 4) }, 값 { $points }개{ $best ->
        [none] {""}
       *[other] , 가장 좋은 곳 { $best }
    }
read-summary = { $reader ->
        [notebook] 노트북의 출력
        [console] 콘솔 출력
        [text-table] 텍스트 표
        [printed-dict] 출력된 dict
        [csv] CSV
        [json] JSON
        [json-lines] JSON 줄
        [tensorboard] 텐서보드 이벤트
       *[other] { $reader }
    }(으)로 읽음: { $validation } 값 { $points }개, { $first ->
        [none] 유한한 수가 없음
       *[number] { SIGNIFICANT($first, digits: 4) }에서 { SIGNIFICANT($last, digits: 4) }까지
    }{ $train ->
        [none] . 같은 지표의 훈련 곡선은 없습니다
       *[other] , 훈련은 { $train }
    }.
read-text-column = { $column }: { $unit ->
    [line] { $number }번째 줄
    [record] { $number }번째 레코드
   *[row] { $number }번째 행
}의 값 { $value }: 숫자가 아니어서 이 열을 뺐습니다.
read-not-whole = { $columns }: 정수가 아닌 행이 있어 행의 순서를 에포크로 셌습니다.
read-diverged = { $metric }: { axis-epoch } { $epoch }부터 끝까지 비어 있습니다. 발산한 것으로 보고 NaN으로 읽었습니다.
read-zeros = { $column }: 값 { $count }개가 규칙적으로 0입니다. 검증하지 않은 에포크로 봅니다.
read-repeated = { $column }: 값 { $count }개가 같은 에포크나 스텝에 다시 기록되었습니다. 마지막 값을 씁니다.
read-epoch-mean = { $column }: 에포크마다 배치별 손실이 여러 번 기록되었습니다. 그 평균을 씁니다.
read-epoch-last = { $column }: 에포크마다 여러 번 기록되었습니다. 누적 평균처럼 마지막 값을 씁니다.
read-not-judged = 같은 훈련의 다른 기록 { $count }개는 판정하지 않았습니다: { $files }.
read-test-as-validation = { $columns }: 알려진 검증 손실이나 점수의 기록이 없어 이 열 { $count }개를 검증으로 씁니다.
read-set-alone = { $column }이(가) 유일한 세트이므로 검증으로 사용했습니다. 훈련 행이라면 eval_set에 검증 행도 전달하세요.
read-steps-of-epochs = 스텝이 에포크마다 다시 시작되므로 값을 기록된 순서로 셌습니다.
read-header-again = { $line }번째 줄은 열 이름을 되풀이하므로 뺐습니다.
read-restart-continued = 에포크가 { $after } 다음에 { $epoch }부터 다시 시작합니다: 한 실행으로 이어서 셉니다 (둘로 나누려면 --restart split).
read-restart-split = 에포크가 다시 시작합니다: 실행 { $count }개로 읽었습니다 (하나로 이으려면 --restart continue).
read-cut-off = 마지막 줄({ $line }번째)은 잘려 있어 뺐습니다.
read-text-below = 표 아래 { $line }번째 줄부터의 글은 뺐습니다.
read-fewer-values = { $column }: 에포크 { $rows }개에 값이 { $count }개입니다. { $every }개마다 하나로 읽었습니다.
read-broken-events = { $file }: 이벤트 { $events }개 뒤에서 잘렸거나 깨져 있습니다. 그 앞까지 읽었습니다.
read-no-events = { $file }: 텐서보드의 이벤트 파일이 아니거나 시작부터 깨져 있습니다.
read-no-steps = { $columns }: 모든 값의 스텝이 같거나 정수가 아닌 스텝이 있어, 기록된 순서로 셌습니다.
read-no-curves = 곡선이 없는 실행 { $count }개를 뺐습니다: { $runs }.
read-final-values = 이름마다 값이 하나뿐이고 곡선이 없습니다. 모든 에포크의 기록을 주세요(Hugging Face: trainer_state.json).
read-study-verdict = 모든 검증 행의 손실을 아는 스터디의 판정입니다. 에포크는 스터디처럼 1부터 셉니다.
read-steps-moved = 검증의 스텝은 훈련과 다르게 세어져 있어, 각 값을 바로 앞 훈련 스텝에 놓았습니다.

## Advice

advice-choose-weights = 예측 클래스만 필요하면 마지막 가중치를, 확률이 필요하면 가장 좋았던 { axis-epoch }의 가중치를 쓰세요
advice-calibrate = 레이블 스무딩이나 온도 스케일링을 해 보거나, 여느 과대적합처럼 규제하세요
advice-keep-best-weights = 가장 좋았던 { axis-epoch }의 가중치를 쓰세요(조기 종료 후 되돌리기)
advice-more-rows-or-regularise = 행이 더 있으면 더 많은 행으로 훈련하고, 없으면 드롭아웃에 약한 L2 규제를 더하거나 모델을 줄여 보세요
advice-train-longer = 더 훈련하세요. { axis-epochs } 적어도 두 배로 늘리거나 학습률을 높이세요
advice-larger-model-if-level = 훈련도 평평해지면 더 큰 모델이나 더 약한 규제를 시도하세요
advice-stop-here = 여기서 멈추세요. { axis-epochs } 늘려도 훈련과 검증의 차이만 벌어집니다
advice-more-rows-or-some-regularisation = 행을 늘리거나 적당히 규제하면 훈련에서만 나아지던 것이 검증에서도 나아질 수 있습니다
advice-keep-model = 이 모델을 그대로 쓰세요
advice-try-larger-model = 더 큰 모델을 시도해 보세요. 나아지지 않으면 이 크기로 충분합니다
advice-use-other-model = 대신 { $run }을(를) 쓰세요
advice-log-more-epochs = 더 많은 { axis-epoch } 동안 훈련하거나 검증을 더 자주 기록하세요
advice-keep-weights-before = 뛰어오르기 전의 가중치를 쓰세요
advice-look-at-change = 그 { axis-epoch }에 무엇이 바뀌었는지 찾아보세요. 학습률, 데이터, 다시 시작 등입니다
advice-stabilise-training = 학습률을 낮추거나 그레이디언트를 자르고, 입력에 NaN이나 극단적인 값이 있는지 살펴보세요
advice-check-training = 모델이 훈련되고 있기는 한지 학습률, 레이블, 죽은 유닛을 살펴보세요
advice-validate-on-more-rows = 더 많은 행으로 검증하거나 더 오래 훈련하세요. 지금은 잡음이 더 커서 변화가 보이지 않습니다

## Minutes of a study

budget-minutes = 스터디 시간이 { $minutes }분이었습니다. 시간이 더 있으면 답이 바뀔 수 있습니다.{ $again ->
    [true] {" "}이어서 하려면 같은 명령을 실행하세요.
   *[false] {""}
}
budget-rows = 훈련 행 { $rows }개 가운데 { $used }개를 썼습니다.
more-names = { $more ->
    [0] .
   *[other] {" "}외 { $more }개.
}
budget-left-out = 모델 { $count }개는 훈련하지 않았습니다: { $names }{ more-names }
budget-fewer-seeds = 모델 { $count }개는 일부 시드로만 훈련했습니다: { $names }{ more-names }
budget-shortened = 모델 { $count }개는 시간이 다 되어 끝났으므로 너무 일렀을 수 있습니다: { $names }{ more-names }
budget-not-cross-validated = 후보 { $count }개는 교차 검증하지 않았습니다: { $names }{ more-names }

## Conclusions of a study

conclusion-interrupted = 스터디가 중단되었습니다. 끝난 실험만으로 낸 결과입니다. 이어서 하려면 같은 명령을 실행하세요.
conclusion-turn = { $run }: 에포크 { ESTIMATE($onset, digits: 0) }
conclusion-turns = { $larger_sooner ->
    [true] 큰 모델일수록 일찍 과대적합합니다. 검증 손실이 다시 오르기 시작한 에포크
   *[false] 검증 손실이 다시 오르기 시작한 에포크
}: { $turns }.
conclusion-run-verdict = { $run } { verdict-name }{ $verdict ->
    [inconclusive] {""}
   *[other] ({ PERCENT($probability) })
}
conclusion-regularised = { $less ->
    [true] 규제한 모델은 과대적합이 덜합니다
   *[false] 규제한 모델
}: { $verdicts }. 규제 기법이 없는 같은 모델: { $own }.
conclusion-together = { $treatment }({ $run })을(를) 함께 쓰면 이 행들에서 { $against }의 모든 변형 중 손실이 가장 낮습니다. 이 기법들이 없는 가장 좋은 에포크보다 { $clear ->
    [true] 뚜렷하게
   *[false] (뚜렷하지는 않게)
} { ESTIMATE($lower) } 낮습니다.
conclusion-effect = { $kind ->
    [early-stopping] { conclusion-early-stopping }
    [smaller-model] 더 작은 모델({ $run })
   *[treatment] { $treatment }
} { ESTIMATE($lower_percent, digits: 1, unit: "%") }
conclusion-effects = { $effects ->
    [none] 검증 손실을 뚜렷이 낮추는 규제 기법이 없습니다(비교 기준 { $run }).
   *[some] 검증 손실이 낮아진 정도(비교 기준 { $run }): { $effects }.
}
conclusion-unit-count = { $kind ->
    [time] 이어진 시간({ $column })의 구간 { $count }개
   *[group] { $column }의 그룹 { $count }개
}
conclusion-units = 검증 행 { $rows }개는 { conclusion-unit-count }에 있습니다. 같은 { $kind ->
    [time] 구간
   *[group] 그룹
}의 행은 { $alike ->
    [true] 서로 비슷하므로 독립인 행 { $effective }개에 해당합니다. 여기의 모든 구간과 검정은 이를 반영합니다.
   *[false] 다른 행보다 더 비슷하지 않으므로 독립인 행 { $effective }개에 해당합니다.
}
conclusion-units-few = 검증 행 { $rows }개는 { conclusion-unit-count }에 있고, 크기가 같다면 { FIXED($effective, digits: 1) }개에 해당합니다. 새 { $kind ->
    [time] 시간
   *[group] 그룹
}에 대해 말하려면 적어도 { $least }개가 필요합니다. 그래서 구간도 비교도 없습니다. 손실은 이 행들에 대한 것일 뿐입니다. --validation이나 더 많은 행으로 더 많은 { $kind ->
    [time] 행
   *[group] 그룹
}에서 검증하세요.
conclusion-units-drift = 검증 행 { $rows }개의 시간({ $column }) 내내 타깃이 서서히 변합니다. 긴 구간 { $count }개도 이웃 구간과 비슷합니다. 학습과 우연한 변화를 구별할 수 없습니다. 그래서 구간도 비교도 없습니다. 손실은 이 행들에 대한 것일 뿐입니다. 수준 대신 변화를 예측하거나, --validation이나 더 많은 행으로 더 긴 시간에서 검증하세요.
conclusion-tie = 구별되지 않음: 검증 행 { $rows }개로는 { $all }개 가운데 { $count }개를 가장 좋은 모델과 구별할 수 없습니다: { $names }{ more-names }
conclusion-baseline = { $others ->
    [none] { $last }
   *[some] { $others }, { $last }
}: 검증 손실이 { $place ->
    [lower] 모든 신경망보다 { $missing ->
        [true] 낮으므로, 신경망이 데이터에서 놓치는 것이 있습니다.
       *[false] 낮습니다.
    }
    [maybe-lower] 모든 신경망보다 낮지만, 그 차이는 우연일 수 있습니다.
    [maybe-higher] 가장 좋은 신경망보다 높지만, 그 차이는 우연일 수 있습니다.
   *[higher] 가장 좋은 신경망보다 높습니다.
}
conclusion-run-loss = { $run } ({ FIXED($loss) })
conclusion-finalists = 행 { $rows }개로 교차 검증한 손실이 가장 낮은 모델: { $finalists }.
conclusion-expected = 새 행에서 예상되는 손실 { ESTIMATE($loss) }{ $score ->
    [accuracy] , 정확도 { ESTIMATE($value, digits: 1, scale: 100, unit: "%") }.
    [r2] , R² { ESTIMATE($value, digits: 1, scale: 100, unit: "%") }.
   *[none] .
}
conclusion-expected-units = 타깃의 단위로: RMSE { $rmse }, MAE { $mae }.
conclusion-test-units = 타깃의 단위로: { $run }의 RMSE { $rmse }, MAE { $mae }{ $compared ->
    [true] , { $baseline }은(는) { $baseline_rmse }, { $baseline_mae }.
   *[false] .
}
conclusion-loss-here = 검증 손실은 { FIXED($loss) }입니다. 새 행에서 얼마일지는 알 수 없습니다.
conclusion-selection-loss = 검증 손실 { FIXED($loss) }{ $mean ->
    [true] (행의 절반씩, 나머지 절반이 고른 가중치의 평균으로 예측했습니다).
   *[false] (모델을 고른 행에서 잰 값이라 실제보다 좋게 보입니다).
}
conclusion-no-lower-than-constant = 예상되는 손실이 모든 행에 같은 답을 낼 때의 손실({ FIXED($loss) })보다 낮지 않습니다{ $learnt ->
    [true] . 다만 행의 순위는 우연보다 잘 매깁니다.
   *[false] .
}
conclusion-test = 훈련과 모델 선택에 쓰지 않은 테스트 행 { $rows }개: { $run }의 손실 { FIXED($loss) }{ $score ->
    [r2] , R² { PERCENT($share, digits: 1) }
    [accuracy] , 정확도 { PERCENT($share, digits: 1) }
   *[none] {""}
}{ $compared ->
    [true] . { $baseline }의 손실 { FIXED($baseline_loss) }{ $score ->
        [none] {""}
       *[known] , { PERCENT($baseline_share, digits: 1) }
    }
   *[false] {""}
}{ $difference ->
    [none] .
   *[known] . 손실의 차이: { ESTIMATE($difference, signed: 1) }.
}
conclusion-gain = 개선: 손실의 { FIXED($percent, digits: 1) }%
conclusion-leak = { $finding }. { $remedy }.
conclusion-next = 다음: { $step }
conclusion-recommended = 추천 모델: { $run }
conclusion-member = { $run } ({ PERCENT($weight) })
conclusion-members = 다음 예측의 가중 평균으로 예측합니다: { $members }. 가중치는 훈련에 쓰지 않은 행으로 정했습니다.
conclusion-next-step = { $step }{ $gain_percent ->
    [none] {""}
   *[known] {" "}개선: 손실의 { FIXED($gain_percent, digits: 1) }%.
}
conclusion-size-growing = 가장 큰 모델 { $run }(매개변수 { $parameters }개)이(가) 더 작은 모든 모델보다 표준 오차 넘게 좋습니다. 더 큰 모델은 더 좋을 수도 있습니다.
conclusion-size-growing-unsure = 가장 큰 모델 { $run }(매개변수 { $parameters }개)의 손실이 모든 크기 가운데 표준 오차 넘게 낮지만, { $near }보다 뚜렷이 좋지는 않습니다. 더 큰 모델은 더 좋을 수도 있습니다.
conclusion-size-best = 규제 없는 크기 가운데 { $run }(매개변수 { $parameters }개)이(가) 가장 좋습니다.{ $smaller ->
    [true] {" "}표준 오차 안에 드는 더 작은 모델은 없습니다.
   *[false] {" "}가장 작은 모델입니다.
}
conclusion-size-smallest = 규제 없는 크기 가운데 { $run }(매개변수 { $parameters }개)이(가) 가장 좋은 모델 { $best }({ $best_parameters }개)의 표준 오차 안에 드는 가장 작은 모델입니다. 검증 손실의 차이는 { FIXED($difference) } ± { FIXED($error) }입니다.
conclusion-smaller-worse = { $smaller ->
    [true] {" "}더 작은 신경망은 모두 표준 오차나 { PERCENT($limit, digits: 1) }보다 더 나쁩니다.
   *[false] {""}
}
conclusion-lowest-loss = 모든 모델 중에서 검증 손실이 가장 낮습니다.{ conclusion-smaller-worse }
conclusion-smallest-loss = 가장 좋은 모델 { $best }의 표준 오차 안에도 { PERCENT($limit, digits: 1) } 안에도 드는 가장 단순한 모델입니다. 검증 손실의 차이는 { FIXED($difference) } ± { FIXED($error) }입니다.
conclusion-mixture-is-safer = 검증 행의 절반으로 고르고 나머지 절반으로 재면, 가장 좋은 모델 하나의 손실은 { FIXED($single) }, 이 평균의 손실은 { FIXED($mixed) }입니다.
conclusion-lowest-cross-validated = 최종 후보 { $finalists }개 중에서 교차 검증한 손실이 가장 낮습니다.{ conclusion-smaller-worse }
conclusion-smallest-cross-validated = 최종 후보 { $finalists }개 중에서 가장 좋은 모델 { $best }의 표준 오차 안에도 { PERCENT($limit, digits: 1) } 안에도 드는 가장 단순한 모델입니다. 교차 검증한 손실의 차이는 { FIXED($difference) } ± { FIXED($error) }입니다.
conclusion-measure = { $measure ->
    [rank-correlation] 순위 상관
    [loss] 손실 / 상수 답의 손실
   *[auc] AUC
}
conclusion-learnt-unsure = 추측보다 나은 모델이 있는지 확실하지 않습니다(가장 좋은 { conclusion-measure } { FIXED($value, digits: 3) }, p = { FIXED($p_value, digits: 3) }, 0.01 이하면 확실함). 검증 행이 더 많으면 알 수 있습니다.
conclusion-nothing-learnt = 여기서는 기준 모델을 포함해 추측보다 뚜렷이 나은 모델이 없습니다(가장 좋은 { conclusion-measure } { FIXED($value, digits: 3) }, p = { P_VALUE($p_value) }). 그래서 가장 작은 신경망을 골랐습니다.
conclusion-early-stopping = 조기 종료(가장 좋은 에포크를 마지막 에포크와 비교)
conclusion-smaller-model = 더 작은 모델
conclusion-test-rows-reused = 이 테스트 행은 { $day }에 이미 쓰였습니다({ $run }). 수치는 그때의 것입니다.
conclusion-rows-times = 행이 { $times }배({ $rows }개)라면
conclusion-rows-unknown = { conclusion-rows-times } 이 크기들만으로는 예측할 수 없습니다.
conclusion-rows-forecast = { conclusion-rows-times } { $new_rows ->
    [true] 새 행에서의
   *[false] 이 검증 행에서의
} 손실 { ESTIMATE($loss) }, 개선 { ESTIMATE($better, digits: 1, unit: "%") }.
conclusion-rows-too-few-sizes = { conclusion-rows-unknown } 손실을 아는 크기가 { $count }개({ $sizes }행)입니다. 학습 곡선에는 적어도 { $least }개가 필요합니다.
conclusion-rows-not-finite = { conclusion-rows-unknown } { $sizes ->
    [none] 손실들이 너무 멀리 떨어져 있어 흩어진 정도를 계산할 수 없습니다. 훈련이 발산했습니다.
   *[other] { $sizes }행에서의 손실이 NaN 또는 무한대입니다. 훈련이 발산했습니다.
}
conclusion-rows-not-positive = { conclusion-rows-unknown } { $at }행에서의 손실이 { SIGNIFICANT($lowest, digits: 6) }입니다. 손실의 비율을 따지려면 0보다 커야 합니다.
conclusion-rows-rising = { conclusion-rows-unknown } 행이 늘자 나빠졌습니다. 손실이 { $fewer }행에서 { SIGNIFICANT($before, digits: 4) }, { $more }행에서 { SIGNIFICANT($after, digits: 4) }입니다(표준 오차의 { FIXED($errors, digits: 1) }배만큼 증가).
conclusion-rows-flat = { conclusion-rows-unknown } 손실이 뚜렷이 내려가지 않습니다. { $fewer }행에서 { SIGNIFICANT($before, digits: 4) }, { $more }행에서 { SIGNIFICANT($after, digits: 4) }입니다(표준 오차의 { FIXED($errors, digits: 2) }배만큼만 감소, { $limit }배 미만은 우연일 수 있음).
conclusion-rows-unbounded = { conclusion-rows-unknown } { $first }행에서 { $last }행까지의 손실로는 지수의 범위를 정할 수 없습니다. 손실이 { FIXED($low, digits: 1) }%에서 { FIXED($high, digits: 0) }%까지 얼마든지 낮아질 수 있습니다.
next-train-longer = 에포크를 두 배로 늘려 훈련하세요({ $run }). 검증 손실이 아직 내려가고 있습니다.
next-larger-model = { $run }보다 큰 모델을 시도하세요. 마지막으로 키웠을 때에도 손실이 낮아졌습니다.
next-beat-baseline = 기준 모델 { $run }의 검증 손실이 더 낮습니다. 더 나은 신경망을 찾으세요. 배울 것이 더 있습니다.
next-try-treatment = { $treatment }({ $run })도 시도해 보세요. 이 행들에서는 더 좋지만 우연일 수 있습니다.
next-more-rows = 더 많은 행으로 훈련하세요. { conclusion-rows-times } 새 행에서 예상되는 손실은 { ESTIMATE($loss) }입니다.

## Tables and their columns

column-kind-number = 숫자
column-kind-category = 범주
column-kind-date = 날짜
column-kind-text = 글
column-kind-empty = 빈 열
column-kind-constant = 상수
column-kind-identifier = 식별자
column-kind-group = 그룹
column-kind-time = 시간
column-kind-weight = 가중치
column-kind-dropped = 뺀 열
column-number = 숫자
column-number-centred = { SIGNIFICANT($origin, digits: 16) }을(를) 뺀 숫자: 값들이 뒤쪽 자리에서만 다릅니다
column-number-formatted = { $pattern } 형식으로 쓴 숫자
column-number-brackets = { $pattern } 형식으로 쓴 숫자, 음수는 괄호 안에
column-numbers-read = { $column }: { $example } 같은 숫자를 { $value }(으)로 읽었습니다. 숫자가 아니라면 --column "{ $column }=text"를 쓰세요(또는 category, drop)
target-numbers-read = { $column }: { $example } 같은 숫자를 { $value }(으)로 읽었습니다. 클래스라면 --task multiclass를 쓰세요
numbers-ambiguous = { $column }: { $example }, 읽은 값은 { $other } 아닌 { $value }입니다. 이유: { $reason ->
    [comma-groups] 모든 쉼표 뒤에 숫자가 세 개씩 있습니다
    [point-groups] 유로 금액에는 소수점 아래 세 자리가 없습니다
    [file] 파일의 다른 열에서 소수점을 이렇게 씁니다
   *[decimal-point] 점은 보통 소수점입니다
}. 틀렸다면 숫자와 소수점만으로 쓰세요
column-numbers-ambiguous = { numbers-ambiguous }. 숫자가 아니라면 --column "{ $column }=text"를 쓰세요(또는 category, drop)
target-numbers-ambiguous = { numbers-ambiguous }. 클래스라면 --task multiclass를 쓰세요
column-category-one = 값이 { $category }이면 1, 아니면 0
column-category = 범주 { $count }개마다 특성 하나
column-date = 날짜의 각 부분을 숫자로
date-first = { $order ->
    [month] 월
   *[day] 일
}
column-date-order = 날짜의 각 부분을 숫자로({ date-first } 먼저로 읽음)
column-text = 글자의 나열을 특성 { $count }개로
column-empty = 뺐습니다: 값이 있는 훈련 행이 없습니다
column-same-digits = 뺐습니다: 모든 훈련 행의 값이 앞 15자리까지 같고, 그보다 긴 숫자는 쓸 수 없습니다
column-constant = 뺐습니다: 훈련 행의 값이 모두 같습니다
column-identifier = 뺐습니다: 행 번호나 키처럼 거의 모든 훈련 행마다 값이 다릅니다. 쓰려면 --keep을 주세요
column-group = 뺐습니다: 어떤 행을 한쪽에 모을지 정하는 열입니다
column-time = 뺐습니다: 행의 시간 순서를 정하는 열입니다
column-weight = 뺐습니다: 행의 가중치를 정하는 열입니다
column-dropped = 요청대로 뺐습니다
gaps-marked = { $marked ->
    [true] . 빠진 곳을 표시하는 특성을 더했습니다
   *[other] {""}
}
column-gaps-median = 빠진 값 { $count }개를 훈련 행의 중앙값으로 채웠습니다{ gaps-marked }
column-gaps-zero = 빠진 값 { $count }개는 모든 특성에서 0입니다{ gaps-marked }
rows-split-given = 검증 행이 따로 주어졌습니다
table-split-random = 시드 { $seed }번으로 무작위 추출
table-split-stratified = 시드 { $seed }번으로 무작위 추출, 클래스 비율 유지
table-split-order = 표의 순서대로: 처음 행들로 검증하고, 다음 행들로 훈련{ $test ->
    [true] 하며, 그 뒤의 행들로 테스트
   *[other] {""}
}
table-split-group = 그룹별({ $column }): 값이 같은 행은 모두 한쪽에 두며, 시드 { $seed }번으로 무작위 추출
table-split-time = 시간순({ $column }): 가장 이른 행들로 훈련하고, 나중 행들로 검증{ $test ->
    [true] 하며, 가장 늦은 행들로 테스트
   *[other] {""}
}
table-weights = 행 가중치({ $column }): 모든 손실과 점수는 가중 평균입니다
rows-part = { $part ->
    [train] 훈련
    [test] 테스트
   *[validation] 검증
}
table-weights-effective = { rows-part } 행 { $rows }개의 유효 표본 크기: { $effective }개
table-class-weights = 훈련 손실에서만 모든 클래스의 비중이 같습니다. 그래서 예측 확률이 드문 클래스 쪽으로 치우칩니다
table-repeated-rows = { rows-part } 행 { $rows }개 가운데 { $count }개({ PERCENT($share, digits: 1) })가 훈련 행에도 있습니다{ $known ->
    [true] (우연이라면 { $chance }개)
   *[false] { "" }
}. 그래서 결과가 새 행에서보다 좋아 보입니다. --group을 쓰거나 그 행들을 빼세요
table-similar-classes = 클래스 { $classes }은(는) 대소문자나 공백만 다르지만 서로 다른 클래스로 셉니다. 같은 클래스라면 똑같이 쓰세요
calendar-day = { $month }월 { $day }일
table-ambiguous-dates = { $column }의 { $example } 값, 읽은 날짜: { $date }({ date-first } 먼저). { $other }일 수도 있습니다. 날짜를 연, 월, 일 순서로 쓰세요
table-on-disk = 훈련 행 { $rows }개는 디스크에 두고 블록 단위로 섞습니다. 열의 종류는 그중 { $sampled }개로 판단했고, 기준 모델은 { $fitted }개로 학습했습니다
rows-on-disk = 로더의 훈련 행 { $rows }개는 디스크에 두고 블록 단위로 섞습니다
table-decimal-comma = 쉼표를 소수점으로 보고 숫자를 읽었습니다.


## Errors and warnings

