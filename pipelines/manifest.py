"""What a result depends on, and what its manifest tells of it."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.contracts import load_contracts
from pipelines.errors import Exit
from pipelines.publish import chain
from pipelines.rows import rows_of
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

PACKAGE = Path(__file__).parent
LOCK_FILE = PACKAGE.parent / "requirements.lock"


def inputs_of(settings: Settings) -> dict[str, Any]:
    """Everything the result depends on, as hashes: same inputs, same bytes."""
    from pipelines.ingest.deliveries import shown_name

    received = _hashes(settings.raw, "**/*")
    return {
        "deliveries": {shown_name(settings.raw / name, settings.raw): digest for name, digest in received.items()},
        "person_key": _key_fingerprint(settings),
        "corrections": chain.sha256(settings.corrections) if settings.corrections else None,
        "rubric": _digest(_hashes(settings.rubric, "**/*.yml")),
        "rules": _digest(_hashes(PACKAGE, "**/*.yml") | _hashes(PACKAGE, "**/*.sql")),
        "code": _digest(_hashes(PACKAGE, "**/*.py")),
        "lock": chain.sha256(LOCK_FILE) if LOCK_FILE.is_file() else None,
        "allow_partial": settings.allow_partial,
        "results_only": settings.results_only,
    }


def _key_fingerprint(settings: Settings) -> str | None:
    """Which key identity numbers are hashed under, where a person-level source lies among the deliveries."""
    from pipelines.ingest.identity import fingerprint, read_key

    sources = [contract.name for contract in load_contracts().values() if contract.is_person_level]
    if not any(path for source in sources for path in settings.raw.glob(f"*/{source}[.-]*")):
        return None
    return fingerprint(read_key(settings.key, [settings.raw, settings.marts, PACKAGE.parent]))


def _hashes(folder: Path, pattern: str) -> dict[str, str]:
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): chain.sha256(path) for path in files}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def manifest_of(connection: duckdb.DuckDBPyConnection, inputs: dict[str, Any], code: Exit) -> dict[str, Any]:
    """What is told of a publication beside its marts: what went in, how it was read, and what came out."""
    from importlib.metadata import version

    ask = partial(rows_of, connection)
    settings = ask("SELECT interpretation, option FROM rubric_setting WHERE scenario = 'in_force' ORDER BY 1")
    return {
        "run_id": _digest(inputs)[:16],
        "version": version("kaohe"),
        "edition": ask("SELECT edition FROM rubric_scenario WHERE scenario = 'in_force'")[0]["edition"],
        "interpretations": {row["interpretation"]: row["option"] for row in settings},
        "is_synthetic": ask("SELECT coalesce(bool_or(is_synthetic), false) AS found FROM town_score")[0]["found"],
        "exit_code": int(code),
        "inputs": inputs,
        "deliveries": ask("SELECT * FROM delivery ORDER BY source_file, source_sheet"),
        "checks": ask(
            "SELECT severity, count(*) AS checks, count(*) FILTER (WHERE NOT success) AS failed "
            "FROM quality_check GROUP BY severity ORDER BY severity"
        ),
        "grades": ask(
            "SELECT year, coalesce(grade, '') AS grade, count(*) AS towns FROM town_score GROUP BY ALL ORDER BY 1, 2"
        ),
    }
