"""Identity numbers of persons: checked and turned into a keyed hash as they are loaded, masked wherever text is shown.

What is kept of a number is HMAC-SHA256 under a key that lies outside the repository and everything that is published.
The database computes it while it takes the rows in, so that no number is ever written to its file. Numbers of fifteen
digits are made eighteen first: one person is one person. See docs/privacy.md.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import Exit, KaoheError
from pipelines.ingest.values import ascii_text
from pipelines.masking import MASK, masked_sql
from pipelines.sql_text import identifier

if TYPE_CHECKING:
    import duckdb

    from pipelines.contracts import Contract

KEY_FILE = "KAOHE_KEY_FILE"
_LEAST_BYTES = 32
_BLOCK = 64

#: What stands in place of a number that was refused → why, in Chinese and English, and what to do.
REFUSALS = {
    "form": ("位数或字符不对", "is no number of 18 or 15 places"),
    "birth": ("出生日期不对", "holds no possible date of birth"),
    "check": ("校验码不符", "does not agree with its check digit"),
    "rounded": ("已被表格软件改成数，后几位已丢失", "was rounded by a spreadsheet, and its last digits are lost"),
}

_LONG, _SHORT = "^[1-9][0-9]{16}[0-9X]$", "^[1-9][0-9]{14}$"
#: Numbers as a spreadsheet shows and keeps them once it has taken them for figures.
_ROUNDED = "^[0-9]([.][0-9]+)?E[+]?[0-9]+$"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
#: Nobody older than this pays.
_OLDEST = 120


# The key --------------------------------------------------------------------------------------------------------------


def key_path(given: Path | None) -> Path:
    """Where the key is: ``given``, else what the environment names, else a file among the user's settings."""
    import typer

    named = os.environ.get(KEY_FILE)
    return given or (Path(named) if named else Path(typer.get_app_dir("kaohe")) / "person.key")


def read_key(given: Path | None, kept_apart_from: Iterable[Path]) -> bytes:
    """The secret key; made at random where there is none yet, for its owner alone to read.

    KaoheError (environment) where it can be neither read nor made, is too short, may be read by others, or lies in one
    of the folders ``kept_apart_from``, whose content travels.
    """
    path = key_path(given)
    for folder in kept_apart_from:
        if path.resolve().is_relative_to(folder.resolve()):
            raise _no_key(path, f"密钥不得放在 {folder} 内", f"the key may not lie in {folder}")
    try:
        if not path.exists():
            _make_key(path)
        content = path.read_bytes()
        others_read = os.name == "posix" and path.stat().st_mode & 0o077
    except OSError as error:
        raise _no_key(
            path, f"读不到也建不了（{error.strerror}）", f"cannot be read or made ({error.strerror})"
        ) from error
    if others_read:
        raise _no_key(path, "他人可读，请执行 chmod 600", "others may read it: chmod 600 it")
    key = content.strip()
    if len(key) < _LEAST_BYTES:
        raise _no_key(path, f"不足 {_LEAST_BYTES} 字节", f"shorter than {_LEAST_BYTES} bytes")
    return key


def fingerprint(key: bytes) -> str:
    """What tells one key from another without telling the key."""
    return hmac.new(key, b"kaohe person key", hashlib.sha256).hexdigest()[:16]


