"""A run that nobody watches: what its log holds, what is called afterwards and with what, and the units for a timer."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from conftest import ROOT
from pipelines import cli, unattended
from pipelines import run as flow
from pipelines.demo import write_demo
from pipelines.errors import Exit

Run = tuple[flow.Settings, flow.Outcome]

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \d+ ")


def teller(folder: Path, name: str) -> tuple[str, Path]:
    """A command that writes what it is told into a file, and that file."""
    script, told = folder / "tell it.py", folder / f"{name}.json"
    script.write_text(
        "import json, os, sys; own = {key: value for key, value in os.environ.items() if key.startswith('KAOHE_')}; "
        "open(sys.argv[1], 'w').write(json.dumps(own)); print('said aloud')",
        encoding="utf-8",
    )
    return shlex.join([sys.executable, str(script), str(told)]), told


def refused(folder: Path, *names: str) -> list[str]:
    """A call of the command that is refused, since files of no source are there."""
    (folder / "raw").mkdir(exist_ok=True)
    for name in names or ("nothing.csv",):
        (folder / "raw" / name).touch()
    where = {"--raw": folder / "raw", "--marts": folder / "marts", "--warehouse": folder / "warehouse.duckdb"}
    return ["run", *(str(part) for pair in where.items() for part in pair)]


def published(committed_run: Run) -> list[str]:
    """A call of the command that finds everything published already."""
    settings, _ = committed_run
    return ["run", "--raw", str(settings.raw), "--marts", str(settings.marts), "--warehouse", str(settings.warehouse)]


def test_the_command_for_success_is_told_what_stands(
    committed_run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (well, told), (ill, never) = teller(tmp_path, "well"), teller(tmp_path, "ill")
    monkeypatch.setenv("KAOHE_ON_SUCCESS", well)
    log = tmp_path / "log" / "kaohe.log"
    assert cli._run_command([*published(committed_run), "--on-failure", ill, "--log", str(log), "--json"]) == Exit.DONE
    settings, outcome = committed_run
    expected = {
        "KAOHE_EXIT_CODE": "0",
        "KAOHE_RUN_ID": outcome.manifest["run_id"],
        "KAOHE_IS_NEW": "0",
        "KAOHE_MARTS": str(settings.marts),
        "KAOHE_LOG": str(log),
    }
    found = json.loads(told.read_text(encoding="utf-8"))
    assert {name: found[name] for name in expected} == expected
    assert "KAOHE_ON_SUCCESS" not in found
    assert not never.exists()
    said = capfd.readouterr()
    assert json.loads(said.out) and "said aloud" in said.err
    assert log.read_text(encoding="utf-8").splitlines()[-1].endswith("结束，退出码 0")


def test_the_command_for_failure_is_told_why_and_nothing_of_what_it_is_told_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (well, never), (ill, told) = teller(tmp_path, "well"), teller(tmp_path, "ill")
    home = tmp_path / "a'b \"; touch escaped; $(touch escaped) `touch escaped`"
    home.mkdir()
    assert cli._run_command([*refused(home), "--on-success", well, "--on-failure", ill]) == Exit.REJECTED
    found = json.loads(told.read_text(encoding="utf-8"))
    assert (found["KAOHE_EXIT_CODE"], found["KAOHE_RUN_ID"], found["KAOHE_IS_NEW"]) == ("3", "", "0")
    assert found["KAOHE_MARTS"] == str(home / "marts")
    assert not never.exists()
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/no/such/command", "/no/such/command"),
        ("sh -c 'exit 9'", "9"),
        ("sh 'never closed", "quotation"),
        ("sleep 60", "timed out"),
    ],
)
def test_a_command_that_fails_is_told_and_changes_nothing(
    committed_run: Run,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    said: str,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(unattended, "PATIENCE", 0.5)
    log = tmp_path / "kaohe.log"
    arguments = [*published(committed_run), "--on-success", command, "--log", str(log), "--lang", "en"]
    assert cli._run_command(arguments) == Exit.DONE
    for told in (capfd.readouterr().err, log.read_text(encoding="utf-8")):
        assert re.search(f"called afterwards failed.*{re.escape(said)}", told, re.IGNORECASE)
        assert "Traceback" not in told


def test_a_run_that_is_stopped_calls_the_command_for_failure(tmp_path: Path) -> None:
    ill, told = teller(tmp_path, "ill")
    log = tmp_path / "kaohe.log"
    code = "import sys; sys.argv[0] = 'kaohe'; from pipelines.cli import main; main()"
    where = ["--marts", str(tmp_path / "marts"), "--warehouse", str(tmp_path / "warehouse.duckdb")]
    running = subprocess.Popen(
        [sys.executable, "-c", code, "run", *where, "--on-failure", ill, "--log", str(log)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not (log.exists() and "读取报送文件" in log.read_text(encoding="utf-8")):
        assert time.monotonic() < until and running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == Exit.INTERRUPTED
    assert json.loads(told.read_text(encoding="utf-8"))["KAOHE_EXIT_CODE"] == "130"
    assert "结束，退出码 130" in log.read_text(encoding="utf-8")


def test_no_name_forges_a_line_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "kaohe.log"
    evil = "x\n2026-01-01T00:00:00+00:00 1 结束，退出码 0\r\x1b[2J\u2028\u202e.csv"
    assert cli._run_command([*refused(tmp_path, evil), "--log", str(log)]) == Exit.REJECTED
    with log.open(encoding="utf-8", newline="") as stream:
        written = stream.read()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", written)
    lines = written.removesuffix("\n").split("\n")
    assert all(LINE.match(line) for line in lines)
    assert [line for line in (LINE.sub("", line) for line in lines) if line.startswith("结束")] == ["结束，退出码 3"]
    assert "\\u000a2026-01-01" in written


@pytest.mark.long
def test_the_log_is_rotated_and_the_oldest_lines_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unattended, "LOG_SIZE", 2_000)
    monkeypatch.setattr(unattended, "LOGS_KEPT", 2)
    log = tmp_path / "kaohe.log"
    for _ in range(5):
        cli._run_command([*refused(tmp_path), "--log", str(log)])
    kept = sorted(tmp_path.glob("kaohe.log*"))
    assert [path.name for path in kept] == ["kaohe.log", "kaohe.log.1", "kaohe.log.2"]
    # The last line is reckoned in characters, of which one may be three bytes.
    assert all(path.stat().st_size < 4_000 for path in kept)
    assert log.read_text(encoding="utf-8").endswith("结束，退出码 3\n")


@pytest.mark.long
def test_a_log_that_cannot_be_opened_ends_the_run_and_a_full_one_does_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ill, told = teller(tmp_path, "ill")
    (tmp_path / "file").touch()
    log = tmp_path / "file" / "kaohe.log"
    assert cli._run_command([*refused(tmp_path), "--log", str(log), "--on-failure", ill]) == Exit.ENVIRONMENT
    assert json.loads(told.read_text(encoding="utf-8"))["KAOHE_EXIT_CODE"] == "7"
    assert not (tmp_path / "marts").exists()
    assert cli._run_command([*refused(tmp_path), "--log", "/dev/full"]) == Exit.REJECTED
    said = capfd.readouterr().err
    assert "Traceback" not in said and "Logging error" not in said


FACETS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["_producer", "_schemaURL"],
        "properties": {
            "_producer": {"format": "uri"},
            "_schemaURL": {"pattern": r"^https://openlineage\.io/spec/facets/\d+-\d+-\d+/(\w+)\.json#/\$defs/\1$"},
        },
    },
}
DATASETS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["namespace", "name"],
        "properties": {"namespace": {"const": "file"}, "name": {"pattern": "^/"}, "facets": FACETS},
        "additionalProperties": False,
    },
}
#: What OpenLineage 2-0-2 asks of an event of a run, and where it leaves a choice, what is chosen here.
RUN_EVENT = {
    "type": "object",
    "required": ["eventType", "eventTime", "run", "job", "producer", "schemaURL"],
    "properties": {
        "eventType": {"enum": ["START", "COMPLETE", "ABORT", "FAIL"]},
        "eventTime": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$"},
        "run": {
            "required": ["runId"],
            "properties": {"runId": {"pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}, "facets": FACETS},
            "additionalProperties": False,
        },
        "job": {"const": {"namespace": "kaohe", "name": "run"}},
        "inputs": DATASETS,
        "outputs": DATASETS,
        "producer": {"pattern": r"^urn:kaohe:\S+$"},
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
    },
    "additionalProperties": False,
}


def events(path: Path) -> list[dict[str, object]]:
    """The events in a file, each of which is what OpenLineage asks for."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for event in found:
        jsonschema.validate(event, RUN_EVENT)
    return found


