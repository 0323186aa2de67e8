"""``make soak KILLS=1000``: kill a receiving process at random instants and write what was found.

The senders of a run are named by ``SENDERS`` of tests/archive/store/killing.py; a service adds its doors there.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.archive.store.killing import SENDERS, soak

RESULT = Path(__file__).parent / "results" / "soak.json"
ZERO = ("acknowledged_lost", "orphan_rows", "orphan_files", "duplicate_results")


def main() -> int:
    kills = int(os.environ.get("KILLS", "1000"))
    found: dict[str, object] = {}
    for sender in SENDERS:
        with tempfile.TemporaryDirectory(dir=os.environ.get("SOAK_FOLDER")) as folder:
            found[sender] = soak(kills, Path(folder), sender)
        print(sender, json.dumps(found[sender]))
    first = found["receive"]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({**first, "senders": found}, indent=2) + "\n", encoding="utf-8")
    return int(any(each[name] for each in found.values() for name in ZERO))


if __name__ == "__main__":
    sys.exit(main())
