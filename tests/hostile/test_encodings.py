"""Files in other encodings than the usual, and characters that are not what they look like."""

from __future__ import annotations

import pytest
from office import Office

pytestmark = pytest.mark.group("1 encodings and text")


def test_a_file_with_a_nul_byte_is_refused(office: Office) -> None:
    path = office.file("2013/citizen_card.csv")
    path.write_bytes(path.read_bytes()[:-3] + b"\0" + path.read_bytes()[-3:])
    told = office.run()
    assert told.about("2013/citizen_card.csv")
