"""Converts annotations of any common format to one json or to record shards.

    blazepose convert-dataset --from=coco --input=person_keypoints_val2017.json --images=val2017 --output=val.json
    blazepose convert-dataset --from=labelme --input=labels/ --output=shards/ --target=source

The output is a json when its name ends in .json and a folder of shards otherwise. docs/data.md tells the formats.
--val_output gets a tenth of the pictures, kept aside for validation: --val_by says what of them stays together.
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags

from blazepose_tf import cluster
from blazepose_tf.cli import UserError

_SHOWN = 20  # damaged entries printed; all are counted


def define_flags() -> None:
    from blazepose_tf import converters

    kinds = "; ".join(f"{name}: {text}" for name, text in converters.FORMATS.items())
    flags.DEFINE_enum("from", None, list(converters.FORMATS), f"Format of the annotations. {kinds}.")
    flags.DEFINE_string("input", None, "Annotation file, or folder of annotation files.")
    flags.DEFINE_string(
        "images", None, "Folder of the pictures; by default images/ beside the annotations, or their folder."
    )
    flags.DEFINE_string("output", None, "NAME.json, or a folder for TFRecord shards.")
    flags.DEFINE_list("keypoints", [], "Names of the keypoints in the file's order, where the file does not name them.")
    flags.DEFINE_list("rename", [], "Keypoints to rename: old=new,old=new.")
    flags.DEFINE_string(
        "target",
        "auto",
        "Output keypoints: blazepose_33, source, a set's name, or auto (the 33 for bodies with usual names).",
    )
    flags.DEFINE_string("dataset", "", "Name of the dataset; by default the file's own, else the format.")
    flags.DEFINE_string("split", "", "Name of the split, e.g. train.")
    flags.DEFINE_string("only_split", "", "Keep only pictures of this split of the source (lsp, mpii, csv).")
    flags.DEFINE_float(
        "weight", 1.0, "Sample weight of the whole dataset, multiplied into the source's own.", lower_bound=0.0
    )
    flags.DEFINE_float(
        "pixel_offset", None, "Added to coordinates to get continuous pixels; by default what the format needs."
    )
    flags.DEFINE_float("min_diameter", 0.0, "People with a smaller body circle in pixels become ignored regions.")
    flags.DEFINE_integer("every", 1, "Every n-th frame only (jhmdb).", lower_bound=1)
    flags.DEFINE_bool("negatives", False, "Keep pictures without a usable person, as negatives.")
    flags.DEFINE_bool("only_negatives", False, "Keep nothing else: background that teaches a tracker its presence.")
    flags.DEFINE_bool("recompute_alignment", False, "Replace alignments that the source has.")
    flags.DEFINE_bool("every_person", False, "Shards: one record per person instead of one per picture.")
    flags.DEFINE_integer("shards", None, "Shards: number of files.", lower_bound=1)
    flags.DEFINE_string("cluster", "", f"Shards: who writes them: {cluster.HELP}.")
    flags.DEFINE_string("val_output", None, "Second output, for pictures that are kept aside for validation.")
    flags.DEFINE_float("val_share", 0.1, "Share of the pictures (of the groups) that is kept aside.")
    flags.DEFINE_string(
        "val_by",
        "picture",
        "What stays together: picture, folder, clip (names that differ in their last number only), field:NAME (of "
        "people or pictures), or a pattern that finds person or clip in a file's name: ^(person\\d+)_",
    )
    flags.DEFINE_bool("strict", False, "Exit with an error when any entry is damaged.")


def _renames(pairs: list[str]) -> dict[str, str]:
    odd = [pair for pair in pairs if pair.count("=") != 1]
    if odd:
        raise UserError(f"--rename takes old=new,old=new. Received: {','.join(odd)}")
    return dict(pair.split("=") for pair in pairs)


def main(argv: list[str]) -> int:
    from tqdm import tqdm

    from blazepose_tf import converters
    from blazepose_tf.converters import conversion, holdout, interchange

    values = flags.FLAGS
    kind = values["from"].value
    if argv:
        raise UserError(f"unexpected arguments {argv}")
    for name in ("from", "input", "output"):
        if not values[name].value:
            raise UserError(f"--{name} is missing")
    path, output = Path(values.input), Path(values.output)
    source = converters.open_source(
        kind, path, images=values.images, keypoints=values.keypoints, offset=values.pixel_offset, every=values.every
    )
    for remark in source.remarks:
        print(f"note: {remark}", file=sys.stderr)
    config = conversion.ConversionConfig(
        target=values.target,
        rename=_renames(values.rename),
        dataset=values.dataset,
        default_dataset=kind,
        split=values.split,
        weight=values.weight,
        min_diameter=values.min_diameter,
        negatives=values.negatives or values.only_negatives,
        recompute_alignment=values.recompute_alignment,
    )
    tally = conversion.Tally()
    names, pictures = conversion.convert(source, config, tally)
    if values.only_split:
        pictures = (picture for picture in pictures if picture.split == values.only_split)
    if values.only_negatives:
        pictures = (picture for picture in pictures if not picture.people)
    pictures = list(tqdm(pictures, total=source.count, desc=kind, unit="picture", disable=not sys.stderr.isatty()))
    for damage in tally.damaged[:_SHOWN]:
        print(f"skipped {damage}", file=sys.stderr)
    if len(tally.damaged) > _SHOWN:
        print(f"... and {len(tally.damaged) - _SHOWN} more damaged entries", file=sys.stderr)
    if not any(values.only_negatives or any(not q.ignore for q in p.people) for p in pictures):
        reasons = ", ".join(f"{n} x {reason}" for reason, n in tally.dropped.most_common()) or "no labelled people"
        raise UserError(f"{path}: nothing usable ({len(tally.damaged)} damaged entries; people dropped: {reasons})")
    parts = [(output, pictures)]
    if values.val_output:
        train, val = holdout.split(pictures, values.val_share, values.val_by)
        parts = [(output, train), (Path(values.val_output), val)]
        if values.val_by == holdout.PICTURE and holdout.looks_like_frames(pictures):
            text = "if they are frames of one clip, neighbours are on both sides: see --val_by"
            print(f"note: most pictures' names differ in a number only; {text}", file=sys.stderr)
    for target, part in parts:
        if target.suffix == ".json":
            interchange.write_json(target, part, names, images=source.images, description=f"{kind}: {path.name}")
        else:
            from blazepose_tf.data import shards  # TensorFlow: not needed for json

            report = shards.write_shards(
                target, part, names, images=source.images, name=values.dataset or kind,
                every_person=values.every_person, num_shards=values.shards, where=values.cluster,
            )  # fmt: skip
            print(f"{report.written} records in {target}, {report.reused_shards} finished shards reused")
        print(f"{target}: {len(names)} keypoints, {len(part)} pictures")
    for line in conversion.summary(tally, source.names, names, config.rename):
        print(f"  {line}")
    return 1 if values.strict and tally.damaged else 0
