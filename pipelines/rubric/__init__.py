"""The rubric as data: YAML, checked as it is read, then put into tables that the SQL models interpret.

Numbers are taken from their text into exact fractions (``0.5``, ``99%``, ``1/3``); nothing passes through a binary
float. A value that depends on how an open passage is read is written ``{interpretation: id, option: value, …}`` (or
without the values where the options are the values) and is resolved when a scenario is laid down.
"""

from pipelines.rubric.edition import Band, Edition, Indicator, Interpretation, Item
from pipelines.rubric.examples import Example, ItemExpectation
from pipelines.rubric.files import load_edition, load_examples, schema
from pipelines.rubric.laws import laws_broken, lint
from pipelines.rubric.numbers import Text, as_text, exact, figure
from pipelines.rubric.readings import (
    IN_FORCE,
    Scenario,
    all_scenarios,
    interpretations_in,
    resolve,
    scenario,
    terms_of,
)
from pipelines.rubric.tables import load_into
from pipelines.rubric.terms import (
    Bonus,
    Condition,
    Flag,
    Judged,
    Proportion,
    Shortfall,
    Term,
    Tiers,
    worst_loss,
)
from pipelines.rubric.words import term_in_words

__all__ = [
    "IN_FORCE",
    "Band",
    "Bonus",
    "Condition",
    "Edition",
    "Example",
    "Flag",
    "Indicator",
    "Interpretation",
    "Item",
    "ItemExpectation",
    "Judged",
    "Proportion",
    "Scenario",
    "Shortfall",
    "Term",
    "Text",
    "Tiers",
    "all_scenarios",
    "as_text",
    "exact",
    "figure",
    "interpretations_in",
    "laws_broken",
    "lint",
    "load_edition",
    "load_examples",
    "load_into",
    "resolve",
    "scenario",
    "schema",
    "term_in_words",
    "terms_of",
    "worst_loss",
]