@pytest.mark.long
def test_lineage_names_what_went_in_and_what_came_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    write_demo(tmp_path / "raw", 2013, (2013,), 3, lambda _: None)
    where = {"--raw": tmp_path / "raw", "--marts": tmp_path / "marts", "--warehouse": tmp_path / "warehouse.duckdb"}
    call = ["run", *(str(part) for pair in where.items() for part in pair), "--lineage", str(tmp_path / "events.jsonl")]
    well, told = teller(tmp_path, "well")
    assert cli._run_command([*call, "--on-success", well]) == Exit.DONE
    assert json.loads(told.read_text(encoding="utf-8"))["KAOHE_IS_NEW"] == "1"
    assert cli._run_command(call) == Exit.DONE
    (tmp_path / "raw" / "2013" / "no-source.csv").touch()
    assert cli._run_command(call) == Exit.REJECTED
    begun, ended, *unchanged, begun_badly, failed = events(tmp_path / "events.jsonl")
    manifest = json.loads((tmp_path / "marts" / "manifest.json").read_text(encoding="utf-8"))

    def stated(datasets: object) -> dict[str, str | None]:
        versions = {each["name"]: each["facets"].get("version", {}) for each in datasets}  # type: ignore[attr-defined]
        return {str(Path(name).relative_to(tmp_path)): facet.get("datasetVersion") for name, facet in versions.items()}

    received = {f"raw/{name}": digest for name, digest in manifest["inputs"]["deliveries"].items()}
    marts = {f"marts/{name}": file["sha256"] for name, file in manifest["files"].items()}
    assert (begun["eventType"], stated(begun["inputs"])) == ("START", dict.fromkeys(received))
    assert (ended["eventType"], stated(ended["inputs"])) == ("COMPLETE", received)
    assert len(stated(ended["outputs"])) == len(manifest["rows"]) > 20
    assert stated(ended["outputs"]).items() <= marts.items()
    assert [(event["eventType"], event["outputs"]) for event in unchanged] == [("START", []), ("COMPLETE", [])]
    assert stated(begun_badly["inputs"]).keys() - received == {"raw/2013/no-source.csv"}
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "exit code 3"  # type: ignore[index]
    runs = [event["run"]["runId"] for event in (begun, ended, *unchanged, begun_badly, failed)]  # type: ignore[index]
    assert runs[0::2] == runs[1::2] and len(set(runs)) == 3


def test_lineage_that_cannot_be_written_at_the_end_changes_nothing(
    committed_run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "events.jsonl"

    def unwritable(*_: object) -> flow.Outcome:
        file.unlink()
        file.mkdir()
        return committed_run[1]

    monkeypatch.setattr(flow, "run", unwritable)
    assert cli._run_command([*published(committed_run), "--lineage", str(file)]) == Exit.DONE
    assert "血缘记录未能写入" in capfd.readouterr().err


def test_what_the_documents_name_is_there() -> None:
    documents = [ROOT / "docs" / "scheduled-runs.md", ROOT / "docs" / "systemd" / "kaohe.service"]
    named = {name for path in documents for name in re.findall(r"KAOHE_[A-Z_]+", path.read_text(encoding="utf-8"))}
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipelines").glob("*.py"))
    assert named == {name for name in named if f'"{name}"' in code}
    assert len(named) > 5


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    for unit in (ROOT / "docs" / "systemd").iterdir():
        # Where the project lies is the bureau's to say.
        text = unit.read_text(encoding="utf-8").replace("%h/kaohe/.venv/bin/kaohe", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
