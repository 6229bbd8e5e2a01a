"""The page about a whole folder of results; it needs no other file."""

import base64
import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from string import Template
from typing import Any

from kpcomplete.manifest import DAMAGED, DONE

_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:auto;padding:1rem;color:#222;
 background:#fff}
h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.2rem;margin:2em 0 .3em}
.facts{display:flex;flex-wrap:wrap;gap:.6rem;margin:1em 0}
.facts div{background:#f4f7f9;border-left:4px solid #2a6f97;padding:.4rem .8rem}
.facts b{display:block;font-size:1.3rem}.small{color:#555;font-size:.85rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,16rem),1fr));gap:1rem}
figure{margin:0}img{width:100%;height:auto}figcaption{font-size:.8rem;color:#555;
 overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem}
th,td{padding:.15em .6em;text-align:right;white-space:nowrap;vertical-align:top}
th:first-child,td:first-child,.text{text-align:left}td.text{white-space:normal;max-width:26rem}
thead th{border-bottom:1px solid #999;cursor:pointer}tbody tr:nth-child(even){background:#f7f7f7}
.bar{display:inline-block;width:6rem;height:.7em;background:#e6b04d;vertical-align:middle}
.bar i{display:block;height:100%;float:left;background:#2a6f97}
.bar i+i{background:#ddd;float:right}.bad{color:#b3261e}
</style>
<h1>$title</h1>
$body
<script>
document.querySelectorAll("th").forEach((head, column) => head.onclick = () => {
  const body = head.closest("table").tBodies[0], up = head.dataset.up = head.dataset.up ? "" : "1";
  const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent;
  [...body.rows].sort((a, b) => (up ? 1 : -1) * key(a).localeCompare(key(b), "en",
    {numeric: true})).forEach(row => body.append(row));
});
</script>
</html>
""")
_HEAD = ("recording", "status", "length", "occupants", "seen / completed / missing", "completed",
         "uncertainty", "classes", "unusual", "took")  # fmt: skip


def page(rows: Sequence[Mapping[str, Any]], *, pictures: int = 24) -> str:
    """Return the page as HTML.

    Args:
        rows: Of `kpcomplete.fleet.SUMMARY`.
        pictures: Moments that are shown at most.
    """
    parts = [*_facts(rows), *_moments(rows, pictures), *_table(rows), *_problems(rows)]
    return _PAGE.substitute(title="Recordings, summed up", body="\n".join(parts))


def _facts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    known = [row for row in rows if row["frames"]]
    frames = sum(row["frames"] for row in known)
    facts: list[tuple[Any, str]] = [
        (count, status) for status, count in Counter(r["status"] for r in rows).items()
    ]
    facts += [
        (_length(sum(row["duration_s"] or 0 for row in known)), "of recordings"),
        (f"{frames:,}", "frames"),
        (_spread(Counter(row["occupants"] for row in known)), "recordings by occupants"),
    ]
    joints = sum((row["occupants"] or 0) * row["frames"] for row in known)
    if joints:
        for name in ("observed", "completed", "missing"):
            share = sum(r[name] * r["occupants"] * r["frames"] for r in known) / joints
            facts.append((f"{100 * share:.1f} %", f"of the occupants' joints {name}"))
    if any(row["anomalies"] is not None for row in rows):
        facts.append((sum(row["anomalies"] or 0 for row in rows), "unusual stretches"))
    yield '<div class="facts">'
    for value, what in facts:
        yield f"<div><b>{html.escape(str(value))}</b>{html.escape(str(what))}</div>"
    yield "</div>"


def _moments(rows: Sequence[Mapping[str, Any]], most: int) -> Iterator[str]:
    found = [(m, row) for row in rows for m in row["worst"] or ()]
    found = sorted(found, key=lambda pair: -pair[0]["score"])[:most]
    if not found:
        return
    yield "<h2>Least certain moments</h2>"
    yield (
        '<p class="small">Seen joints filled, completed joints hollow with the ellipse that holds '
        "90 %. The number is the mean standard deviation of all joints, in % of the person's "
        "extent in the image.</p>"
    )
    yield '<div class="grid">'
    for moment, row in found:
        data = base64.b64encode(moment["picture"]).decode("ascii")
        said = (
            f"{row['recording']}, {moment['time_s']:.1f} s, {moment['seat']}: "
            f"{100 * moment['score']:.1f} %"
        )
        yield (
            f'<figure><img loading="lazy" alt="{html.escape(said)}" '
            f'src="data:image/jpeg;base64,{data}"><figcaption>{html.escape(said)}</figcaption>'
            "</figure>"
        )
    yield "</div>"


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "<h2>All recordings</h2>"
    yield '<p class="small">A click on a heading sorts. Shares are of the occupants\' joints.</p>'
    head = "".join(f"<th>{html.escape(name)}</th>" for name in _HEAD)
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for row in rows:
        yield f"<tr>{''.join(_cells(row))}</tr>"
    yield "</tbody></table></div>"


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"<td>{html.escape(row['recording'])}</td>"
    bad = "" if row["status"] == DONE else ' class="bad"'
    yield f"<td{bad}>{html.escape(row['status'])}</td>"
    if row["frames"] is None:
        yield "<td></td>" * (len(_HEAD) - 3)
    else:
        yield _keyed(row["duration_s"], _length(row["duration_s"]))
        yield f"<td>{row['occupants']}</td>"
        seen, missing = 100 * row["observed"], 100 * row["missing"]
        yield (
            f'<td><span class="bar"><i style="width:{seen:.0f}%"></i>'
            f'<i style="width:{missing:.0f}%"></i></span></td>'
        )
        yield _keyed(row["completed"], f"{100 * row['completed']:.1f} %")
        yield _keyed(row["std"] or 0.0, "–" if row["std"] is None else f"{100 * row['std']:.1f} %")
        yield f'<td class="text">{html.escape(_classes(row["seats"] or ()))}</td>'
        yield f"<td>{'–' if row['anomalies'] is None else row['anomalies']}</td>"
    yield _keyed(row["seconds"] or 0.0, _length(row["seconds"] or 0.0))


def _problems(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    broken = [row for row in rows if row["status"] not in (DONE,)]
    if not broken:
        return
    yield "<h2>What went wrong</h2><ul>"
    for row in broken:
        kept = " What could be read was processed." if row["status"] == DAMAGED else ""
        yield f"<li>{html.escape(row['status'])}: {html.escape(row['error'])}.{kept}</li>"
    yield "</ul>"


def _classes(seats: Sequence[Mapping[str, Any]]) -> str:
    """Return the likeliest class of each seat and task, with its share of the frames."""
    said = []
    for seat in seats:
        best: dict[str, Mapping[str, Any]] = {}
        for one in seat["classes"] or ():
            if one["task"] not in best or one["share"] > best[one["task"]]["share"]:
                best[one["task"]] = one
        said += [f"{seat['seat']}: {b['name']} {100 * b['share']:.0f} %" for b in best.values()]
    return ", ".join(said)


def _spread(counts: Mapping[int, int]) -> str:
    return ", ".join(f"{count} × {value}" for value, count in sorted(counts.items())) or "none"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _keyed(key: float, text: str) -> str:
    """Return a cell that sorts by a number."""
    return f'<td data-key="{key:.6f}">{html.escape(text)}</td>'
