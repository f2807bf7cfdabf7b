"""What the page of the lineage says is what the SQL does."""

from __future__ import annotations

import re

import duckdb

from pipelines import run as flow
from pipelines import transform
from pipelines.contracts import load_contracts
from pipelines.reference import DOCUMENTS, EDITION, lineage


def test_every_column_of_every_model_is_traced_and_no_other(
    committed_run: tuple[flow.Settings, flow.Outcome],
) -> None:
    settings, _ = committed_run
    values, _ = lineage._read(EDITION)
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        for name in transform.load_models():
            made = [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
            assert made == [column for table, column in values if table == name], name


def test_an_indicator_is_made_of_what_explanations_say_it_is() -> None:
    contracts = load_contracts()
    for name, model in transform.load_models().items():
        if model.layer == "indicators":
            for part in ("numerator", "denominator"):
                told = set(transform.fields_behind(model, part, contracts))
                # Explanations go back one model; the page goes back to what was received.
                assert told <= lineage.origins(EDITION, name, part), (name, part)


def test_what_a_rate_is_made_of_and_what_only_chooses_its_rows() -> None:
    models = transform.load_models()
    assert lineage.origins(EDITION, "renewal_rate", "numerator") >= {
        ("contributions", "person_id"),
        ("pension_renewal", "renewed"),
    }
    assert lineage.conditions(EDITION, models["meetings"]) == {("activities", "kind")}
    assert ("adjustments", "score") in lineage.origins(EDITION, "town_score", "total")


def test_a_picture_names_every_item_of_its_area_and_loads_nothing() -> None:
    pictures = {path.name: text() for path, text in DOCUMENTS.items() if path.suffix == ".svg"}
    assert len(pictures) == 6
    for name, picture in pictures.items():
        assert re.findall("(?:https?:)?//[a-z0-9.]+", picture) == ["http://www.w3.org"], name
    assert "3.3.2 资格认证与追缴（2 分）" in pictures["area-3.svg"]
    assert "已认证人数 certified" in pictures["area-3.svg"]
