"""The words of a run watched in a terminal: key to English and Japanese."""

from __future__ import annotations

__all__ = ["WATCH"]

WATCH: dict[str, tuple[str, str]] = {
    "watch.nothing": ("The run has begun; nothing is on record yet.", "実行は始まりましたが、まだ記録がありません。"),
    "watch.running": ("goes on", "実行中"),
    "watch.idle": ("not going on; continue it: ce-nas resume {run}", "停止中。再開:ce-nas resume {run}"),
    "watch.unended": ("not ended", "未終了"),
    "watch.of": ("{used} of {limit}", "{used} / {limit}"),
    "watch.found": ("found", "成果"),
    "watch.found.text": (
        "hypervolume {hypervolume}{share}, {trainings} trainings, {samples} scored",
        "ハイパーボリューム {hypervolume}{share}、学習 {trainings}、評価 {samples}",
    ),
    "watch.now": ("GPUs now", "現在の GPU"),
    "watch.grid": ("grid", "系統"),
    "watch.seed": ("seed {seed}", "シード {seed}"),
    "watch.grid.text": ("{now} g/kWh now, {low} to {high}", "現在 {now} g/kWh、{low}〜{high}"),
    "watch.grid.ahead": (
        "{now} g/kWh now, {low} to {high}; right of │ the forecast",
        "現在 {now} g/kWh、{low}〜{high}。│の右は予測",
    ),
    "watch.grid.ended": ("{now} g/kWh at the end, {low} to {high}", "終了時 {now} g/kWh、{low}〜{high}"),
    "watch.evaluating": ("evaluating", "評価"),
    "watch.sampling": ("sampling", "サンプリング"),
    "watch.hypervolume": ("hypervolume", "到達値"),
    "watch.hours": ("hour {first} to {last}", "{first}〜{last} 時間目"),
    "watch.hours.log": (
        "hour {first} to {last}; hypervolume by what is still missing, logarithmic",
        "{first}〜{last} 時間目。到達値は残りの割合の対数表示",
    ),
    "watch.best": ("take", "推奨"),
    "watch.end": ("end", "終了予想"),
    "watch.eta": (
        "{budget} used up in about {hours} h of the run{real}",
        "あと約 {hours} 時間(実行内)で{budget}に到達{real}",
    ),
    "watch.real": (", {minutes} min from now", "、実時間で {minutes} 分"),
    "watch.failed": ("failed", "失敗"),
    "watch.failed.text": ("{count} tasks; the last: {words}", "{count} 件。最後:{words}"),
}
