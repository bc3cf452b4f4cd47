"""An AWS that runs inside this repository: moto, extended until everything really executes."""

import sys

# jsonschema, which moto brings along, would take it to check IRIs, of which there are none here:
# importing it costs two seconds of every start.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
