"""OpenLineage events of a run, one line of JSON each: which deliveries went in, and which marts came out of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import Exit

_SPEC = "https://openlineage.io/spec"


@dataclass(frozen=True)
class Lineage:
    """The events of one run, which go to the end of ``file``. OSError where they cannot be written."""

    file: Path
    raw: Path
    marts: Path
    run: str = field(default_factory=lambda: str(uuid.uuid4()))

    def started(self) -> None:
        """The run has begun, with the files that lie among the deliveries."""
        from pipelines.ingest.deliveries import shown_name

        names = sorted(shown_name(path, self.raw) for path in self.raw.glob("**/*") if path.is_file())
        self._write("START", {}, [self._dataset(self.raw, name) for name in names])

    def ended(self, code: Exit | int, manifest: Mapping[str, Any], is_new: bool) -> None:
        """The run has come to ``code``; where it stands as published, with what ``manifest`` says went in and came out.

        Marts that were published before, and stand since nothing has changed, did not come out of this run.
        """
        if code not in (Exit.DONE, Exit.PARTIAL):
            told = _facet("ErrorMessageRunFacet", message=f"exit code {int(code)}", programmingLanguage="Python")
            self._write("ABORT" if code == Exit.INTERRUPTED else "FAIL", {"errorMessage": told})
            return
        marts = [f"{mart}.parquet" for mart in manifest["rows"]] if is_new else []
        outputs = [self._dataset(self.marts, name, manifest["files"][name]["sha256"]) for name in marts]
        received = manifest["inputs"]["deliveries"].items()
        self._write("COMPLETE", {}, [self._dataset(self.raw, name, digest) for name, digest in received], outputs)

    def _dataset(self, folder: Path, name: str, digest: str = "") -> dict[str, Any]:
        stands = {"version": _facet("DatasetVersionDatasetFacet", datasetVersion=digest)} if digest else {}
        return {"namespace": "file", "name": f"{folder.absolute().as_posix()}/{name}", "facets": stands}

    def _write(
        self, kind: str, facets: Mapping[str, Any], inputs: Sequence[Any] = (), outputs: Sequence[Any] = ()
    ) -> None:
        event = {
            "eventType": kind,
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": {"runId": self.run, "facets": facets},
            "job": {"namespace": "kaohe", "name": "run"},
            "inputs": inputs,
            "outputs": outputs,
            "producer": _producer(),
            "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")


def _producer() -> str:
    # Every command imports this module; looking up a version takes longer than all the rest of it.
    from importlib.metadata import version

    return f"urn:kaohe:{version('kaohe')}"


def _facet(name: str, **content: str) -> dict[str, str]:
    return {"_producer": _producer(), "_schemaURL": f"{_SPEC}/facets/1-0-1/{name}.json#/$defs/{name}", **content}
