"""``make docs``."""

from pipelines.reference import DOCUMENTS

for path, text in DOCUMENTS.items():
    path.parent.mkdir(exist_ok=True)
    path.write_text(text(), encoding="utf-8")
