#!/usr/bin/env bash
# Equal messages are taken to be equal bytes. The order of a map's entries is drawn anew by every process, so that a
# TFRecord of tf.train.Example (whose features are a map) is another file at each conversion, and checksums, caches and
# comparisons of shards fail. Tests that write twice in one process do not see it.
#
# Guess:     SerializeToString() of a message built in the same way gives the same bytes.
# Seen:      five processes, several different results; with deterministic=True one.
# Versions:  protobuf 7.36.2 (upb), Python 3.11.
# We:        write records with deterministic=True (data/example.py); a test holds the order of the features.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet protobuf==7.36.2
cat > "$work/write.py" <<'PROGRAM'
import hashlib
import sys

from google.protobuf import struct_pb2

message = struct_pb2.Struct()
for number in range(12):
    message.fields[f"feature/{number}"].number_value = number
print(hashlib.sha256(message.SerializeToString(deterministic=sys.argv[1] == "yes")).hexdigest()[:16])
PROGRAM
results() { for _ in 1 2 3 4 5; do "$work/venv/bin/python" "$work/write.py" "$1"; done | sort -u | wc -l; }
plain=$(results no)
flagged=$(results yes)
echo "different results of five processes: $plain without the flag, $flagged with deterministic=True"
[ "$plain" -gt 1 ] && [ "$flagged" -eq 1 ]
