"""A rule of the rubric as a sentence, from the one table of labels."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from pipelines.labels import Language, label
from pipelines.rubric.edition import Indicator
from pipelines.rubric.numbers import as_text
from pipelines.rubric.terms import Bonus, Condition, Flag, Judged, Proportion, Term, Tiers


def term_in_words(term: Term, indicators: Mapping[str, Indicator], lang: Language) -> str:
    """One term as a sentence: what it looks at, what it wants and what it takes."""

    def say(key: str, **filled: str) -> str:
        return label(f"rule_{key}", lang).format(**filled)

    if isinstance(term, Judged):
        return say("judged")
    if isinstance(term, Bonus):
        return say("bonus") + (say("bonus_cap", points=as_text(term.cap)) if term.cap else "")
    indicator = indicators[term.indicator]
    figure = getattr(indicator.title, lang)

    def amount(number: Fraction) -> str:
        return f"{as_text(number * 100)}%" if indicator.unit == "percent" else as_text(number)

    if isinstance(term, Flag):
        return say("flag", figure=figure, points=as_text(term.points))
    if isinstance(term, Tiers):
        tiers = [say("tier", at_least=amount(tier.at_least), points=as_text(tier.points)) for tier in term.tiers]
        told = say("tiers", figure=figure, tiers=", ".join(tiers))
    else:
        aim = f"{figure} {'≤' if term.direction == 'at_most' else '≥'} {amount(term.target)}"
        if isinstance(term, Condition):
            told = say("condition", aim=aim)
        elif isinstance(term, Proportion):
            told = say(f"proportion_{term.below_target}", aim=aim, points=as_text(term.points))
        else:
            told = say("shortfall", aim=aim, step=amount(term.step), loss=as_text(term.loss_per_step))
            told += say(f"part_{term.part_step}")
            told += say("cap", points=as_text(term.cap)) if term.cap else ""
            told += say("cliff", limit=amount(term.cliff)) if term.cliff else ""
    return told + (say(f"zero_{term.zero_denominator}") if term.zero_denominator else "")
