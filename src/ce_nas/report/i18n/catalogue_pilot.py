"""The words of a pilot's decision paper: key to English and Japanese."""

from __future__ import annotations

__all__ = ["PILOT"]

PILOT: dict[str, tuple[str, str]] = {
    "pilot.title": ("CE-NAS for your searches: a decision paper", "CE-NAS の導入判断資料"),
    "pilot.lead.simulated": (
        (
            "**Simulated** on your figures with a benchmark that stands in for your own search: {gpus} GPUs, zone {zone}, "
            "{gpu_hours} GPU-hours and {trainings} trainings a search, {searches} searches a year, deadline {deadline}. "
            "Medians with 95 % intervals over {seeds} seeds and {starts} start days."
        ),
        (
            "**シミュレーション**の結果です。貴チームの探索の代わりにベンチマークを用いています。GPU {gpus} 台、ゾーン {zone}、"
            "探索 1 回あたり {gpu_hours} GPU 時間・学習 {trainings} 回、年 {searches} 回、期限 {deadline}。"
            "中央値と 95 % 区間(シード {seeds} 個、開始日 {starts} 通り)。"
        ),
    ),
    "pilot.lead.measured": (
        (
            "From **your own runs** ({runs}), {share} of whose energy was metered: {gpus} GPUs, zone {zone}; {searches} "
            "searches a year, deadline {deadline}. Medians with 95 % intervals over {count} runs of CE-NAS{few}."
        ),
        (
            "**自分たちの実行**({runs}、エネルギーの {share} が計測値)による結果です。GPU {gpus} 台、ゾーン {zone}、年 {searches} 回、期限 {deadline}。"
            "中央値と 95 % 区間(実行 {count} 回{few})。"
        ),
    ),
    "pilot.few": (", too few for an interval", "。区間を示すには少なすぎます"),
    "pilot.made_by": (
        "Made by ce-nas {version}. The page needs no network; print it on A4.",
        "ce-nas {version} が作成。ネットワーク接続は不要です。A4 に印刷できます。",
    ),
    # the decision
    "pilot.section.decision": ("The decision", "判断"),
    "pilot.verdict.go": (
        (
            "**Worth a pilot.** To the same quality CE-NAS needs {share} less carbon a search than today's way, and {hours} "
            "less than today's own work moved to the good hours. That is a reason to try it, not to roll it out: see what "
            "is not known, and the gates, overleaf."
        ),
        (
            "**試行する価値があります。** 同じ品質に達するまでの炭素は、現在の方法より {share}、現在の作業を"
            "良い時間帯に移した場合より {hours} 少なくなります。これは試行の根拠であり、全面導入の根拠ではありません。"
            "未知の点と各段階の関門は次ページを参照してください。"
        ),
    ),
    "pilot.verdict.hours": (
        (
            "**First move the hours.** CE-NAS needs {share} less carbon a search than today's way, but cannot be told from "
            "today's own work moved to the good hours ({hours} less). That is the cheaper first step."
        ),
        (
            "**まず時間帯の変更から。** CE-NAS は現在の方法より {share} 少ない炭素で済みますが、現在の作業を良い時間帯に"
            "移しただけの場合との差({hours})は確認できません。後者の方が手軽な第一歩です。"
        ),
    ),
    "pilot.verdict.unclear": (
        "**Not shown.** CE-NAS against today's way: {share} less carbon a search; the interval holds zero.",
        "**効果は確認できません。** 現在の方法に対する CE-NAS の炭素削減は {share} で、区間がゼロを含みます。",
    ),
    "pilot.verdict.few": (
        (
            "**Too few runs to tell** ({count}): in them CE-NAS needed {share} less carbon than today's way, and {hours} less "
            "than today's own work moved to the good hours. Measure three or more each way."
        ),
        (
            "**判断には実行が足りません**({count} 回)。CE-NAS の炭素は、現在の方法より {share}、現在の作業を良い時間帯に"
            "移した場合より {hours} 少ない結果でした。各方法で 3 回以上計測してください。"
        ),
    ),
    "pilot.verdict.late": (
        (
            "**Not within this deadline.** CE-NAS reached today's quality by the deadline in {reached} of the searches only; "
            "a longer deadline may change that (overleaf)."
        ),
        (
            "**この期限では困難です。** 期限までに現在の品質に達した CE-NAS の探索は {reached} にとどまります。"
            "期限を延ばすと変わる可能性があります(次ページ)。"
        ),
    ),
    "pilot.sentences": ("{first} {second}", "{first}{second}"),
    "pilot.verdict.scores": (
        "Most of it rests on cheap scores that rank well: without any, CE-NAS saves {without}.",
        "その大半は順位をよく当てる低コスト評価によるもので、それがない場合の削減率は {without} です。",
    ),
    "pilot.a_search": (
        "a search with CE-NAS; today {before}: {share} less",
        "CE-NAS の探索 1 回。現在は {before}、削減 {share}",
    ),
    "pilot.money": ("Money", "費用"),
    "pilot.hours": ("Hours to the result", "結果までの時間"),
    "pilot.money.none": ("state a price", "価格が未指定"),
    # the ways
    "pilot.section.search": ("One search, to the same quality", "探索 1 回(同じ品質まで)"),
    "pilot.way": ("way", "方法"),
    "pilot.way.billed": ("today, to its last training", "現在(最後の学習まで)"),
    "pilot.way.today": ("today, until its quality was reached", "現在(品質に達するまで)"),
    "pilot.way.good-hours": ("today's work in good hours", "現在の作業を良い時間帯に"),
    "pilot.way.best-hours": ("the same, the future known (bound)", "同上、未来が既知の場合(下限)"),
    "pilot.way.ce-nas": ("CE-NAS", "CE-NAS"),
    "pilot.trainings": ("trainings", "学習回数"),
    "pilot.gpu_hours": ("GPU-hours", "GPU 時間"),
    "pilot.reached": ("reached", "到達率"),
    "pilot.search.caption": (
        "Energy with PUE; grams of the full book; GPU-hours held and trainings are medians alone",
        "エネルギーは PUE 込み、炭素は全量帳簿。占有 GPU 時間と学習回数は中央値のみ",
    ),
    "pilot.quality.simulated": (
        (
            "**Same quality** means the same hypervolume (accuracy against cost): the one that today's way ends with, seed "
            "by seed. CE-NAS is told it as its target. Today's way is charged only until it was first there, though it would "
            "be paid to its last training. Today's way: all GPUs train at once and throughout what the same searcher "
            "({searcher}) proposes, without cheap scores; CE-NAS: {searcher} with the built-in scores and policy {policy}."
        ),
        (
            "**同じ品質**とは、同じハイパーボリューム(精度とコスト)を指します。現在の方法が最後に達する値を、シードごとに"
            "CE-NAS の目標とします。現在の方法は、実際には最後の学習まで費用がかかりますが、その値に初めて達した時点までだけを数えます。"
            "現在の方法:同じ探索({searcher})の提案を、低コスト評価なしで、全 GPU がすぐに学習し続けます。"
            "CE-NAS:{searcher}、方策 {policy}、組込みの低コスト評価。"
        ),
    ),
    "pilot.quality.paired": (
        (
            "**Same quality** means the same hypervolume, by the runs' own objectives: the one that each run of today's way "
            "ended with. Both are charged until they were first there."
        ),
        (
            "**同じ品質**とは、実行自身の目的による同じハイパーボリュームです。現在の方法の各実行が最後に達した値を基準に、"
            "両方とも初めて達した時点までを数えます。"
        ),
    ),
    "pilot.quality.same_work": (
        (
            "**Same quality** is so by construction: the same trainings and samplings as in the CE-NAS runs, started at once "
            "on all GPUs. What CE-NAS saves by needing fewer trainings is not in these figures; runs of today's way beside "
            "them (`--today-run`) would tell."
        ),
        (
            "**同じ品質**は構成上保証されています。CE-NAS の実行と同じ学習・サンプリングを、全 GPU ですぐに始めた場合と比べます。"
            "学習回数の削減による効果は含みません。現在の方法の実行を `--today-run` で渡すと分かります。"
        ),
    ),
    "pilot.split": (
        (
            "**Where it comes from**: CE-NAS draws {fewer} times less energy, mostly because it trains less; the hours of "
            "today's way are {better} times as dirty as its own (product: {ratio} times fewer grams). Good hours alone save "
            "{alone} of today's own work; the most they could, with the future known, is {bound}."
        ),
        (
            "**内訳**:CE-NAS のエネルギーは {fewer} 分の 1(主に学習回数の減少による)。現在の方法の時間帯の炭素強度は "
            "CE-NAS の {better} 倍(積:炭素は {ratio} 分の 1)。現在の作業の時間帯を変えるだけなら {alone}、"
            "未来が分かっていても {bound} の削減です。"
        ),
    ),
    "pilot.chart": ("Grams of a search", "探索 1 回の炭素排出量"),
    # the year
    "pilot.section.year": ("A year, and when it pays back", "年間の効果と回収時期"),
    "pilot.year.caption": ("{searches} searches a year", "年 {searches} 回の探索"),
    "pilot.year.saved": ("saved against today", "現在に対する削減"),
    "pilot.year.saved_hours": ("saved against today's work in good hours", "良い時間帯に移した現在の作業に対する削減"),
    "pilot.pays.never": (
        "Changing over ({hours} engineer's hours, {cost}) is not paid back by money at these prices.",
        "導入費用(技術者 {hours} 時間、{cost})は、この価格では回収されません。",
    ),
    "pilot.pays.after": (
        (
            "Changing over ({hours} engineer's hours, {cost}) is paid back after {searches} searches, {months} months, by the "
            "median."
        ),
        "導入費用(技術者 {hours} 時間、{cost})は、中央値で探索 {searches} 回、{months} か月で回収されます。",
    ),
    "pilot.pays.even": (
        (
            "Changing over takes {hours} engineer's hours. A year pays for them if one costs less than {price} (no price of an "
            "engineer's hour was stated)."
        ),
        (
            "導入には技術者 {hours} 時間が必要です。1 時間あたり {price} 未満なら 1 年で回収できます"
            "(技術者の単価は未指定)。"
        ),
    ),
    "pilot.pays.unknown": (
        (
            "Changing over takes {hours} engineer's hours. Whether money pays them back is not known: no price of "
            "electricity, GPUs or carbon was stated."
        ),
        (
            "導入には技術者 {hours} 時間が必要です。電力・GPU・炭素の価格が未指定のため、"
            "費用で回収できるかは分かりません。"
        ),
    ),
    "pilot.prices": ("Money counts: {parts}.", "費用の内訳:{parts}。"),
    "pilot.price.electricity": ("electricity at {price} a kWh", "電力 {price}/kWh"),
    "pilot.price.gpus": ("GPUs held at {price} an hour", "GPU 占有 {price}/時"),
    "pilot.price.carbon": ("carbon at {price} a tonne", "炭素 {price}/t"),
    # how sure
    "pilot.section.sensitivity": ("How it changes", "条件による変化"),
    "pilot.sensitivity.caption": (
        "One thing changed at a time; {seeds} seeds, {starts} days; seasons: all seeds, their days",
        "一度に一つだけ変えた場合(シード {seeds} 個、開始日 {starts} 通り。季節は全シード)",
    ),
    "pilot.rules.caption": (
        "The runs' own work under other rules: grams saved against starting at once, medians over the runs",
        "実行と同じ作業を別の規則で行った場合:すぐに始める場合に対する炭素の削減率(実行の中央値)",
    ),
    "pilot.rules.paired": (
        "The work of today's runs under other rules: grams saved against starting at once, medians over the runs",
        "現在の方法の実行と同じ作業を別の規則で行った場合:すぐに始める場合に対する炭素の削減率(実行の中央値)",
    ),
    "pilot.rule.run": ("the runs as they went", "実際の実行"),
    "pilot.rule": ("rule", "規則"),
    "pilot.rule.own_start": ("from the runs' own starts", "実際の開始時刻"),
    "pilot.rule.other_days": ("on other days: median [lowest, highest]", "他の日:中央値 [最小, 最大]"),
    "pilot.condition": ("condition", "条件"),
    "pilot.intensity": ("grid g/kWh", "系統 g/kWh"),
    "pilot.today.kg": ("today kg", "現在 kg"),
    "pilot.ce_nas.kg": ("CE-NAS kg", "CE-NAS kg"),
    "pilot.saved": ("saved", "削減率"),
    "pilot.saved_by_hours": ("by good hours alone", "時間帯だけの効果"),
    "pilot.place.zone": ("zone {name}", "ゾーン {name}"),
    "pilot.place.own": ("{place} (yours)", "{place}(貴チーム)"),
    "pilot.place.season.12": ("December to February", "12〜2 月"),
    "pilot.place.season.3": ("March to May", "3〜5 月"),
    "pilot.place.season.6": ("June to August", "6〜8 月"),
    "pilot.place.season.9": ("September to November", "9〜11 月"),
    "pilot.place.deadline": ("deadline {name} h", "期限 {name} 時間"),
    "pilot.place.scores": ("without cheap scores", "低コスト評価なし"),
    # what is not known
    "pilot.section.unknown": ("What is not known", "分かっていないこと"),
    "pilot.unknown.stand_in": (
        (
            "**Your own space.** The stand-in is {benchmark}, its trainings made {factor} times as long. Its cheap scores "
            "rank well (Kendall's tau 0.73 with accuracy); yours may not. Without scores CE-NAS saves {without}; "
            "with scores that mislead, perhaps less."
        ),
        (
            "**貴チームの探索空間。** 代わりに {benchmark} を用い、学習時間を {factor} 倍にしています。そこでは低コスト評価の"
            "順位相関が高く(精度とのケンドールの τ は 0.73)、貴チームでも同じとは限りません。評価なしでの削減率は {without} で、誤った順位ならさらに下がり得ます。"
        ),
    ),
    "pilot.unknown.today": (
        "**Today's searcher.** If yours needs fewer trainings than the one here, less is left to save; if more, more.",
        "**現在の探索手法。** ここで仮定したものより学習回数が少なければ削減は小さく、多ければ大きくなります。",
    ),
    "pilot.unknown.power": (
        "**Power.** {power} W a GPU is {how}, the same for every training; a meter on the pilot will tell.",
        "**電力。** GPU 1 台 {power} W は{how}で、どの学習でも同じとしています。試行で計測すれば分かります。",
    ),
    "pilot.unknown.metered": (
        "**Power.** {share} of the energy was metered; the rest is modelled or estimated.",
        "**電力。** エネルギーの {share} は計測値で、残りはモデルまたは推定値です。",
    ),
    "pilot.unknown.released": (
        (
            "**Idle GPUs.** A GPU that is given back counts for nothing: true if others use it or it is off. If yours stay on "
            "({idle} W), waiting for good hours costs more."
        ),
        (
            "**空いた GPU。** 返却した GPU は数えません。他が使うか電源を切る場合は正しく、通電したまま({idle} W)なら"
            "良い時間を待つ費用が増えます。"
        ),
    ),
    "pilot.unknown.grid": (
        (
            "**The grid.** Average intensity of {origin}{synthetic}; what the grid emits in answer to your load (marginal) and "
            "the making of the hardware are not counted. The next year's weather is not the last one's."
        ),
        (
            "**電力系統。** {origin}の平均強度です{synthetic}。貴チームの負荷に応じて系統が実際に増減させる排出(限界)と"
            "機器の製造に伴う排出は含みません。来年の天候は昨年と同じではありません。"
        ),
    ),
    "pilot.unknown.synthetic": (", a synthetic typical year", "(合成した標準年)"),
    "pilot.unknown.days": (
        "**Other days.** The runs were made on days of their own; other seasons were not measured.",
        "**他の日。** 実行した日以外の季節は計測していません。",
    ),
    # the plan
    "pilot.section.plan": ("The plan, with a gate for each stage", "段階計画と各段階の関門"),
    "pilot.plan.caption": ("Three stages", "三つの段階"),
    "pilot.stage": ("stage", "段階"),
    "pilot.what": ("what", "内容"),
    "pilot.gate": ("go on only if", "次へ進む条件"),
    "pilot.stage.1": ("1. Pilot", "1. 試行"),
    "pilot.stage.1.what": (
        (
            "Three searches of your own each way, metered: `ce-nas search --live`, today's way as `--policy vanilla "
            "--cheap-scores none`; then `ce-nas pilot --run ... --today-run ...`."
        ),
        (
            "自分たちの探索を各方法で 3 回ずつ計測:`ce-nas search --live`、現在の方法は `--policy vanilla "
            "--cheap-scores none`。その後 `ce-nas pilot --run ... --today-run ...`。"
        ),
    ),
    "pilot.stage.1.gate": (
        "The same quality in all three by the deadline, and metered kg at least {low} below today's.",
        "3 回とも期限内に同じ品質に達し、計測した炭素が現在より {low} 以上少ない。",
    ),
    "pilot.stage.2": ("2. One team", "2. 一つのチーム"),
    "pilot.stage.2.what": (
        "A quarter's searches ({count}) of one team, one in four today's way as control.",
        "一つのチームの四半期分の探索({count} 回)。4 回に 1 回は対照として現在の方法で行う。",
    ),
    "pilot.stage.2.gate": (
        (
            "The 95 % interval of the saving lies above zero, also against good hours; no more than one search in ten late; "
            "at most {hours} engineer's hours spent."
        ),
        (
            "削減率の 95 % 区間が、良い時間帯だけの場合に対してもゼロを上回る。遅れた探索は 1 割以下。"
            "技術者の作業は {hours} 時間以内。"
        ),
    ),
    "pilot.stage.3": ("3. All", "3. 全体"),
    "pilot.stage.3.what": (
        "All teams; each keeps its run folders, so that anyone can check every gram.",
        "全チームに展開。各チームは実行フォルダを保存し、誰でも検証できるようにする。",
    ),
    "pilot.stage.3.gate": (
        "Once a year a control search again: where a team's saving is gone, it goes back.",
        "年に一度は対照の探索を行い、削減がなくなったチームは元に戻す。",
    ),
    # what it is based on
    "pilot.section.basis": ("Your figures, and what the others rest on", "入力値と根拠"),
    "pilot.stated": ("**You stated**: {parts}.", "**指定された値**:{parts}。"),
    "pilot.assumed": ("**Assumed**, since not stated: {parts}.", "**仮定した値**(未指定):{parts}。"),
    "pilot.no_price": ("not stated", "未指定"),
    "pilot.as_stated": ("as you stated", "指定値"),
    "pilot.as_assumed": ("assumed", "仮定値"),
    "pilot.basis.runs": (
        (
            "Every CE-NAS figure is a whole simulated search on the grid's true intensity; decisions saw the forecast "
            "({forecaster}) alone. Seeds {seeds}; starts (UTC) {starts}. Intervals: bootstrap, seeds and days drawn apart."
        ),
        (
            "CE-NAS の値は、実際の系統強度の下で探索全体をシミュレーションしたものです。判断に使うのは予測({forecaster})だけです。"
            "シード {seeds}。開始(UTC){starts}。区間はシードと開始日を別々に再抽出するブートストラップ。"
        ),
    ),
    "pilot.basis.measured": (
        "Runs: {runs}; seeds {seeds}; starts (UTC) {starts}. Policy {policy}, searcher {searcher}, forecaster {forecaster}.",
        "実行:{runs}。シード {seeds}。開始(UTC){starts}。方策 {policy}、探索 {searcher}、予測器 {forecaster}。",
    ),
    "pilot.name.gpus": ("GPUs", "GPU 台数"),
    "pilot.name.gpu_power_w": ("power of a GPU with its host's share", "GPU 1 台の電力(ホスト分込み)"),
    "pilot.name.idle_power_w": ("the same when idle", "待機時の電力"),
    "pilot.name.pue": ("PUE", "PUE"),
    "pilot.name.zone": ("zone", "ゾーン"),
    "pilot.name.trace": ("trace", "強度データ"),
    "pilot.name.gpu_hours": ("GPU-hours a search", "探索 1 回の GPU 時間"),
    "pilot.name.trainings": ("trainings a search", "探索 1 回の学習回数"),
    "pilot.name.deadline_s": ("deadline", "期限"),
    "pilot.name.searches_per_year": ("searches a year", "年間探索回数"),
    "pilot.name.electricity_price": ("price of a kWh", "電力単価(/kWh)"),
    "pilot.name.gpu_hour_price": ("price of a GPU-hour", "GPU 時間単価"),
    "pilot.name.carbon_price": ("price of a tonne of CO2eq", "炭素価格(/t)"),
    "pilot.name.currency": ("currency", "通貨"),
    "pilot.name.adoption_hours": ("engineer's hours to change over", "導入に要する技術者の時間"),
    "pilot.name.engineer_price": ("price of an engineer's hour", "技術者の単価(/時)"),
}
