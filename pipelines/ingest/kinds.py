"""What a file really is, whatever its name says: told from its first bytes and, of containers, from what is in them."""

from __future__ import annotations

import codecs
import mmap
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from pipelines.ingest.sheets import UnreadableError


@dataclass(frozen=True)
class Kind:
    """A kind of file, named in Chinese and English, with what its sender should do.

    ``suffix`` is the extension of the formats that are read, and '' of every other.
    """

    zh: str
    en: str
    remedy_zh: str
    remedy_en: str
    suffix: str = ""


_AS_XLSX = ("请用 Excel 或 WPS 打开，另存为 .xlsx", "open it in Excel or WPS and save it as .xlsx")
_THE_TABLE = ("请报送数据表本身，存为 .xlsx 或 .csv", "send the table itself, as .xlsx or .csv")
_UNPACKED = ("请解压后报送里面的文件", "unpack it and send what is inside")

XLSX = Kind("xlsx 工作簿", "an .xlsx workbook", "请把扩展名改为 .xlsx", "name it .xlsx", ".xlsx")
PARQUET = Kind("Parquet 文件", "a Parquet file", "请把扩展名改为 .parquet", "name it .parquet", ".parquet")
TEXT = Kind("文本文件", "a text file", "请把扩展名改为 .csv", "name it .csv", ".csv")
_EMPTY = Kind("空文件（0 字节）", "an empty file of 0 bytes", "请重新导出后报送", "export it again")
_PASSWORD = Kind(
    "设有打开密码的工作簿", "a workbook with a password", "请去掉密码，另存为 .xlsx", "remove the password"
)
_MACROS = Kind(
    "含宏的工作簿（.xlsm）",
    "a workbook with macros (.xlsm)",
    "请另存为不含宏的 .xlsx",
    "save it as .xlsx, without macros",
)
_XLS = Kind("旧版 Excel 工作簿（.xls）", "an old .xls workbook", *_AS_XLSX)
_XLSB = Kind("二进制工作簿（.xlsb）", "a binary workbook (.xlsb)", *_AS_XLSX)
_ODS = Kind("OpenDocument 表格（.ods）", "an OpenDocument spreadsheet (.ods)", *_AS_XLSX)
_XML_TABLE = Kind("XML 表格 2003", "an XML spreadsheet of 2003", *_AS_XLSX)
_HTML = Kind("HTML 网页", "an HTML page", *_AS_XLSX)
_ARCHIVED_PAGE = Kind("单个文件网页（MHTML）", "a web archive (MHTML)", *_AS_XLSX)
_XML = Kind("XML 文件", "an XML file", *_THE_TABLE)
_JSON = Kind("JSON 文件", "a JSON file", *_THE_TABLE)
_WORD = Kind("Word 文档", "a Word document", *_THE_TABLE)
_ZIP = Kind("压缩包（zip）", "a zip archive", *_UNPACKED)
_CUT_ZIP = Kind(
    "不完整的 xlsx 工作簿或压缩包",
    "an .xlsx workbook or zip archive that is damaged or cut short",
    "多为复制、下载或发送中断，请重新另存后报送",
    "copying or sending it often broke off; save it again and send it anew",
)
_BINARY = Kind("二进制文件", "a binary file", *_THE_TABLE)

_CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Streams of the container of old Office files, by which one tells what is in it.
_STREAMS = (
    ("EncryptedPackage", _PASSWORD),
    ("Workbook", _XLS),
    ("Book", _XLS),
    ("WordDocument", _WORD),
)
_CONTENT_TYPES = "[Content_Types].xml"
#: What a package says of itself, and the parts by which it is known.
_DECLARED = ((b"opendocument.spreadsheet", _ODS), (b"sheet.macroEnabled", _MACROS))
_INSIDE = (("xl/workbook.bin", _XLSB), ("xl/workbook.xml", XLSX), ("word/document.xml", _WORD))
_FIRST_BYTES = (
    (b"PAR1", PARQUET),
    (b"%PDF", Kind("PDF 文档", "a PDF document", *_THE_TABLE)),
    (b"\x89PNG", Kind("PNG 图片", "a PNG picture", *_THE_TABLE)),
    (b"\xff\xd8\xff", Kind("JPEG 图片", "a JPEG picture", *_THE_TABLE)),
    (b"Rar!", Kind("压缩包（RAR）", "a RAR archive", *_UNPACKED)),
    (b"7z\xbc\xaf", Kind("压缩包（7z）", "a 7z archive", *_UNPACKED)),
    (b"\x1f\x8b", Kind("压缩包（gzip）", "a gzip archive", *_UNPACKED)),
    (b"{\\rtf", Kind("RTF 文档", "an RTF document", *_THE_TABLE)),
)
#: How texts begin that are no table of separated values. A title may stand in brackets: JSON shows by its quotes.
_BEGINNINGS = (
    (re.compile(r"<\?xml[^>]*>\s*(<\?mso-application progid=.Excel|<(\w+:)?Workbook\b)"), _XML_TABLE),
    (re.compile(r"(<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype html|(html|head|body|meta|style|script|table)\b)"), _HTML),
    (re.compile(r"mime-version:"), _ARCHIVED_PAGE),
    (re.compile(r"<\?xml\b"), _XML),
    (re.compile(r'\{\s*("|\}\s*$)|\[\s*([\[{"]|\]\s*$)'), _JSON),
)
_SNIFFED = 4096


def kind_of(path: Path) -> Kind:
    """What the file at ``path`` is; a file that is nothing known counts as a text."""
    with path.open("rb") as stream:
        head = stream.read(_SNIFFED)
    if not head:
        return _EMPTY
    if head.startswith(_CONTAINER):
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            names = ((f"{name}\0".encode("utf-16-le"), kind) for name, kind in _STREAMS)
            return next((kind for name, kind in names if content.find(name) >= 0), _BINARY)
    if head.startswith(b"PK"):
        return _packed(path)
    if known := next((kind for magic, kind in _FIRST_BYTES if head.startswith(magic)), None):
        return known
    begins = _decoded(head).lstrip("\ufeff \t\r\n")
    return next((kind for form, kind in _BEGINNINGS if re.match(form.pattern, begins, re.I | re.S)), TEXT)


def refuse_other_kind(path: Path) -> None:
    """UnreadableError, saying what the file is, where it is not what its extension says."""
    kind = kind_of(path)
    suffix = path.suffix.lower()
    if kind.suffix != suffix:
        raise UnreadableError(
            f"不是 {suffix} 文件：实为{kind.zh}",
            f"not a {suffix} file: this is {kind.en}",
            remedy=(kind.remedy_zh, kind.remedy_en),
        )


def _packed(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
            declared = [
                package.open(name).read(_SNIFFED) if name in names else b"" for name in ("mimetype", _CONTENT_TYPES)
            ]
    # The many ways in which what is inside a damaged archive is not what its directory says.
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError):
        return _CUT_ZIP
    if any(name.endswith("vbaProject.bin") for name in names):
        return _MACROS
    if told := next((kind for mark, kind in _DECLARED if any(mark in part for part in declared)), None):
        return told
    return next((kind for name, kind in _INSIDE if name in names), _ZIP)


def _decoded(head: bytes) -> str:
    is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if is_wide else "utf-8", errors="ignore")
