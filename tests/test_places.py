import duckdb
import pytest

from pipelines.places import place, place_sql


@pytest.mark.parametrize("file", ["2013/a.csv", "2013/A.CSV", "2013/a.parquet", "2013/a.xlsx", "2013/a*"])
@pytest.mark.parametrize("position", [None, 1, 26, 27, 52, 53, 702, 703, 728, 729, 1378, 1379, 16384])
def test_the_database_names_a_cell_as_python_does(file: str, position: int | None) -> None:
    query = f"SELECT {place_sql('$file', '$row', '$position')}"
    given = {"file": file, "row": 7, "position": position}
    assert duckdb.execute(query, given).fetchall() == [(place(file, 7, position),)]


def test_an_absent_row_has_no_place() -> None:
    query = f"SELECT {place_sql('$file', 'NULL::BIGINT', '1')}"
    assert duckdb.execute(query, {"file": "2013/a.csv"}).fetchall() == [(None,)]
