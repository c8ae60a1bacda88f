"""Key to the English and the Japanese words of it."""

from __future__ import annotations

from ce_nas.report.i18n.catalogue_bench import BENCH
from ce_nas.report.i18n.catalogue_board import BOARD
from ce_nas.report.i18n.catalogue_pilot import PILOT
from ce_nas.report.i18n.catalogue_watch import WATCH
from ce_nas.report.i18n.catalogue_why import WHY

__all__ = ["CATALOGUE"]

CATALOGUE: dict[str, tuple[str, str]] = {
    **WHY,
    **BENCH,
    **BOARD,
    **PILOT,
    **WATCH,
    # of every page
    "comma": (", ", "、"),
    "skip": ("To the content", "本文へ"),
    "contents": ("Contents", "目次"),
    "copy": ("Copy the table", "表をコピー"),
    "copied": ("Copied", "コピーしました"),
    "made_by": (
        "Made by ce-nas from the run's journal alone. The page needs no network.",
        "ce-nas が実行の記録だけから作成。ネットワーク接続は不要です。",
    ),
    "notebook.more": ("and {count} more", "ほか {count} 行"),
    "unknown": ("not known", "不明"),
    "none": ("none", "なし"),
    "all": ("all", "合計"),
    "share": ("share", "割合"),
    "nothing_yet": ("Nothing has happened yet.", "まだ何も記録されていません。"),
    "figures_in_english": (
        "No font with Japanese glyphs is installed, so the PNG figures are labelled in English.",
        "日本語フォントが見つからないため、PNG の図の文字は英語です。",
    ),
    # a run
    "run.title": (
        "{benchmark}: {policy} with {searcher}, seed {seed}",
        "{benchmark}:方策 {policy}、探索 {searcher}、シード {seed}",
    ),
    "run.lead": (
        "From {start} UTC, {hours} h on {gpus} GPUs. {stop}",
        "{start} UTC から {hours} 時間、GPU {gpus} 台。{stop}",
    ),
    "section.glance": ("At a glance", "概要"),
    "section.answer": ("Which network to take", "どのネットワークを選ぶか"),
    "section.hours": ("The grid and the GPUs, hour by hour", "電力系統と GPU の時間ごとの推移"),
    "section.course": ("What was found for what", "費やした時間と炭素に対する成果"),
    "section.cost": ("Cost", "コスト"),
    "section.budgets": ("Budgets, and how the run ended", "予算と終了理由"),
    "section.settings": ("Settings and seeds", "設定とシード"),
    "section.basis": ("What this is based on", "数値の根拠"),
    "carbon": ("Carbon", "炭素排出量"),
    "co2eq": ("CO2eq", "CO2eq"),
    "energy": ("Energy", "エネルギー"),
    "energy.pue": ("energy with PUE", "エネルギー(PUE 込み)"),
    "with_pue": ("from the grid, PUE included", "系統からの受電量、PUE 込み"),
    "gpu_hours": ("GPU-hours", "GPU 時間"),
    "of_hours": ("held, in {hours} h with {gpus} GPUs", "{hours} 時間・GPU {gpus} 台のうちの占有分"),
    "trainings": ("Full trainings", "完全な学習の回数"),
    "functions": (" ({count} different functions)", "(異なる関数は {count} 個)"),
    "samples": ("Scored cheaply", "低コスト評価の数"),
    "hypervolume": ("Hypervolume", "ハイパーボリューム"),
    "of_maximum": ("{share} of the table's maximum", "表の最大値の {share}"),
    "money": ("Money", "費用"),
    "money.note": ("in the currency of your prices", "指定した価格の通貨単位"),
    "book.full": ("full book", "全量帳簿"),
    "book.paper": ("paper's book", "論文の帳簿"),
    # what it saved
    "section.saved": ("What was saved, and against what", "何に比べてどれだけ削減したか"),
    "saved.work": (
        (
            "The work of this run: {time} of GPU time in training and sampling, at {power} W a GPU, PUE included. What the same work "
            "would have cost on the same grid, with the same {gpus} GPUs and within the same {deadline}:"
        ),
        (
            "この実行の作業量:学習とサンプリングに GPU 時間で合計 {time}、GPU 1 台あたり {power} W(PUE 込み)。"
            "同じ系統・同じ GPU {gpus} 台・同じ期限 {deadline} で同じ作業をした場合の炭素量は次のとおりです。"
        ),
    ),
    "saved.less": (
        "Against the same work, **{way}** ({other}), the run needed {run}: **{share} less**.",
        "**{way}**({other})に対し、この実行は {run}:**{share} 少ない**。",
    ),
    "saved.more": (
        "Against the same work, **{way}** ({other}), the run needed {run}: **{share} more**, so it saved nothing there.",
        "**{way}**({other})に対し、この実行は {run}:**{share} 多く**、削減にはなっていません。",
    ),
    "saved.alike": (
        "Against the same work, **{way}** ({other}), the run needed {run}: no difference to speak of ({share}).",
        "**{way}**({other})に対し、この実行は {run}:実質的な差はありません({share})。",
    ),
    "saved.oracle": (
        (
            "The most that the right hours could have saved, with the future known: {carbon}, {share} less than starting at "
            "once."
        ),
        "未来が分かっていた場合の下限:{carbon}(すぐに始める場合より {share} 少ない)。",
    ),
    "saved.caption": (
        (
            "The same work under other rules; shares are grams saved against starting at once, from the run's own start, and "
            "over {starts} starts on other days (median [lowest, highest])"
        ),
        (
            "同じ作業を別の規則で行った場合。割合は「すぐに始める」に対する削減率:実際の開始時刻、"
            "および日をずらした {starts} 通りの開始(中央値 [最小, 最大])"
        ),
    ),
    "saved.way": ("how", "方法"),
    "saved.done": ("done after", "完了まで"),
    "saved.own_start": ("saved", "削減率"),
    "saved.all_starts": ("saved over all starts", "全開始での削減率"),
    "saved.how": (
        (
            "Trainings and samplings are one heap of work that can be left and gone on with each period, at the run's own "
            "prices for checkpoints and start-ups. Threshold, heuristic and look-ahead see the past and the forecast "
            "({forecaster}) alone, the oracle the truth; all are made to work where they would miss the deadline. They hold "
            "no idle GPU, which a run now and then must: the saving of the run is rather understated."
        ),
        (
            "学習とサンプリングを、期間ごとに中断・再開できる一つの作業とみなし、保存と起動の費用はこの実行と同じとします。"
            "閾値・ヒューリスティック・先読みは過去と予測({forecaster})だけを、オラクルは実際の値を見ます。"
            "期限に遅れる場合は全 GPU を動かします。待機 GPU は持たないと仮定するため、この実行の削減量は控えめに出ます。"
        ),
    ),
    "saved.not_in": (
        (
            "What the searcher saved by needing fewer trainings is not in here: that takes runs beside one another "
            "(`ce-nas compare`, `ce-nas bench equal-quality`)."
        ),
        (
            "探索が学習回数を減らした効果は含みません。それには実行どうしの比較が必要です"
            "(`ce-nas compare`、`ce-nas bench equal-quality`)。"
        ),
    ),
    "saved.fixed": (
        (
            "On other days the rules decide anew, while the run is taken to divide its GPUs hour for hour as it did: that is "
            "how much of its saving the luck of its own days was."
        ),
        (
            "他の日では各規則は改めて判断しますが、この実行は割り当てを時間ごとにそのまま移します。"
            "削減のうち、その日の運がどれだけだったかを示します。"
        ),
    ),
    "saved.later": (
        "Not worked out yet: `ce-nas report RUN` adds what the same work would have cost at other hours.",
        "未計算です。`ce-nas report RUN` で、同じ作業を他の時間に行った場合の炭素量を追加します。",
    ),
    "saved.unknown": ("That cannot be told: {reason}", "計算できません:{reason}"),
    "rule.run": ("this run", "この実行"),
    "rule.at-once": ("started at once", "すぐに始める"),
    "rule.threshold": ("threshold", "閾値"),
    "rule.heuristic": ("heuristic", "ヒューリスティック"),
    "rule.look-ahead": ("look-ahead", "先読み"),
    "rule.oracle": ("oracle", "オラクル"),
    "chart.saved": ("Grams of the same work", "同じ作業の炭素排出量"),
    # its answer
    "no_training": (
        "No training was finished, so there is no answer yet.",
        "完了した学習がないため、まだ答えはありません。",
    ),
    "architecture": ("architecture", "アーキテクチャ"),
    "pick.which": ("**Take** `{architecture}`: {values}.", "**推奨**:`{architecture}`({values})。"),
    "pick.why": (
        (
            "Why this one: nothing is known of what the network is for, so the one is taken whose largest sacrifice is the "
            "smallest. Where 0 % is the front's best value and 100 % its median, it stands at {losses}. If one objective "
            "matters more to you, take another row of the table, which is sorted by {first}."
        ),
        (
            "この一つを選ぶ理由:用途が不明なため、最も大きな譲歩が最小になるものを選びました。"
            "フロントの最良値を 0 %、中央値を 100 % とすると、{losses} の位置にあります。"
            "特定の目的を重視する場合は、表({first} の順)から別の行を選んでください。"
        ),
    ),
    "pick.only": (
        "Why this one: it is the only one on the front; more trainings would tell more.",
        "この一つを選ぶ理由:フロント上にあるのはこれだけです。学習を増やせば選択肢が増えます。",
    ),
    "pick.loss": ("{name} {share}", "{name} {share}"),
    "short.carbon": (
        (
            "The search emitted **{carbon} CO2eq** with {energy} of electricity (the full book: all that every GPU drew while "
            "it was held, times PUE, at the grid's true intensity)."
        ),
        (
            "この探索の排出量は **{carbon} CO2eq**、電力量は {energy} です"
            "(全量帳簿:占有した全 GPU の消費に PUE を掛け、実際の系統強度で計算)。"
        ),
    ),
    "failures": (
        "{count} times a task failed; {given_up} of them it was given up. The last one said: `{words}`",
        "タスクが {count} 回失敗し、うち {given_up} 回は断念しました。最後の内容:`{words}`",
    ),
    "picked": ("taken", "推奨"),
    "on_front": ("on the front", "フロント上"),
    "front.caption": (
        "{count} evaluated architectures{same} that no other one beats in everything",
        "すべての目的で他に劣らない、評価済みアーキテクチャ {count} 個{same}",
    ),
    "chart.front": ("The front", "パレートフロント"),
    "alt.front": ("The front of {count} architectures. Its ends:", "{count} 個のアーキテクチャからなるフロント。両端:"),
    # its hours
    "hours.text": (
        "Decisions see the past and its forecast; the books are kept with the true intensity.",
        "判断に使うのは過去の実績とそれに基づく予測だけです。帳簿は実際の炭素強度で計算します。",
    ),
    "hours.caption": ("Every hour in numbers", "各時間の数値"),
    "moves.caption": (
        "The search moved between sites; checkpoints and start-ups are not counted here, but in the cost",
        "探索を実行した拠点の移動。チェックポイントと起動の分はここではなくコストに含まれます",
    ),
    "moves.there": ("there after", "到着時刻"),
    "moves.left": ("from", "移動元"),
    "moves.site": ("to", "移動先"),
    "moves.took": ("took", "所要時間"),
    "from": ("from", "開始"),
    "grid": ("grid g/kWh", "系統 g/kWh"),
    "forecast": ("forecast", "予測"),
    "true": ("true", "実際"),
    "band": ("{share} of the forecast", "予測の {share} 区間"),
    "evaluating": ("evaluating", "評価"),
    "sampling": ("sampling", "サンプリング"),
    "idle": ("idle", "待機"),
    "released": ("released", "解放"),
    "trainings_so_far": ("trainings so far", "累計学習回数"),
    "gpus": ("GPUs", "GPU 台数"),
    "hours_since": ("hours since the start", "開始からの時間 [h]"),
    "synthetic": ("synthetic typical year", "合成した標準年"),
    "chart.grid": ("Carbon intensity of the grid: {zone}", "系統の炭素強度:{zone}"),
    "chart.division": ("What the GPUs did", "GPU の割り当て"),
    "alt.grid": (
        "Carbon intensity over {hours} hours, between {low} and {high} g CO2eq/kWh.",
        "{hours} 時間の炭素強度。{low} から {high} g CO2eq/kWh の間。",
    ),
    "alt.division": (
        "GPU-hours evaluating {evaluating}, sampling {sampling}, idle {idle}, released {released}.",
        "GPU 時間:評価 {evaluating}、サンプリング {sampling}、待機 {idle}、解放 {released}。",
    ),
    "hint.hour": ("hour {hour}: {true} g/kWh, forecast {forecast}", "{hour} 時間目:{true} g/kWh、予測 {forecast}"),
    "hint.division": ("hour {hour}", "{hour} 時間目"),
    # its course
    "course.text": (
        (
            "Hypervolume measures how much of the objectives' range the front covers: more is better. It is shown against "
            "hours and against grams, by both books."
        ),
        (
            "ハイパーボリュームはフロントが覆う目的空間の大きさで、大きいほど良い値です。"
            "時間に対して、また両方の帳簿の炭素量に対して示します。"
        ),
    ),
    "found": ("found", "到達値"),
    "maximum": ("maximum of the table", "表の最大値"),
    "chart.hours": ("Hypervolume against hours", "時間に対するハイパーボリューム"),
    "chart.grams": ("Hypervolume against grams", "炭素量に対するハイパーボリューム"),
    "alt.track": (
        "Hypervolume rises to {hypervolume} in {hours} hours and {carbon} CO2eq of the full book.",
        "ハイパーボリュームは {hours} 時間、全量帳簿で {carbon} CO2eq を費やして {hypervolume} に達しました。",
    ),
    "hint.track": (
        "{hour} h, {carbon} CO2eq: hypervolume {hypervolume} after {trainings} trainings",
        "{hour} 時間、{carbon} CO2eq:学習 {trainings} 回でハイパーボリューム {hypervolume}",
    ),
    # its cost
    "activity": ("activity", "活動"),
    "activity.training": ("training", "学習"),
    "activity.sampling": ("sampling", "サンプリング"),
    "activity.supernet": ("supernet", "スーパーネット"),
    "activity.checkpoint": ("checkpoint", "チェックポイント保存"),
    "activity.restore": ("restore", "チェックポイント復元"),
    "activity.move": ("move to another place", "別の場所への移動"),
    "activity.startup": ("start-up", "起動"),
    "activity.idle": ("idle", "待機"),
    "chart.activity": ("Grams by activity", "活動ごとの炭素排出量"),
    "cost.caption": ("Full book, by activity", "全量帳簿、活動別"),
    "cost.books": (
        (
            "Full book: every activity of every GPU held, times PUE, with the grid's true intensity of each moment; a GPU "
            "that is released, to others or off, is not held. By the paper's book (1 kW a training GPU, nothing else): "
            "{paper}."
        ),
        (
            "全量帳簿:占有した全 GPU の全活動に PUE を掛け、各時点の実際の系統強度で計算します。"
            "解放した GPU(他の利用者への返却または電源断)は占有に含みません。"
            "論文の帳簿(学習中の GPU を 1 kW とし、他は数えない)では {paper} です。"
        ),
    ),
    "cost.coverage": (
        (
            "The readings of the sources below cover {share} of the time on the books; of the rest a reading says that "
            "nothing was observed."
        ),
        "帳簿上の時間の {share} が下記の出所の値で覆われています。残りは観測がなかったことを明示しています。",
    ),
    "sources.caption": ("Energy by where its readings come from", "エネルギー値の出所"),
    "source": ("source", "出所"),
    "source.counter": ("the device's own counter", "機器の積算計"),
    "source.integrated": ("power samples, integrated", "電力サンプルの積分"),
    "source.modelled": ("a power model of a measured device", "実測機器の電力モデル"),
    "source.estimated": ("a stated guess", "明示した推定値"),
    # its budgets
    "budgets.caption": ("Budgets", "予算"),
    "budget": ("budget", "予算"),
    "limit": ("limit", "上限"),
    "used": ("used", "使用"),
    "budget.time": ("time", "時間"),
    "budget.carbon": ("carbon", "炭素"),
    "budget.energy": ("energy", "エネルギー"),
    "budget.cost": ("money", "費用"),
    "budget.gpu_hours": ("GPU-hours", "GPU 時間"),
    "budget.evaluations": ("trainings", "学習回数"),
    "budget.target": ("hypervolume to reach", "目標ハイパーボリューム"),
    "unfinished": (
        "{count} tasks were under way and are not finished; what they drew is on the books.",
        "{count} 個のタスクが未完了のまま終了しました。消費した分は帳簿に含みます。",
    ),
    "stop.deadline": (
        "Nothing more could be finished within the time budget.",
        "時間予算内に完了できる作業がなくなり終了しました。",
    ),
    "stop.carbon": (
        "Nothing more could be finished within the carbon budget.",
        "炭素予算内に完了できる作業がなくなり終了しました。",
    ),
    "stop.energy": (
        "Nothing more could be finished within the energy budget.",
        "エネルギー予算内に完了できる作業がなくなり終了しました。",
    ),
    "stop.cost": (
        "Nothing more could be finished within the cost budget.",
        "費用予算内に完了できる作業がなくなり終了しました。",
    ),
    "stop.device_time": (
        "Nothing more could be finished within the budget of GPU-hours.",
        "GPU 時間の予算内に完了できる作業がなくなり終了しました。",
    ),
    "stop.target": ("The target was reached.", "目標に到達しました。"),
    "stop.evaluations": ("The stated number of evaluations was reached.", "指定した評価回数に達しました。"),
    "stop.exhausted": ("Every architecture of the space was evaluated.", "空間の全アーキテクチャを評価しました。"),
    "stop.done": ("The policy had no more work to do.", "方策が行うべき作業を終えました。"),
    "stop.unfinished": ("The run has not ended.", "実行はまだ終わっていません。"),
    # its settings and what it is based on
    "seed": ("Seed", "シード"),
    "version": ("ce-nas", "ce-nas"),
    "policy": ("Policy", "方策"),
    "searcher": ("Searcher", "探索"),
    "forecaster": ("Forecaster", "予測器"),
    "setting": ("setting", "設定"),
    "value": ("value", "値"),
    "settings.caption": ("All settings that are set", "設定の一覧"),
    "factors.lifecycle": ("life-cycle", "ライフサイクル"),
    "factors.direct": ("direct", "直接"),
    "factors.unstated": ("unstated", "出典に記載のない"),
    "signal.average": ("average", "平均"),
    "signal.marginal": ("marginal", "限界"),
    "signal.unstated": ("unstated", "出典に記載のない"),
    "basis.grid": (
        (
            "Grid: zone {zone}, {origin}; {factors} factors, {signal} signal, steps of {step}, {duplicates} duplicate rows "
            "dropped."
        ),
        "系統:ゾーン {zone}、{origin}。{factors}排出係数、{signal}信号、{step} 刻み、重複行 {duplicates} 行を除外。",
    ),
    "basis.synthetic": (
        (
            "**It is synthetic**: a typical year made after the statistics of a real grid. Its days swing 5 to 19 % wider "
            "than the real ones, so that better hours look a little better than they are."
        ),
        (
            "**この系統は合成です**:実在の系統の統計から作った標準年です。日内変動は実際より 5〜19 % 大きく、"
            "時間帯を選ぶ効果は実際よりやや良く見えます。"
        ),
    ),
    "basis.gaps": (
        "The grid has {count} gaps, none of them touched: {gaps}.",
        "系統データの欠測 {count} か所(いずれも使用せず):{gaps}。",
    ),
    "basis.forecaster": (
        "Forecaster: {forecaster} ({reason}). Decisions see the past and its forecast, the books the true intensity.",
        "予測器:{forecaster}({reason})。判断は過去とその予測だけを用い、帳簿は実際の炭素強度を用います。",
    ),
    "basis.benchmark": (
        "Benchmark: {name}, {count} architectures, from {origin}.",
        "ベンチマーク:{name}、アーキテクチャ {count} 個。出典:{origin}。",
    ),
    "basis.scores": ("Cheap scores: {scores}.", "低コスト評価:{scores}。"),
    "live_grid.read": (
        "The grid was live: its feed was asked {looks} times, and {values} values were read, each of them in the journal.",
        "電力系統は実時間の値です。フィードへの問い合わせ {looks} 回、読み取った値 {values} 件(すべて記録済み)。",
    ),
    "live_grid.stood_in": (
        "Times that something stood in for the source: {steps}.",
        "情報源に代わる値を使った回数:{steps}。",
    ),
    "live_grid.lost": (
        "At {count} of them the feed was lost, and what was known last went on, hour for hour of the day before.",
        "うち {count} 回はフィードが失われ、最後に分かっていた値(前日の同時刻)で続行しました。",
    ),
    "live_grid.revised": (
        "Steps of the grid that were booked anew once the source had said them: {steps}, {carbon} CO2eq in all.",
        "情報源の確定値で計上し直した区間:{steps}、合計 {carbon} CO2eq。",
    ),
    "live_grid.provisional": (
        "{carbon} CO2eq still rest on forecasts of steps that the source had not said by the last look; ce-nas resume "
        "books them anew once it has.",
        "{carbon} CO2eq は最後の問い合わせ時点で未公表の区間の予測値に基づきます。公表後に ce-nas resume で計上し直せます。",
    ),
    "basis.ranking": (
        "The cheap scores order the {trainings} trainings that were scored too by {objective} with Kendall's tau "
        "{tau} [{low}, {high}, 95 %]. What was trained was partly chosen by them, which makes tau smaller than over the "
        "whole space.",
        "低コスト評価もされた {trainings} 件の学習について、{objective} の順位との Kendall の τ は {tau}"
        "(95 % 区間 {low}~{high})。学習対象は一部この評価で選ばれているため、空間全体での τ より小さくなります。",
    ),
    "basis.hypervolume": (
        "Hypervolume against the reference {references}.",
        "ハイパーボリュームの参照点:{references}。",
    ),
    "basis.power": ("Power: {power}; PUE {pue}.", "電力:{power}。PUE {pue}。"),
    "basis.version": (
        "ce-nas {version}, seed {seed}, journal sha256 `{sha}`.",
        "ce-nas {version}、シード {seed}、記録の sha256 `{sha}`。",
    ),
}
