"""The part of the catalogue for the dashboard."""

from __future__ import annotations

__all__ = ["BOARD"]

BOARD: dict[str, tuple[str, str]] = {
    # of every page
    "board.pages": ("Pages", "ページ"),
    "board.page.runs": ("Runs", "実行一覧"),
    "board.page.compare": ("Compare", "比較"),
    "board.page.zones": ("Zones", "ゾーン"),
    "board.language": ("Language", "言語"),
    "board.live": ("Goes on: this page keeps itself up to date.", "実行中:このページは自動で更新されます。"),
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
}
