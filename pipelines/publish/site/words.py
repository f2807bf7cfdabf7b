"""Words and figures as pages hold them: in both languages, of which a page shows one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from pipelines.analysis.grades import Band
from pipelines.analysis.words import grade_name
from pipelines.labels import label

if TYPE_CHECKING:
    from markupsafe import Markup


def in_both(zh: object, en: object) -> Markup:
    """The same words in both languages, of which the page shows one."""
    from markupsafe import Markup, escape

    if zh == en:
        return escape(zh)
    return Markup(f'<span class="zh" lang="zh-CN">{escape(zh)}</span><span class="en" lang="en">{escape(en)}</span>')


def in_both_svg(zh: object, en: object) -> Markup:
    """The same words in both languages, inside a text of a drawing."""
    from markupsafe import Markup, escape

    if zh == en:
        return escape(zh)
    return Markup(
        f'<tspan class="zh" lang="zh-CN">{escape(zh)}</tspan><tspan class="en" lang="en">{escape(en)}</tspan>'
    )


def said(key: str, lang: str, **fields: object) -> str:
    """A label of the table with its fields filled in, in one language and as plain text."""
    return label(key, "zh" if lang == "zh" else "en").format(**fields)


def word(key: str, **fields: object) -> Markup:
    """A label of the table in both languages; a field may be a piece of page already."""
    from markupsafe import Markup, escape

    filled = {name: escape(value) for name, value in fields.items()}
    zh, en = (Markup(escape(label(key, lang))).format(**filled) for lang in ("zh", "en"))
    return in_both(zh, en)


def heading(key: str) -> Markup:
    """A label of the table in both languages, where it begins a line."""
    english = label(key, "en")
    return in_both(label(key, "zh"), english[:1].upper() + english[1:])


def word_svg(key: str, **fields: object) -> Markup:
    """A label of the table in both languages, inside a text of a drawing."""
    return in_both_svg(said(key, "zh", **fields), said(key, "en", **fields))


def grade_words(grade: str | None) -> tuple[str, str]:
    """A grade in Chinese and English."""
    return grade_name(grade, "zh"), grade_name(grade, "en")


def band_words(band: Band) -> tuple[str, str]:
    """The limits of a grade as the rubric has them, in Chinese and English."""
    zh, en = (
        [label(f"site_band_{name}", lang).format(points(limit)) for name, limit in band.written]
        for lang in ("zh", "en")
    )
    return "，".join(zh), ", ".join(en)


def points(value: Decimal | None) -> str:
    """Points without decimals that say nothing: 6, 0.5, 89.75."""
    if value is None:
        return "—"
    return f"{value.normalize():f}" if value else "0"


def signed(value: Decimal | None) -> str:
    """A change, with a sign as it is set in print."""
    if value is None:
        return "—"
    return f"+{value}" if value > 0 else str(value).replace("-", "−") if value else str(abs(value))


def mean(total: Decimal, count: int) -> Decimal:
    """A mean of points, rounded half up to two decimals."""
    return (Decimal(total) / count).quantize(Decimal("0.01"), ROUND_HALF_UP)


def figure(row: Mapping[str, Any] | None) -> Markup:
    """An indicator's value as people write it; says why where there is none."""
    from markupsafe import Markup

    if row is None:
        return Markup("—")
    if row["value"] is None:
        return word(f"site_figure_{row['status']}")
    value: Decimal = row["value"]
    match row["unit"]:
        case "percent":
            return Markup("{}%").format((value * 100).quantize(Decimal("0.01"), ROUND_HALF_UP))
        case "flag":
            return word("site_yes" if value else "site_no")
        case "ratio":
            return Markup("{}").format(value.quantize(Decimal("0.1"), ROUND_HALF_UP))
        case _:
            return Markup("{}").format(points(value))


def ignored(reasons: str | None) -> Markup:
    """Why rows were ignored, ``header 1; note 2``, in both languages; a reason without a label stands for itself."""
    told: dict[str, list[str]] = {"zh": [], "en": []}
    for reason in filter(None, (reasons or "").split("; ")):
        name, _, count = reason.rpartition(" ")
        for lang, words in told.items():
            try:
                words.append(said(f"site_ignored_{name}", lang, count=count))
            except KeyError:
                words.append(reason)
    return in_both("，".join(told["zh"]), ", ".join(told["en"]))


def script_text(text: str) -> str:
    """``text`` as a literal of a script file that keeps its line ends and tabs, and in which nothing ends early."""
    escaped = re.sub(r"[\\`$]", r"\\\g<0>", text)
    return "`" + re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + "`"
