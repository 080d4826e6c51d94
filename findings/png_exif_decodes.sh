#!/usr/bin/env bash
# Guess: Pillow's getexif() reads metadata, so that a picture can be asked for its orientation before it is decided whether
# it is worth decoding.
# Behaviour: of a PNG without an eXIf chunk before its pixels (most PNGs), getexif() decodes the whole picture to see whether
# one comes behind them. JPEG and WebP are not decoded.
# Seen with Pillow 13.0.0. blazepose_tf: media.headers walks the chunks of a PNG itself.
set -euo pipefail
DIR=$(mktemp -d); trap 'rm -rf "$DIR"' EXIT
python3 -m venv "$DIR/venv"
"$DIR/venv/bin/pip" install -q "pillow==13.0.0"
"$DIR/venv/bin/python" - <<'PY'
import io
import sys
import PIL
from PIL import Image

decoded = {}
for kind in ("PNG", "JPEG", "WEBP"):
    content = io.BytesIO()
    Image.new("RGB", (3000, 3000)).save(content, kind)
    image = Image.open(content)
    before = len(image.tile)
    image.getexif()
    decoded[kind] = before > 0 and not image.tile  # Pillow empties the list of tiles when it has decoded them
print("Pillow", PIL.__version__, "decoded by getexif():", decoded)
sys.exit(decoded != {"PNG": True, "JPEG": False, "WEBP": False})
PY
