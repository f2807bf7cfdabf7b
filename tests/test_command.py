"""The command as a user meets it: exit codes, messages that say what to mend, and no wait for help."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from pipelines.errors import Exit, KaoheError
from pipelines.terminal import answer
from pipelines.workplace import warehouse


def _kaohe(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = "import sys; sys.argv[0] = 'kaohe'; from pipelines.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_help_needs_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from pipelines.cli import app; "
        "result = CliRunner().invoke(app, ['--help']); assert 'run' in result.output; "
        "heavy = ('duckdb', 'pandas', 'great_expectations', 'sqlglot', 'pyarrow'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_command_not_understood_leaves_with_2() -> None:
    assert _kaohe("run", "--no-such-option").returncode == 2
    assert _kaohe("demo", "--years", "next").returncode == 2


def test_a_file_that_is_no_delivery_leaves_with_3_and_says_what_to_do(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "2013").mkdir(parents=True)
    (raw / "2013" / "随便.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    told = _kaohe("run", "--raw", str(raw), "--marts", str(tmp_path / "m"), "--warehouse", str(tmp_path / "w.duckdb"))
    assert told.returncode == 3
    assert told.stdout == ""
    for said in ("2013/随便.csv", "towns.csv", "→"):
        assert said in told.stderr
    assert "Traceback" not in told.stderr
    # Nothing is published; what is wrong lies there as a list.
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["returned"]


@pytest.mark.long
def test_every_bad_cell_is_named_in_one_pass_and_nothing_is_published(tmp_path: Path) -> None:
    raw = shutil.copytree(ROOT / "data" / "raw", tmp_path / "raw")
    (raw / "2014" / "citizen_card-坏.csv").write_text(
        "镇街,应发卡人数,持卡人数,申领数,按时制卡数\n没有镇,1,1,1,1\n990101001,12.5,1,１０,11\n", encoding="utf-8"
    )
    told = _kaohe("check", "--raw", str(raw), "--warehouse", str(tmp_path / "w.duckdb"), "--lang", "en")
    assert told.returncode == 5
    for said in (
        "2014/citizen_card-坏.csv line 2",
        "没有镇",
        "nearest",
        "2014/citizen_card-坏.csv line 3",
        "12.5",
        "citizen_card.not_above.on_time",
    ):
        assert said in told.stderr, said
    assert "Traceback" not in told.stderr


def test_lint_of_the_rubric_passes() -> None:
    assert _kaohe("rubric", "lint").returncode == 0


def test_a_year_that_was_not_assessed_is_a_usage_error_and_nothing_published_an_environment_one(tmp_path: Path) -> None:
    told = _kaohe("notice", "2014", "--marts", str(tmp_path))
    assert told.returncode == 7
    assert "make pipeline" in told.stderr
    assert _kaohe("report", "--years", "2014", "--marts", str(tmp_path)).returncode == 2


def test_an_internal_fault_leaves_with_70_and_a_traceback_only_on_demand(tmp_path: Path) -> None:
    code = (
        "import sys; from pipelines import run; run.run = lambda *_: 1 / 0; "
        "sys.argv = ['kaohe', 'run'] + sys.argv[1:]; from pipelines.cli import main; main()"
    )
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert plain.returncode == 70
    assert "Traceback" not in plain.stderr
    traced = subprocess.run(
        [sys.executable, "-c", code, "--debug"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert traced.returncode == 70
    assert "ZeroDivisionError" in traced.stderr


def test_a_result_hides_nothing_and_tells_the_terminal_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "甲\x1b[2J\u202e\r乙\t丙"
    answer(None, hostile, as_json=False)
    assert capsys.readouterr().out == "甲\\u001b[2J\\u202e\\u000d乙\t丙\n"
    answer({"name": hostile}, "", as_json=True)
    told = capsys.readouterr().out
    assert "\u202e" not in told
    assert json.loads(told) == {"name": hostile}


@pytest.mark.parametrize(("limit", "most"), [(None, "6GB"), ("1GB", "1GB")])
def test_the_database_takes_no_more_memory_than_it_is_told_to_or_most_runs_need(
    tmp_path: Path, limit: str | None, most: str
) -> None:
    asked = "SELECT parse_formatted_bytes(current_setting('memory_limit')), parse_formatted_bytes(?)"
    with warehouse(tmp_path / "warehouse.duckdb", limit) as connection:
        taken, allowed = connection.execute(asked, [most]).fetchall()[0]
    assert 0 < taken <= allowed


def test_memory_in_words_the_database_does_not_know_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(KaoheError, match="write it as 2GB") as refused,
        warehouse(tmp_path / "warehouse.duckdb", "viel"),
    ):
        pass
    assert refused.value.code == Exit.USAGE
