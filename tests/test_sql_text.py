import duckdb
import pytest

from pipelines.sql_text import identifier, literal

HOSTILE = ["", "o'brien", "''", "\\'", '"', '""', "a\"b'c", "'; DROP TABLE town; --", "$1 ? %s {x}", "合计\n'计'"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_literal_says_what_the_text_says(text: str) -> None:
    assert duckdb.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("name", HOSTILE[1:])
def test_an_identifier_is_called_what_the_name_says(name: str) -> None:
    assert [column[0] for column in duckdb.execute(f"SELECT 1 AS {identifier(name)}").description] == [name]


def test_a_path_is_a_literal(tmp_path) -> None:
    path = tmp_path / "o'brien's.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS one) TO {literal(path)} (FORMAT parquet)")
    assert duckdb.execute(f"FROM read_parquet({literal(path)})").fetchall() == [(1,)]
