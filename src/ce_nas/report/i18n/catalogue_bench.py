"""The words of the experiments: key to English and Japanese."""

from __future__ import annotations

__all__ = ["BENCH"]

BENCH: dict[str, tuple[str, str]] = {
    # of every experiment
    "exp.strategy": ("strategy", "手法"),
    "exp.log_missing": ("log10 of the missing hypervolume", "不足ハイパーボリュームの log10"),
    "exp.hypervolume": ("hypervolume", "ハイパーボリューム"),
    "exp.kg.full": ("kg, full book", "kg(全量帳簿)"),
    "exp.kg.co2": ("kg CO2eq, full book", "kg CO2eq(全量帳簿)"),
    "exp.kg.paper": ("kg, paper's book", "kg(論文の帳簿)"),
    "exp.trainings": ("trainings", "学習回数"),
    "exp.better": ("CE-NAS better (Wilcoxon)", "CE-NAS が優位(ウィルコクソン検定)"),
    "exp.better_of": ("{better} of {pairs}, {probability}", "{pairs} 組中 {better}、{probability}"),
    "exp.gaps": (
        "Gaps are to {top}, {value}; smaller is better.",
        "不足は{top}({value})に対する値で、小さいほど良好です。",
    ),
    "exp.top.table": ("the hypervolume of the whole table", "表全体のハイパーボリューム"),
    "exp.top.found": (
        "0.01 % above the largest hypervolume that any of the runs found",
        "全実行で得られた最大のハイパーボリュームの 0.01 % 上",
    ),
    # what it is based on
    "exp.runs": (
        "{count} runs: {strategies}; seeds {seeds}; medians with 95 % bootstrap intervals.",
        "実行 {count} 回:{strategies}。シード {seeds}。中央値と 95 % ブートストラップ区間。",
    ),
    "exp.seeds": ("{first} to {last}", "{first}〜{last}"),
    "exp.fact": ("{name}: {values}.", "{name}:{values}。"),
    "exp.fact.more": ("; and {count} more", "、ほか {count} 種"),
    "exp.fact.benchmark": ("Benchmark", "ベンチマーク"),
    "exp.fact.objectives": ("Objectives", "目的"),
    "exp.fact.cheap_scores": ("Cheap scores", "低コスト評価"),
    "exp.fact.grid": ("Grid", "系統"),
    "exp.fact.start": ("Start", "開始"),
    "exp.fact.devices": ("Devices", "計算機"),
    "exp.fact.power": ("Power", "電力"),
    # who is compared
    "exp.who": ("{title}: {what}", "{title}:{what}"),
    "exp.what.ce-nas": (
        "Trainings in clean hours, cheap scores in dirty ones; a surrogate that learns from both proposes.",
        "クリーンな時間に学習、そうでない時間に低コスト評価を行い、両方から学ぶ代理モデルが提案します。",
    ),
    "exp.what.vanilla-lamoo": (
        "Every device trains at every hour what LaMOO proposes, which draws uniformly in its regions.",
        "LaMOO(領域内で一様に抽出)の提案を、全計算機が常に学習します。",
    ),
    "exp.what.vanilla-random": (
        "Every device trains at every hour what is drawn at random.",
        "無作為に選んだものを、全計算機が常に学習します。",
    ),
    "exp.what.one-shot-lamoo": (
        "Every device scores what LaMOO proposes; the best by the scores are trained in the end.",
        "LaMOO の提案を全計算機が低コスト評価し、最後に上位だけを学習します。",
    ),
    "exp.what.heuristic-lamoo": (
        "The share of sampling grows with the forecast intensity; LaMOO proposes.",
        "予測した炭素強度が高いほどサンプリングの割合を増やします。提案は LaMOO。",
    ),
    "exp.what.vanilla-surrogate": (
        "The first 400 trainings of CE-NAS's searcher, on every device at every hour, without any cheap score.",
        "CE-NAS の探索手法による最初の 400 回の学習を、低コスト評価なしで全計算機が常に行います。",
    ),
    # CE-NAS or a variant against another
    "exp.versus.times_less": ("times less CO2eq to its final hypervolume", "相手の最終値に達する CO2eq の比(倍)"),
    "exp.versus.fewer": ("= fewer trainings (energy)", "= 学習の削減(エネルギー)"),
    "exp.versus.hours": ("x better hours", "x 時間帯の効果"),
    "exp.versus.reached": ("seeds that reached it", "到達したシード"),
    "exp.versus.log_share": ("log10 of the missing share", "不足割合の log10"),
    "exp.versus.other": ("of the other", "相手の値"),
    "exp.versus.better": ("better at the end", "最終値で優位"),
    "exp.against.lamoo": ("CE-NAS against vanilla LaMOO", "CE-NAS と通常の LaMOO の比較"),
    "exp.against.random": ("CE-NAS against vanilla random", "CE-NAS と通常のランダム探索の比較"),
    # hypervolume over time
    "exp.over_time": ("Hypervolume over time", "時間に対するハイパーボリューム"),
    "exp.over_time.after": ("after", "経過時間"),
    "exp.over_time.end": ("At the end", "終了時"),
    "exp.over_time.end.head": ("at the end", "終了時"),
    "exp.over_time.missing": ("log10 missing", "不足の log10"),
    "exp.over_time.share": ("log10 missing share", "不足割合の log10"),
    # caps
    "exp.caps": ("Hypervolume under carbon caps", "炭素上限の下でのハイパーボリューム"),
    "exp.caps.table": ("Up to {cap} kg CO2eq, full book", "{cap} kg CO2eq まで(全量帳簿)"),
    # equal quality
    "exp.equal": ("Grams to equal quality", "同じ品質に達するまでの炭素"),
    "exp.equal.gaps": ("Gaps refer to {top}, {value}.", "不足は{top}({value})に対する値です。"),
    "exp.equal.times_less": (
        (
            "Times less: grams of the other strategy when it first reached its own final hypervolume, for each gram of "
            "CE-NAS when it first reached the same; a seed in which CE-NAS never did counts as 0."
        ),
        (
            "比(倍):相手が自身の最終値に初めて達した時点の炭素を、CE-NAS が同じ値に初めて達した時点の炭素で割った値。"
            "CE-NAS が達しなかったシードは 0 とします。"
        ),
    ),
    "exp.equal.split": (
        (
            "Fewer trainings: the ratio of the energy drawn until then, whatever it was spent on; better hours: the ratio "
            "of the grid's mean intensities, weighed with that energy. Within a seed their product is the ratio."
        ),
        (
            "学習の削減:その時点までの全エネルギーの比。時間帯の効果:そのエネルギーで重み付けした系統の平均強度の比。"
            "シードごとには両者の積が全体の比です。"
        ),
    ),
    "exp.equal.most": (
        (
            "At most: the largest median over levels of hypervolume, from 90 % of the largest on, that the other strategy "
            "reached in at least half of the seeds."
        ),
        ("最大:最大値の 90 % 以上で、相手が半数以上のシードで達した各水準における中央値のうち最大のもの。"),
    ),
    "exp.equal.final": ("At the other strategy's final hypervolume", "相手の最終ハイパーボリュームにおいて"),
    "exp.equal.against": ("CE-NAS against", "CE-NAS の相手"),
    "exp.equal.full": ("times less CO2eq, full book", "CO2eq の比(倍)、全量帳簿"),
    "exp.equal.counts": ("ratio of training counts", "学習回数の比"),
    "exp.equal.paper": ("times less, paper's book", "比(倍)、論文の帳簿"),
    "exp.equal.at_most": ("at most", "最大"),
    "exp.equal.at": ("{ratio} at {level}", "{ratio}(水準 {level})"),
    "exp.equal.levels": ("At levels of hypervolume", "ハイパーボリュームの水準ごと"),
    "exp.equal.levels.head": (
        "kg CO2eq, full book, to a missing share of 10^",
        "不足割合 10^x に達するまでの kg CO2eq(全量帳簿)",
    ),
    # devices, zones
    "exp.devices": ("Every device and image set", "全機器・全画像データセット"),
    "exp.devices.place": ("image set, cost", "画像データセット、コスト"),
    "exp.devices.missing": (
        "Image sets that the table does not hold: {names}.",
        "表に含まれない画像データセット:{names}。",
    ),
    "exp.zones": ("Zones and seasons", "ゾーンと季節"),
    "exp.zones.by_zone": ("By zone, over all starts", "ゾーン別(全開始時刻)"),
    "exp.zones.by_start": ("By start, over all zones", "開始時刻別(全ゾーン)"),
    "exp.zones.zone": ("zone", "ゾーン"),
    "exp.zones.start": ("start", "開始"),
    "exp.zones.overall": ("Over all zones, starts and seeds", "全ゾーン・全開始時刻・全シード"),
    "exp.zones.times_less": ("times less CO2eq", "CO2eq の比(倍)"),
    "exp.zones.reached": ("reached", "到達率"),
    "exp.zones.fewer_grams": ("fewer grams (Wilcoxon)", "炭素が少ない(ウィルコクソン検定)"),
    # noise
    "exp.noise": ("Noisy trainings", "雑音のある学習"),
    "exp.noise.one seed": ("as trained: one seed", "学習時の値:1 シード"),
    "exp.noise.mean of seeds": ("judged by mean of seeds", "シード平均で判定"),
    "exp.noise.test accuracy": ("judged by test accuracy", "テスト精度で判定"),
    "exp.noise.judged": (
        (
            "A training finds {observed}; each run the next of them. An answer is the front as the run itself believes in "
            "it: judged anew it may lose. Times less: to the hypervolume, by the judge, of the other strategy's last answer."
        ),
        (
            "学習で得られるのは {observed} で、実行ごとに次のものを使います。答えは実行自身が信じるフロントで、"
            "判定し直すと悪化することがあります。比(倍)は、判定者による相手の最終回答のハイパーボリュームに達するまでの値です。"
        ),
    ),
    # ablations
    "exp.ablations": ("Ablations", "要素の除去"),
    "exp.ablations.table": ("Against vanilla LaMOO", "通常の LaMOO との比較"),
    "exp.ablations.variant": ("variant", "構成"),
    "exp.variant.no-forecast": ("without forecast", "予測なし"),
    "exp.variant.no-agent": ("without policy", "方策なし"),
    "exp.variant.no-surrogate": ("LaMOO in its place", "代わりに LaMOO"),
    "exp.variant.in-partition": ("in LaMOO's regions", "LaMOO の領域内"),
    "exp.variant.no-scores": ("without cheap scores", "低コスト評価なし"),
    "exp.variant.scores": ("Cheap scores: {scores}.", "低コスト評価:{scores}。"),
    "exp.what.no-forecast": (
        "The coming hour is taken to be as the last one was.",
        "次の 1 時間は直前の 1 時間と同じとみなします。",
    ),
    "exp.what.no-agent": (
        "Half of the devices train and half of them sample, whatever the hour.",
        "時間帯によらず、半数が学習し、半数がサンプリングします。",
    ),
    "exp.what.no-surrogate": (
        "The partition proposes, uniformly in its regions, and the scores rank.",
        "分割木が領域内で一様に提案し、低コスト評価で順位を付けます。",
    ),
    "exp.what.in-partition": (
        "The searcher is kept within the regions of LaMOO's partition.",
        "探索手法を LaMOO の分割領域の中に制限します。",
    ),
    "exp.what.no-scores": ("Nothing is sampled.", "サンプリングを行いません。"),
}
