"""The part of the catalogue for explanations, and for many runs beside one another."""

from __future__ import annotations

__all__ = ["WHY"]

WHY: dict[str, tuple[str, str]] = {
    # many runs
    "many.title": ("Strategies beside one another", "戦略の比較"),
    "many.lead": (
        "Medians over seeds, with bootstrap 95 % intervals in brackets where there are several.",
        "シードに対する中央値。角括弧は 95 % ブートストラップ区間です。",
    ),
    "many.zone": ("Zone {zone}", "ゾーン {zone}"),
    "many.caption": (
        "Medians over seeds [95 % bootstrap interval]",
        "シードに対する中央値 [95 % ブートストラップ区間]",
    ),
    "many.strategy": ("strategy", "戦略"),
    "many.runs": ("runs", "実行数"),
    "many.times_less": ("times less", "倍率"),
    "many.reached.head": ("reached", "到達率"),
    "many.grams": ("Median grams in zone {zone}", "ゾーン {zone} の炭素排出量(中央値)"),
    "many.figures": ("Figures", "図"),
    "many.ratio": (
        (
            "Times less: grams of {reference} to its own final hypervolume, per gram of the strategy to the same hypervolume; "
            "0 where it was not reached."
        ),
        (
            "倍率:{reference} が最終ハイパーボリュームに達するまでの炭素量を、各戦略が同じ値に達するまでの炭素量で割った値。"
            "未到達は 0。"
        ),
    ),
    "many.reached": (
        "Reached: share of the seeds that reached that hypervolume.",
        "到達率:そのハイパーボリュームに達したシードの割合。",
    ),
    "many.books": (
        (
            "Full book: every activity of every GPU held, times PUE, with the grid's true intensity. Paper's book: 1 kW a "
            "training GPU, nothing else."
        ),
        "全量帳簿:占有した全 GPU の全活動に PUE を掛け、実際の系統強度で計算。論文の帳簿:学習中の GPU を 1 kW とし、他は数えない。",
    ),
    # why a run did what it did
    "why.run.title": ("Why the run searched where it did", "この実行がなぜそこを探索したか"),
    "why.run.lead": (
        (
            "What became of all candidates, and where the space was cut. Name an architecture, a region (such as +-) or an "
            "hour for more."
        ),
        "全候補の行方と、空間がどこで切られたか。アーキテクチャ、領域(例:+-)、時間を指定すると詳しく示します。",
    ),
    "why.region.title": ("Why region {region} was cut from the rest", "領域 {region} がなぜ切り分けられたか"),
    "why.region.lead": (
        (
            "A region is named by a sign for each boundary from the whole space down: + is the side that was kept as the "
            "better one, - the side that was dropped."
        ),
        "領域の名前は、全体から順に各境界の符号を並べたものです。+ は良い側として残した側、- は落とした側です。",
    ),
    "why.architecture.title": ("What became of an architecture", "アーキテクチャの経緯"),
    "why.hour.title": ("Why the GPUs were divided so in hour {hour}", "{hour} 時間目の GPU 割り当ての理由"),
    "why.hour.lead": (
        "What was known when the hour was decided on, and what else would have cost.",
        "判断の時点で分かっていたことと、他の割り当ての費用。",
    ),
    "why.candidates": ("What became of the candidates", "候補の行方"),
    "why.scored": ("{count} architectures were scored cheaply.", "低コストで評価したアーキテクチャ:{count} 個。"),
    "why.dropped": (
        (
            "{count} of them ranked below what the backlog holds and were dropped; {later} of these were proposed anew later, "
            "and trained."
        ),
        "うち {count} 個は待ち行列の順位に届かず除外。その後あらためて提案され学習したもの:{later} 個。",
    ),
    "why.strays": (
        "{count} of the dropped ones had been drawn outside the chosen region on purpose, against cutting away too much.",
        "除外のうち {count} 個は、切りすぎを防ぐため意図的に選択領域の外から引いたものです。",
    ),
    "why.trained": (
        "{count} were trained in full; {front} are on the front.",
        "完全に学習:{count} 個。フロント上:{front} 個。",
    ),
    "why.waiting": ("{count} still waited when the run ended.", "終了時に待機中:{count} 個。"),
    "why.story": ("Its story", "経緯"),
    "why.when": ("Hour {hour}: {what}", "{hour} 時間目:{what}"),
    "why.never": (
        "It was never proposed: the searcher drew others, and the run ended before its turn.",
        "一度も提案されませんでした。探索は他の候補を選び、順番の前に実行が終わりました。",
    ),
    "why.lies_in": (
        "By the partition as all trainings of the run make it, it lies in region {region}.",
        "全学習から作った分割では、領域 {region} にあります。",
    ),
    "why.everywhere": ("the whole space", "空間全体"),
    "why.was_scored": (
        "scored cheaply, on the scores' own scale: {values}.",
        "低コスト評価(評価値の尺度で):{values}。",
    ),
    "why.was_dropped": (
        (
            "dropped. It came from region {region}, ranked {rank} in the backlog, and {number} of those that waited were "
            "better in everything."
        ),
        "除外。領域 {region} からの候補で、待ち行列での順位は {rank}、すべての目的で勝る待機候補は {number} 個でした。",
    ),
    "why.dominated": ("One of these: `{by}`.", "その一つ:`{by}`。"),
    "why.began": ("a training began.", "学習を開始。"),
    "why.failed": ("its task failed ({failure}).", "タスクが失敗({failure})。"),
    "why.was_trained": ("trained: {values}.", "学習の結果:{values}。"),
    "why.stopped_early": (
        "stopped early, as the searcher had asked, after {share}: {values}.",
        "探索の指定により {share} で打ち切り:{values}。",
    ),
    "why.on_front": (
        "on the front: nothing that was trained is better in everything.",
        "フロント上:すべての目的で勝る学習済みのものはありません。",
    ),
    "why.beaten": (
        "not on the front: `{by}` is at least as good in everything ({values}).",
        "フロント外:`{by}` がすべての目的で同等以上です({values})。",
    ),
    "why.infeasible": (
        "it breaks a bound that was set, so it stays off the front.",
        "設定した制約を満たさないためフロント外。",
    ),
    "why.still_waiting": (
        "it still waited in the backlog, from region {region}: only the budget kept it from being trained.",
        "領域 {region} から待ち行列に残っていました。学習されなかった理由は予算だけです。",
    ),
    "why.cuts": ("Where the space was cut", "空間が切られた場所"),
    "why.uncut": (
        "The trainings were too few, or too alike, to cut the space.",
        "学習が少ないか似すぎていて、空間は切られていません。",
    ),
    "why.cut": ("The cut of {region}", "{region} の切り分け"),
    "why.cut.common": (
        (
            "{share} of it is dropped. **{covers} of the dropped part: {clauses}.** Of all of which that is true, {purity} is "
            "dropped."
        ),
        "その {share} を除外。**除外部分の {covers}:{clauses}。** これに当てはまるもののうち {purity} が除外されています。",
    ),
    "why.cut.nothing": (
        "{share} of it is dropped, and nothing short can be said of what the dropped part has in common.",
        "その {share} を除外。除外部分に共通する短い説明はありません。",
    ),
    "why.and": (" and ", "、かつ "),
    "why.fidelity": (
        "The words stand for a boundary that was learned: a tree of three questions agrees with it on {share} of {basis}.",
        "この説明は学習された境界の近似です。三つの質問からなる木は、{basis}の {share} で境界と一致します。",
    ),
    "why.basis.all": ("all {count} architectures there", "そこにある全 {count} 個のアーキテクチャ"),
    "why.basis.drawn": ("{count} architectures drawn there", "そこから引いた {count} 個のアーキテクチャ"),
    "why.checked": (
        (
            "Checked against cutting away too much: of the {trained} architectures trained there, {dropped} lie in the dropped "
            "part, and none of these is on the run's front."
        ),
        "切りすぎの確認:そこで学習した {trained} 個のうち {dropped} 個が除外部分にあり、この実行のフロント上のものはありません。",
    ),
    "why.checked.front": (
        (
            "Checked against cutting away too much: of the {trained} architectures trained there, {dropped} lie in the dropped "
            "part, and **{front} of these are on the run's front**: the cut hides a part of it, which is why some are drawn "
            "outside on purpose and the boundaries are learned anew."
        ),
        (
            "切りすぎの確認:そこで学習した {trained} 個のうち {dropped} 個が除外部分にあり、**うち {front} 個はフロント上です**。"
            "切り分けがフロントの一部を隠すため、領域外からも引き、境界を学習し直しています。"
        ),
    ),
    "why.is": ("{variable} is {choice}", "{variable} が {choice}"),
    "why.is.not": ("{variable} is not {choice}", "{variable} が {choice} でない"),
    "why.edge": ("edge {variable} is {choice}", "エッジ {variable} が {choice}"),
    "why.edge.not": ("edge {variable} is not {choice}", "エッジ {variable} が {choice} でない"),
    "why.has": ("a {choice} is in it", "{choice} を含む"),
    "why.has.not": ("no {choice} is in it", "{choice} を含まない"),
    "why.count": ("{choice} occurs {count} times or more", "{choice} が {count} 回以上"),
    "why.count.not": ("{choice} occurs {below} times at most", "{choice} が {below} 回以下"),
    "why.reaches": ("a {choice} reaches the output", "{choice} が出力に届く"),
    "why.reaches.not": ("no {choice} reaches the output", "{choice} が出力に届かない"),
    "why.hour.section": ("The decision", "判断"),
    "why.hour.decided": ("Decided: {division}.", "決定:{division}。"),
    "why.hour.reason": ("The policy's reason: {reason}", "方策の理由:{reason}"),
    "why.hour.forecast": (
        "Forecast for the hour: {expected} g/kWh{levels}; it became {true}.",
        "その時間の予測:{expected} g/kWh{levels}。実際は {true}。",
    ),
    "why.ways": ("What each would have cost", "それぞれの場合の炭素量"),
    "why.way": ("GPUs at work", "稼働させる GPU"),
    "why.way.all": ("all", "全部"),
    "why.way.half": ("half", "半分"),
    "why.way.decided": ("as decided", "決定どおり"),
    "why.way.none": ("none", "なし"),
    "why.expected": ("by the forecast", "予測では"),
    "why.true": ("in truth", "実際には"),
    "why.best": ("the same work in the cleanest hour foreseen, {when}", "予測上最もクリーンな時間({when})なら"),
    "why.later": ("{hours} periods later", "{hours} 期間後"),
    "why.now": ("now", "今"),
    "why.hour.how": (
        (
            "Grams of GPUs at work at the settings' wattage for the whole period, PUE included; GPUs without work are released "
            "and cost nothing. Fewer GPUs cost less because they do less."
        ),
        (
            "設定の消費電力で期間を通して稼働した GPU の炭素量(PUE 込み)。作業のない GPU は解放し費用はかかりません。"
            "少ない GPU は作業量も少ないため安くなります。"
        ),
    ),
}
