"""The part of the catalogue for the dashboard."""

from __future__ import annotations

__all__ = ["BOARD"]

BOARD: dict[str, tuple[str, str]] = {
    # of every page
    "board.pages": ("Pages", "ページ"),
    "board.page.runs": ("Runs", "実行一覧"),
    "board.page.compare": ("Compare", "比較"),
    "board.page.zones": ("Zones", "ゾーン"),
    "board.page.pilot": ("Pilot", "導入試算"),
    "board.language": ("Language", "言語"),
    "board.live": ("This page keeps itself up to date.", "このページは自動で更新されます。"),
    "board.reload": ("Without JavaScript, reload it.", "JavaScript が無効の場合は再読み込みしてください。"),
    "board.made_by": (
        "Made by ce-nas from what the runs have written; it reads them and nothing else. The pages ask no other server.",
        "ce-nas が実行の記録を読み取って作成しています。書き込みも、他のサーバへの通信も行いません。",
    ),
    "board.to_runs": ("To the list of runs", "実行一覧へ"),
    # what went wrong
    "board.error": ("That did not work", "表示できません"),
    "board.error.lost": ("There is no page at this address.", "このアドレスにページはありません。"),
    "board.error.host": (
        "This server is not known by that name; call it by its address, or name it with --host-name when it is started.",
        "このサーバはその名前では呼び出せません。アドレスを使うか、起動時に --host-name で名前を指定してください。",
    ),
    "board.error.method": (
        "These pages can only be read: expected GET or HEAD.",
        "このページは読み取り専用です。GET か HEAD だけを受け付けます。",
    ),
    "board.error.cross": (
        "Another site asked for this page; open it from here, or by its address.",
        "他のサイトからの要求です。このサイト内から、またはアドレスで開いてください。",
    ),
    "board.error.token": (
        "These pages need the token that the server showed when it was started: open the address with ?token=... at its end.",
        "表示にはサーバの起動時に示されたトークンが必要です。アドレスの末尾に ?token=... を付けて開いてください。",
    ),
    "board.error.inside": (
        "The server could not make this page; its own output says why. The runs are not touched by that.",
        "サーバがこのページを作成できませんでした。理由はサーバの出力にあります。実行には影響しません。",
    ),
    # the runs
    "board.runs.title": ("Runs", "実行一覧"),
    "board.runs.lead": (
        "{count} runs, {running} of them going on; {carbon} CO2eq by the full book in all.",
        "実行 {count} 件(うち実行中 {running} 件)。全量帳簿で合計 {carbon} CO2eq。",
    ),
    "board.runs.caption": ("The runs, and how far each has come", "実行とその進み具合"),
    "board.find": ("Find in names, strategies, zones and states", "名前・戦略・ゾーン・状態で絞り込み"),
    "board.find.do": ("Find", "絞り込む"),
    "board.left": ("{count} more are being read; they come in a moment.", "残り {count} 件を読み込み中です。"),
    "board.nothing_found": ("No run has these words.", "該当する実行はありません。"),
    "board.no_runs": (
        "There is no run here yet; `ce-nas search` begins one.",
        "まだ実行はありません。`ce-nas search` で開始できます。",
    ),
    "board.unread": ("What could not be read", "読み取れなかった実行"),
    "board.choose": ("chosen", "選択"),
    "board.choose.one": ("choose {run}", "{run} を選択"),
    "board.run": ("run", "実行"),
    "board.state": ("state", "状態"),
    "board.strategy": ("policy + searcher", "方策 + 探索"),
    "board.zone": ("zone", "ゾーン"),
    "board.progress": ("progress", "進み具合"),
    "board.changed": ("last change, UTC", "最終更新 (UTC)"),
    "board.compare.chosen": ("Compare the chosen runs", "選択した実行を比較"),
    "board.running": ("running", "実行中"),
    "board.paused": ("not ended", "未完了"),
    "board.ended": ("ended: {why}", "終了:{why}"),
    "board.ended.deadline": ("time", "時間"),
    "board.ended.carbon": ("carbon", "炭素"),
    "board.ended.energy": ("energy", "エネルギー"),
    "board.ended.cost": ("money", "費用"),
    "board.ended.device_time": ("GPU-hours", "GPU 時間"),
    "board.ended.target": ("target", "目標到達"),
    "board.ended.evaluations": ("trainings", "学習回数"),
    "board.ended.exhausted": ("all tried", "全候補"),
    "board.ended.done": ("done", "完了"),
    # one run
    "board.why": ("Why it did what it did", "判断の理由"),
    "board.save": ("Save as one file", "一つのファイルに保存"),
    "board.json": ("Figures as JSON", "数値(JSON)"),
    "board.compare.this": ("Compare it with others", "他の実行と比較"),
    "board.saved.working": (
        "Being worked out: what the same work would have cost at other hours. It takes some seconds.",
        "計算中:同じ作業を他の時間に行った場合の炭素量。数秒かかります。",
    ),
    "board.saved.at_the_end": (
        "It is worked out when the run has ended: what the same work would have cost at other hours.",
        "実行の終了後に、同じ作業を他の時間に行った場合の炭素量を計算します。",
    ),
    # why
    "board.to_run": ("To the run {run}", "実行 {run} へ"),
    "board.why.whole": ("The whole run", "実行全体"),
    "board.why.what": ("An architecture, or a region such as +-", "アーキテクチャ、または領域(例:+-)"),
    "board.why.hour": ("or an hour since the start", "または開始からの時間 [h]"),
    "board.why.ask": ("Explain", "説明する"),
    "board.why.front": (
        "The {count} architectures on the front, each with its story",
        "フロント上の {count} 個それぞれの経緯",
    ),
    # several runs beside one another
    "board.compare.title": ("Runs beside one another", "実行の比較"),
    "board.compare.lead": (
        "What each run cost and found; the first one chosen is what the others are held against.",
        "各実行の費用と成果。最初に選択した実行を基準とします。",
    ),
    "board.compare.choose": (
        "Choose two runs or more; the first one on the list is what the others are held against.",
        "二つ以上の実行を選択してください。一覧で最初のものを基準とします。",
    ),
    "board.compare.which": ("Which runs", "比較する実行"),
    "board.compare.other": ("Choose other runs", "他の実行を選択"),
    "board.compare.table": ("In numbers", "数値"),
    "board.compare.cost": ("What each cost", "各実行の費用"),
    "board.compare.found": (
        "What each found; shares are of the table's maximum, ratios refer to {reference}",
        "各実行の成果。割合は表の最大値に対するもの、倍率の基準は {reference}",
    ),
    "board.compare.hours": ("hours", "時間 [h]"),
    "board.compare.to_reach": ("CO2eq to reach that of {reference}", "{reference} の値に達するまでの CO2eq"),
    "board.compare.not_reached": ("not reached", "未到達"),
    "board.compare.unlike": ("not comparable", "比較不可"),
    "board.compare.unlike.why": (
        (
            "**Their hypervolumes do not compare**: the runs searched different benchmarks, or took different objectives or "
            "references. Only what they cost is set side by side."
        ),
        (
            "**ハイパーボリュームは比較できません**:ベンチマーク、目的、参照点のいずれかが異なります。"
            "費用だけを並べています。"
        ),
    ),
    "board.compare.fronts": ("The fronts", "パレートフロント"),
    "board.compare.grams": ("Grams of each run", "各実行の炭素排出量"),
    "board.compare.first": (
        "The figures of what was found show the first {count} runs.",
        "成果の図には最初の {count} 件だけを示します。",
    ),
    "board.compare.how": (
        (
            "Times less: grams that {reference} needed to its own final hypervolume, per gram that the run needed to the same "
            "one, by the full book."
        ),
        "倍率:{reference} が最終ハイパーボリュームに達するまでの炭素量を、各実行が同じ値に達するまでの炭素量で割った値(全量帳簿)。",
    ),
    "board.compare.grids": (
        "The runs drew from different grids or at different times of one: a part of the difference in grams is theirs.",
        "系統が異なるため、炭素量の差の一部は系統の違いによるものです。",
    ),
    "board.compare.seeds": (
        "Single runs differ by chance: with the same seeds for each strategy, medians with intervals are shown, too.",
        "単独の実行には偶然の差が含まれます。各戦略に同じシードの組があれば、中央値と区間も示します。",
    ),
    "board.compare.unfinished": (
        "One run or more has not ended: its figures are those so far.",
        "未完了の実行があり、その数値は途中経過です。",
    ),
    # zones
    "board.zones.title": ("Zones: the coming days, and the best hours", "ゾーン:今後の見通しと最適な時間"),
    "board.zones.lead": (
        "What is expected of each grid from now on, and when a job of yours emits least there. All times are UTC.",
        "各系統の今後の予測と、作業の排出量が最小になる時間。時刻はすべて UTC です。",
    ),
    "board.zones.length": ("The job's hours", "作業時間 [h]"),
    "board.zones.within": ("to be done within hours", "期限までの時間 [h]"),
    "board.zones.find": ("Find the best hours", "最適な時間を探す"),
    "board.zones.close": ("Zone {zone}", "ゾーン {zone}"),
    "board.zones.start": (
        (
            "**Start at {start}**: {hours} h on {gpus} GPUs are expected to emit {then} then, {share} less than the {now} of "
            "starting now."
        ),
        "**開始は {start}**:GPU {gpus} 台で {hours} 時間の予測排出量は {then}。今すぐ開始した場合の {now} より {share} 少なくなります。",
    ),
    "board.zones.start_now": (
        "**Start now**: {hours} h on {gpus} GPUs are expected to emit {now}, and no later start less.",
        "**今すぐ開始**:GPU {gpus} 台で {hours} 時間の予測排出量は {now}。後に開始しても少なくなりません。",
    ),
    "board.zones.paused": (
        "If the job can pause, the best hours are {hours}: {then}, {share} less than starting now.",
        "中断できる作業なら、最適な時間は {hours}:{then}(今すぐ開始より {share} 減)。",
    ),
    "board.zones.all": ("All zones", "全ゾーン"),
    "board.zones.caption": (
        "A job of {hours} h within {within} h on {gpus} GPUs",
        "GPU {gpus} 台、{within} 時間以内に {hours} 時間の作業",
    ),
    "board.zones.last": ("last hour, g/kWh", "直近 g/kWh"),
    "board.zones.day": ("next 24 h, g/kWh", "今後 24 時間 g/kWh"),
    "board.zones.best": ("best start, UTC", "最適な開始 (UTC)"),
    "board.zones.saves": ("saves", "削減率"),
    "board.zones.saves_paused": ("saves with pauses", "中断可の削減率"),
    "board.zones.grams": ("CO2eq then", "その場合の CO2eq"),
    "board.zones.now": ("now", "今すぐ"),
    "board.zones.days": ("The best start on each day", "各日の最適な開始"),
    "board.zones.on": ("day", "日"),
    "board.zones.from": ("from, UTC", "開始 (UTC)"),
    "board.zones.mean": ("mean, g/kWh", "平均 g/kWh"),
    "board.zones.hours": ("Every coming hour in numbers", "今後の各時間の数値"),
    "board.zones.chart": ("Carbon intensity of zone {zone}", "ゾーン {zone} の炭素強度"),
    "board.zones.axis": ("hours from {issued} UTC", "{issued} UTC からの時間 [h]"),
    "board.zones.job": ("the job", "作業"),
    "board.zones.past": ("known", "実績"),
    "board.zones.synthetic": (
        (
            "**The built-in zones are synthetic**: what grids of their kind do at this time of a typical year, and no reading "
            "of any grid today. Give real ones with `ce-nas serve --trace FILE`, or import them with `ce-nas data import`."
        ),
        (
            "**組み込みゾーンは合成です**:同種の系統の標準年における今の時期の値で、今日の実測ではありません。"
            "実データは `ce-nas serve --trace FILE` または `ce-nas data import` で指定できます。"
        ),
    ),
    "board.zones.forecaster": (
        "Forecasters: {names}. They see the past alone; what is said here is what they expect, and may turn out otherwise.",
        "予測器:{names}。過去だけを見た予測であり、実際とは異なることがあります。",
    ),
    "board.zones.power": (
        "{gpus} GPUs at {watts} W each with their share of the host, times a PUE of {pue}: the defaults of a search.",
        "GPU {gpus} 台、ホスト分を含め 1 台 {watts} W、PUE {pue}(探索の既定値)。",
    ),
    "board.zones.pausing": (
        "Pauses are taken to cost nothing; a search counts checkpoints and start-ups.",
        "中断の費用は含みません。探索ではチェックポイントと起動の費用を計上します。",
    ),
    "board.zones.stale": (
        "The record of zone {zone} ends at {until}: its now is then.",
        "ゾーン {zone} の記録は {until} までです。「今」はその時点を指します。",
    ),
    # pilot
    "board.pilot.title": ("A pilot on your own figures", "自チームの数値による導入試算"),
    "board.pilot.lead": (
        (
            "State what a search costs you today; a pilot is simulated, and a decision paper of two pages comes out: kWh, kg, "
            "money and hours of today's way and of CE-NAS, with intervals, and what is not known."
        ),
        (
            "現在の探索の数値を入力すると、試行をシミュレーションし、2 ページの判断資料を作成します。"
            "現在の方法と CE-NAS の kWh・kg・費用・時間を区間付きで示し、分かっていないことも記します。"
        ),
    ),
    "board.pilot.left_out": (
        (
            "What is left out is assumed, as shown in grey, and the paper says so. A search of yours is stood in for by "
            "NAS-Bench-201; `ce-nas pilot --run` takes measured runs instead."
        ),
        (
            "空欄は灰色の値を仮定し、資料にその旨を記します。探索は NAS-Bench-201 で代用します。"
            "実測した実行を使うには `ce-nas pilot --run` を利用してください。"
        ),
    ),
    "board.pilot.effort": ("How thorough", "精度"),
    "board.pilot.effort.quick": ("quick: two seeds and days", "簡易:シード・日 各 2"),
    "board.pilot.effort.usual": ("usual: four seeds and days", "標準:シード・日 各 4"),
    "board.pilot.deadline": ("twice today's time", "現在の所要時間の 2 倍"),
    "board.pilot.go": ("Simulate the pilot", "試算する"),
    "board.pilot.others": ("Other figures", "数値を変更"),
    "board.pilot.save": ("Save the paper, for two sheets of A4", "資料を保存(A4 2 枚)"),
    "board.pilot.waits": ("It waits for its turn.", "順番を待っています。"),
    "board.pilot.simulated": ("{done} of {total} searches are simulated.", "探索 {total} 回のうち {done} 回を完了。"),
}
