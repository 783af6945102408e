"""What the checks found, as one HTML file that needs nothing but itself."""

from html import escape
from pathlib import Path

from mien.data.checks import Findings
from mien.data.encoding import encode_png
from mien.data.problems import Problems
from mien.data.sheets import NO_LABEL, pictures_at
from mien.data.table import Table
from mien.files import ODD, written_whole
from mien.inference.image import read_picture
from mien.pages import Html, data_url, page, table_html

SHOWN_GROUPS = 24
SHOWN_PROBLEMS = 50

STYLE = """
.bar { display: inline-block; height: .75rem; background: #4c78a8; min-width: 1px; }
.track { width: 4rem; } .splits { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.group { display: inline-block; margin: 0 1.2rem 1rem 0; vertical-align: top; font-size: .8rem; }
.group figure { display: inline-block; margin: 0 .3rem 0 0; width: 92px; overflow-wrap: anywhere; }
.group img { width: 88px; height: 88px; object-fit: contain; image-rendering: pixelated; display: block; }
"""


def write_report(
    path: Path, table: Table, findings: Findings, problems: Problems | None = None, *, overwrite: bool = False
) -> None:
    """Write the report on a table.

    Args:
        path: the HTML file to make.
        table: what was checked.
        findings: of `mien.data.checks.check_table` on that table.
        problems: what was left out when the table was made, None where that is not known.
        overwrite: whether the file may be replaced.

    Raises:
        OutputError: the file exists or cannot be written.
    """
    sections = [
        _summary(table, findings),
        _problems(problems) if problems is not None else "",
        _balance(table, findings),
        _leaks(findings),
        _groups(table, findings),
        _blanks(findings),
    ]
    title = f"{table.path.name}: what is in it"
    with written_whole(path, overwrite=overwrite) as partial:
        partial.write_text(page(title, "".join(sections), style=STYLE), encoding="utf-8", errors=ODD)


def _summary(table: Table, findings: Findings) -> str:
    meta = table.meta
    sizes = sorted({row.size for row in findings.rows})
    shown = ", ".join(f"{width}x{height}" for width, height in sizes[:5]) + (", ..." if len(sizes) > 5 else "")
    gray = sum(row.is_gray for row in findings.rows)
    facts = [
        ("pictures", f"{len(findings.rows):,}"),
        ("sizes in pixels", f"{shown}"),
        ("gray / colour", f"{gray:,} / {len(findings.rows) - gray:,}"),
        ("label set", f"{meta.label_set.name}: {', '.join(meta.label_set.labels)}"),
        ("prepared from layout", meta.layout),
        ("preparation", "; ".join(meta.preparation) or "none"),
        ("licence", meta.license),
    ]
    if findings.labels_a_picture is not None:
        facts.append(("labels a picture, where there are several", f"{findings.labels_a_picture:.2f}"))
    return table_html((), [(name, value) for name, value in facts])


def _problems(problems: Problems) -> str:
    if not problems:
        return '<h2>Left out</h2><p class="good">Nothing: every row could be used.</p>'
    kinds = table_html(("what was wrong", "rows"), [(kind, count) for kind, count in problems.counts.most_common()])
    listed = "".join(f"<li>{escape(str(problem))}</li>" for problem in problems.found[:SHOWN_PROBLEMS])
    more = len(problems) - min(len(problems.found), SHOWN_PROBLEMS)
    tail = f"<p>... and {more:,} more.</p>" if more > 0 else ""
    return f'<h2>Left out: <span class="bad">{len(problems):,}</span></h2>{kinds}<ul>{listed}</ul>{tail}'


def _balance(table: Table, findings: Findings) -> str:
    parts = ['<h2>Balance of the classes</h2><div class="splits">']
    names: tuple[str | None, ...] = (*table.meta.label_set.labels, None)
    for split, counts in findings.balance.items():
        total, most = sum(counts.values()), max(counts.values())
        rows = [
            (
                name or NO_LABEL,
                counts[name],
                f"{100 * counts[name] / total:.1f} %",
                Html(
                    f'<div class="track"><span class="bar" style="width:{100 * counts[name] / most:.1f}%"></span></div>'
                ),
            )
            for name in names
            if name is not None or counts[name]
        ]
        parts.append(
            f"<div><h3>{escape(split)}: {total:,}</h3>{table_html(('class', 'pictures', 'share', ''), rows)}</div>"
        )
    return "".join([*parts, "</div>"])


def _leaks(findings: Findings) -> str:
    parts = ["<h2>Leakage between splits</h2>"]
    if findings.leaks:
        rows = [(leak.split, leak.pictures, leak.other, leak.exact, leak.near) for leak in findings.leaks]
        parts.append(
            table_html(("split", "pictures", "also stand in", "with the same pixels", "with near duplicates"), rows)
        )
    else:
        parts.append('<p class="good">No picture stands in two splits.</p>')
    if shared := findings.shared_subjects:
        parts.append(
            f'<p class="bad">{len(shared):,} subjects stand in more than one split: '
            f"{escape(', '.join(list(shared)[:10]))}.</p>"
        )
    return "".join(parts)


def _groups(table: Table, findings: Findings) -> str:
    exact, near = findings.duplicates.exact, findings.duplicates.near
    rows = [
        ("exact duplicates", len(exact), sum(map(len, exact)), len(findings.conflicts(near=False))),
        ("near duplicates, exact ones included", len(near), sum(map(len, near)), len(findings.conflicts(near=True))),
    ]
    head = table_html(("", "groups", "pictures in them", "groups with different labels"), rows)
    shown = [group[:6] for group in (findings.conflicts(near=True) or near)[:SHOWN_GROUPS]]
    pictures = pictures_at(table, {member for group in shown for member in group})
    figures = "".join(
        '<div class="group">'
        + "".join(
            f'<figure><img alt="" src="{_shown(pictures[member].image)}">'
            f"<figcaption>{escape(pictures[member].label or NO_LABEL)}<br>{escape(pictures[member].split)}<br>"
            f"{escape(Path(pictures[member].path).stem)}</figcaption></figure>"
            for member in group
        )
        + "</div>"
        for group in shown
    )
    which = "Groups with different labels" if findings.conflicts(near=True) else "Groups"
    note = f"<h3>{which}: the first {SHOWN_GROUPS} at most</h3>{figures}" if shown else ""
    return f"<h2>Duplicates</h2>{head}{note}"


def _shown(image: bytes) -> str:
    # A table holds any kind of picture; PNG is one that every browser shows.
    return data_url(encode_png(read_picture(image)), "image/png")


def _blanks(findings: Findings) -> str:
    if not findings.blank:
        return '<h2>Blank pictures</h2><p class="good">None.</p>'
    names = ", ".join(findings.blank[:40]) + (", ..." if len(findings.blank) > 40 else "")
    return f'<h2>Blank pictures: <span class="bad">{len(findings.blank):,}</span></h2><p>{escape(names)}</p>'
