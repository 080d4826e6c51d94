#!/usr/bin/env bash
# sleap-io opens DeepLabCut's table of a film as labels of nothing, and sorts the keypoints of every table.
#
# The guess: `sleap_io.load_dlc` gives the frames of a DeepLabCut table, of labelled pictures as of an analysed film, or
# an error, with the keypoints in the table's order.
# Seen: with sleap-io 0.9.5
#   - a table of an analysed film (rows numbered by frame, with likelihoods) becomes labels without a single frame and
#     without a word, as does one of labelled pictures whose pictures are not beside it;
#   - keypoints are ordered by their names, so that columns of `numpy()` are not those of the table.
# What the product does: docs/formats.md hands recordings over as arrays with their names
# (`Labels.from_numpy`), which keeps frames and order, and says what the readers leave out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet sleap-io==0.9.5 pillow==12.0.0
cat > see.py <<'SCRIPT'
from pathlib import Path

import sleap_io
from PIL import Image

folder = Path("labeled-data/clip")
folder.mkdir(parents=True)
film = ["scorer" + ",net" * 6, "bodyparts" + ",nose" * 3 + ",hip" * 3, "coords" + ",x,y,likelihood" * 2]
film += [f"{number},{10 + number}.0,20.0,0.9,30.0,40.0,0.8" for number in range(3)]
Path("film.csv").write_text("\n".join(film) + "\n")
labelled = ["scorer" + ",me" * 4, "bodyparts" + ",nose" * 2 + ",hip" * 2, "coords" + ",x,y" * 2]
labelled += [f"labeled-data/clip/img{number:03d}.png,{10 + number}.0,20.0,30.0,40.0" for number in range(3)]
table = folder / "CollectedData_me.csv"
table.write_text("\n".join(labelled) + "\n")
counts = [len(sleap_io.load_dlc(path).labeled_frames) for path in ("film.csv", str(table))]
for number in range(3):
    Image.new("RGB", (64, 64)).save(folder / f"img{number:03d}.png")
labels = sleap_io.load_dlc(str(table))
counts.append(len(labels.labeled_frames))
names = labels.skeletons[0].node_names
print(f"sleap-io {sleap_io.__version__}: frames of a film's table {counts[0]} of 3, of labelled pictures {counts[1]} of 3")
print(f"without the pictures, {counts[2]} with them; keypoints nose, hip are {', '.join(names)}")
raise SystemExit(0 if counts == [0, 0, 3] and names == ["hip", "nose"] else "not as it was seen")
SCRIPT
environment/bin/python see.py
