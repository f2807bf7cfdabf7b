"""Contracts: what each source must look like, one Table Schema file a source.

The files follow Frictionless Table Schema (fields, constraints, primaryKey, foreignKeys); the properties the
standard does not have are ``title_en``, ``aliases``, ``unit``, ``additive``, ``personal``, ``rules``, ``coverage`` and
``counted``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.plain_yaml import load_yaml

FOLDER = Path(__file__).parent


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Constraints(_Closed):
    """Limits on one field, all of them blocking when broken.

    ``required`` is for what identifies a row or carries a decision. A figure is never required: one that is absent
    is *not reported*, which is a warning and makes the items resting on it missing.
    """

    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    enum: tuple[str, ...] = ()


class ContractField(_Closed):
    """One column of a source. ``type`` is a Table Schema type; ``number`` holds at most two decimals.

    A ``personal`` column holds identity numbers of persons, of which only keyed hashes are kept.
    """

    name: str
    title: str
    title_en: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    type: Literal["string", "integer", "number", "boolean", "date", "year"]
    unit: str = ""
    additive: bool = False
    personal: bool = False
    optional: bool = False
    constraints: Constraints = Constraints()

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header a sender may write over this column."""
        return (self.name, self.title, *self.aliases)


class Reference(_Closed):
    """What a foreign key points at."""

    resource: Literal["towns", "rubric_item"]
    fields: str


class ForeignKey(_Closed):
    """A field whose values are names of something registered elsewhere."""

    fields: str
    reference: Reference


class NotAbove(_Closed):
    """``field`` may not exceed ``limit`` in any row where both are reported."""

    rule: Literal["not_above"]
    field: str
    limit: str


class StatedRate(_Closed):
    """A rate (in percent) the sender states must agree, to the digits it is given in, with its two parts."""

    rule: Literal["stated_rate"]
    field: str
    numerator: str
    denominator: str


Rule = Annotated[NotAbove | StatedRate, Field(discriminator="rule")]


class Contract(_Closed):
    """What one source must look like.

    Attributes:
        fields: the columns; a column with ``optional`` may be absent from a delivery.
        primary_key: fields that together name a row once.
        coverage: fields whose combinations are all expected for each delivered year (``town``: every town of the
            register in that year; ``month``: 1 to 12; any other: its ``enum``). What is absent is a warning.
        counted: whether scores rest on how many rows a town has, so that none at all is 0 and no figure is missing;
            a town without any is a warning.
    """

    name: str
    title: str
    title_en: str
    description: str
    fields: tuple[ContractField, ...]
    primary_key: Annotated[tuple[str, ...], Field(alias="primaryKey")]
    foreign_keys: Annotated[tuple[ForeignKey, ...], Field(alias="foreignKeys")] = ()
    rules: tuple[Rule, ...] = ()
    coverage: tuple[str, ...] = ()
    counted: bool = False

    @model_validator(mode="after")
    def _names_exist(self) -> Contract:
        names = [field.name for field in self.fields]
        headers = [header for field in self.fields for header in field.headers]
        for kind, given in (("field", names), ("header", headers)):
            doubled = sorted({name for name in given if given.count(name) > 1})
            if doubled:
                raise ValueError(f"{self.name}: {kind} given twice: {', '.join(doubled)}")
        used = [*self.primary_key, *self.coverage, *(key.fields for key in self.foreign_keys)]
        for rule in self.rules:
            used += [value for key, value in rule.model_dump().items() if key != "rule"]
        unknown = sorted(set(used) - set(names))
        if unknown:
            raise ValueError(f"{self.name}: no such field: {', '.join(unknown)}")
        return self

    def field(self, name: str) -> ContractField:
        """The field called ``name``; KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def is_person_level(self) -> bool:
        """Whether a row is about one person."""
        return any(field.personal for field in self.fields)

    @property
    def town_field(self) -> str | None:
        """The field that names a town of the register, if any."""
        return next((key.fields for key in self.foreign_keys if key.reference.resource == "towns"), None)


@cache
def load_contracts(folder: Path = FOLDER) -> dict[str, Contract]:
    """Every contract in ``folder`` by source name, in alphabetical order.

    Raises ``pydantic.ValidationError`` or ``ruamel.yaml`` errors for a file that is not a contract.
    """
    contracts = {}
    for path in sorted(folder.glob("*.yml")):
        contract = Contract.model_validate(load_yaml(path.read_text(encoding="utf-8")))
        if contract.name != path.stem:
            raise ValueError(f"{path.name}: the contract inside is called {contract.name}")
        contracts[contract.name] = contract
    return contracts
