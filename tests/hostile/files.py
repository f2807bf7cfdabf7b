"""Files as they are received, made byte by byte: workbooks with parts changed, containers, bombs."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence

import openpyxl

SHEET = "xl/worksheets/sheet1.xml"


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]], merged: Sequence[str] = ()) -> bytes:
    """An xlsx workbook of the sheets given, in order; ``merged`` areas are of every one of them."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for area in merged:
            sheet.merge_cells(area)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def repacked(
    content: bytes, changed: Mapping[str, Callable[[bytes], bytes]] = {}, added: Sequence[tuple[str, bytes]] = ()
) -> bytes:
    """A zip file with parts changed and others added, if need be under names that are taken."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changed.get(name, bytes)(old.read(name)))
        for name, part in added:
            new.writestr(name, part)
    return written.getvalue()


def replacing(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Puts ``new`` in place of ``old``, which must be there."""

    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return change


def swollen(content: bytes, part: str, megabytes: int) -> bytes:
    """A zip file with one part grown by so many megabytes of white space, which take a kilobyte each when packed."""
    packer = zlib.compressobj(9, wbits=-15)
    head = packer.compress(zipfile.ZipFile(io.BytesIO(content)).read(part)) + packer.flush(zlib.Z_FULL_FLUSH)
    blank = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = head + blank * megabytes + packer.flush()
    return _with_packed(content, part, packed, len(zipfile.ZipFile(io.BytesIO(content)).read(part)) + (megabytes << 20))


def _with_packed(content: bytes, part: str, packed: bytes, size: int) -> bytes:
    """A zip file with ``packed`` as the compressed content of a part, its checksum left wrong."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
        new.writestr(part, packed)
        entry = new.getinfo(part)
        entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, size
        at = entry.header_offset
    whole = bytearray(written.getvalue())
    struct.pack_into("<H", whole, at + 8, zipfile.ZIP_DEFLATED)
    struct.pack_into("<I", whole, at + 22, size)
    return bytes(whole)


def container(*streams: str) -> bytes:
    """A compound file, as Office wrote before 2007 and still writes around what has a password."""
    end, free, fat = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    names = ["Root Entry", *streams]
    table = [fat, end] + [number for at in range(len(streams)) for number in (*range(3 + 8 * at, 10 + 8 * at), end)]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0, 0) + struct.pack("<I", free) * 108
    directory = b""
    for at, name in enumerate(names):
        wide = name.encode("utf-16-le")
        child = 1 if at == 0 else free
        following = at + 1 if 0 < at < len(names) - 1 else free
        directory += wide.ljust(64, b"\0") + struct.pack(
            "<HBBIII36xIQ", len(wide) + 2, 5 if at == 0 else 2, 1, free, following, child,
            end if at == 0 else 2 + 8 * (at - 1), 0 if at == 0 else 4096,
        )  # fmt: skip
    sectors = struct.pack("<128I", *table, *[free] * (128 - len(table))) + directory.ljust(512, b"\0")
    return header + sectors + bytes(4096) * len(streams)


def separated(rows: Sequence[Sequence[object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