def set_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Have ``kept`` hash under ``key`` on this connection; it is held in memory alone."""
    padded = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    for name, pad in (("inner", 0x36), ("outer", 0x5C)):
        connection.execute(f"SET VARIABLE person_key_{name} = CAST(? AS BLOB)", [bytes(byte ^ pad for byte in padded)])


def forget_key(connection: duckdb.DuckDBPyConnection) -> None:
    """Let nothing that runs later on this connection hash, or read the key."""
    connection.execute("RESET VARIABLE person_key_inner; RESET VARIABLE person_key_outer")


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_hex(_LEAST_BYTES) + "\n")
        stream.flush()
        os.fsync(descriptor)


def _no_key(path: Path, zh: str, en: str) -> KaoheError:
    told = (
        f"报送中有个人明细，须有证件号密钥：{path} {zh}；用 --key 或 {KEY_FILE} 指定 / "
        f"person-level deliveries need the key for identity numbers: {path} {en}; name one by --key or {KEY_FILE}"
    )
    return KaoheError(Exit.ENVIRONMENT, told)


# Rows as they are taken in --------------------------------------------------------------------------------------------


def without_identity_numbers(contract: Contract, arriving: str, *, has_beyond: bool = True) -> str:
    """A query for the rows of ``arriving`` (a table's name or a query in brackets) as they may be kept.

    Its columns are those of ``arriving``: ``source_file``, ``first_cell``, the fields of the contract and any others,
    ``beyond`` among them unless told otherwise. An identity number in a field that holds them becomes its hash, or
    ``***`` and a key of ``REFUSALS``; one inside any other text is masked.
    """
    personal = [field.name for field in contract.fields if field.personal]
    others = [field.name for field in contract.fields if not field.personal]
    beyond = ("beyond",) if has_beyond else ()
    texts = {name: masked_sql(f'"{name}"', wholly=bool(personal)) for name in ("first_cell", *beyond, *others)}
    if not personal:
        replaced = ", ".join(f'{text} AS "{name}"' for name, text in texts.items())
        return f"SELECT * REPLACE ({replaced}) FROM {arriving} AS arriving"
    first = " OR ".join(
        f'(first_cell = "{name}" AND ("{name}_seventeen" IS NOT NULL OR {_is_number(name)}))' for name in personal
    )
    texts["first_cell"] = f"CASE WHEN {first} THEN '{MASK}' ELSE {texts['first_cell']} END"
    texts |= {name: f"CASE WHEN {name} IS NOT NULL THEN '{MASK}' END" for name in beyond}
    texts |= {name: _identity(name) for name in personal}
    replaced = ", ".join(f'{text} AS "{name}"' for name, text in texts.items())
    stages = (_written, _seventeen, _check)
    rows = f"{arriving} AS arriving"
    added: list[str] = []
    for stage in stages:
        of = {name: f'"{name}{stage.__name__}"' for name in personal}
        rows = f"(SELECT *, {', '.join(f'{stage(name)} AS {column}' for name, column in of.items())} FROM {rows})"
        added += of.values()
    return f"SELECT * EXCLUDE ({', '.join(added)}) REPLACE ({replaced}) FROM {rows}"


# What is made of a field on the way, each from the one before, in columns called as the functions are.


def _written(name: str) -> str:
    """The number in ASCII capitals without white space; an apostrophe in front is how a spreadsheet marks text."""
    tidied = f"ltrim(upper(replace(coalesce({ascii_text(identifier(name))}, ''), ' ', '')), '''')"
    # Nearly all are tidy, and to see that is quicker.
    return f'CASE WHEN regexp_matches("{name}", \'{_LONG}\') THEN "{name}" ELSE {tidied} END'


def _seventeen(name: str) -> str:
    """The first seventeen places, as a whole number; NULL where it has neither form."""
    written = f'"{name}_written"'
    return (
        f"CASE WHEN regexp_matches({written}, '{_LONG}') THEN CAST(left({written}, 17) AS BIGINT) "
        f"WHEN regexp_matches({written}, '{_SHORT}') "
        f"THEN CAST(left({written}, 6) || '19' || right({written}, 9) AS BIGINT) END"
    )


def _check(name: str) -> str:
    """The check digit that the seventeen places ask for."""
    seventeen = f'CAST("{name}_seventeen" AS BIGINT)'
    places = [f"{seventeen} // {10 ** (16 - at)} % 10 * {weight}" for at, weight in enumerate(_WEIGHTS)]
    return f"substr('{_CHECKS}', 1 + ({' + '.join(places)}) % 11, 1)"


def _identity(name: str) -> str:
    """The hash of a number, ``***`` with why it was refused, or the text where it is no number at all."""
    written, seventeen, check = (f'"{name}{stage.__name__}"' for stage in (_written, _seventeen, _check))
    whole_number = f"CAST({seventeen} AS BIGINT)"
    year, month, day = (f"{whole_number} // {10**at} % {10**places}" for at, places in ((7, 4), (5, 2), (3, 2)))
    of_file = "TRY_CAST(left(source_file, 4) AS INTEGER)"
    is_born = (
        f"TRY(make_date({year}, {month}, {day})) IS NOT NULL AND {year} BETWEEN {of_file} - {_OLDEST} AND {of_file}"
    )
    whole = f"CAST({seventeen} AS VARCHAR) || {check}"
    hashed = (
        f"sha256(getvariable('person_key_outer') || unhex(sha256(getvariable('person_key_inner') || encode({whole}))))"
    )
    return (
        f"CASE WHEN {seventeen} IS NULL AND regexp_matches({written}, '{_ROUNDED}') THEN '{MASK} rounded' "
        f"WHEN {seventeen} IS NULL AND {_is_number(name)} THEN '{MASK} form' "
        # Words are for the gate to refuse, and tell a row of notes from one of data.
        f"WHEN {seventeen} IS NULL THEN {masked_sql(identifier(name), wholly=True)} "
        f"WHEN NOT coalesce({is_born}, FALSE) THEN '{MASK} birth' "
        f"WHEN length({written}) = 18 AND right({written}, 1) <> {check} "
        f"THEN if(ends_with({written}, '000'), '{MASK} rounded', '{MASK} check') "
        f"ELSE {hashed} END"
    )


def _is_number(name: str) -> str:
    """SQL condition: what is written is one word with a digit in it, and so may be meant for a number."""
    return f"regexp_full_match(\"{name}_written\", '[0-9A-Z.+*-]*[0-9][0-9A-Z.+*-]*')"
