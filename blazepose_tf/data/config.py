"""Settings of the input pipelines: frozen, nested, with the defaults that trained best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace


def weakened(config, factor: float):
    """The same settings with every strength (`*_std`, `tone_limit`) and probability of a change times `factor`.

    A mirror image is no worse a picture, a plain one no change, and a region as film brings them is what presence is
    about to the end: their probabilities stay.
    """
    kept = ("mirror_probability", "plain_probability", "negative_probability", "followed_probability")
    changes = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            changes[f.name] = weakened(value, factor)
        elif f.name not in kept and f.name.endswith(("_std", "probability", "tone_limit")):
            changes[f.name] = value * factor
    return replace(config, **changes)


def _probabilities(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{type(owner).__name__}.{name} must be in [0, 1]. Received: {name}={value!r}")


@dataclass(frozen=True)
class ViewConfig:
    """How the region of interest of a tracker crop is disturbed.

    Attributes:
        rotation_std: degrees; `rotation_limit` clips it.
        scale_std: of the natural logarithm of the size; `scale_limit` clips it.
        shift_std: fraction of the roi's size along each of its axes; `shift_limit` clips it.
        mirror_probability: of a left/right exchange.
        any_rotation_probability: of a rotation by any angle instead.
        partial_probability: of a crop that leaves a part of the body outside (half of them upper bodies).
        followed_probability: of a region as far off as one that follows from the frame before (`roi.FOLLOWED`)
            instead: who is in it is present.
    """

    rotation_std: float = 12.0
    rotation_limit: float = 30.0
    scale_std: float = 0.13
    scale_limit: float = 0.32
    shift_std: float = 0.06
    shift_limit: float = 0.18
    mirror_probability: float = 0.5
    any_rotation_probability: float = 0.01
    partial_probability: float = 0.05
    followed_probability: float = 0.0

    def __post_init__(self):
        _probabilities(
            self, "mirror_probability", "any_rotation_probability", "partial_probability", "followed_probability"
        )


@dataclass(frozen=True)
class PhotometricConfig:
    """Changes of light, colour and sharpness. Standard deviations are of natural logarithms where not said otherwise.

    Attributes:
        light_std: of the gain.
        contrast_std: of the factor about mid-grey.
        saturation_std: of the factor on the distance from grey.
        white_balance_std: of each channel's own gain.
        hue_std: degrees of rotation about the grey axis.
        tone_limit: strength of a curve that lifts or lowers mid-tones, below 1.
        grey_probability: of no colour at all.
        blur_probability: of a blur by an elongated Gaussian (out of focus, motion).
        low_resolution_probability: of a loss of resolution by a factor of up to 4.
        noise_probability: of grain of up to `noise_limit` (standard deviation, of 255).
        jpeg_probability: of JPEG compression at a quality down to `jpeg_quality`.
    """

    light_std: float = 0.15
    contrast_std: float = 0.15
    saturation_std: float = 0.25
    white_balance_std: float = 0.06
    hue_std: float = 8.0
    tone_limit: float = 0.5
    grey_probability: float = 0.05
    blur_probability: float = 0.04
    low_resolution_probability: float = 0.04
    noise_probability: float = 0.04
    noise_limit: float = 16.0
    jpeg_probability: float = 0.04
    jpeg_quality: int = 25

    def __post_init__(self):
        _probabilities(
            self,
            "grey_probability",
            "blur_probability",
            "low_resolution_probability",
            "noise_probability",
            "jpeg_probability",
        )


@dataclass(frozen=True)
class OcclusionConfig:
    """Rectangles painted over the crop; keypoints below them become occluded (coordinates stay).

    Attributes:
        probability: of any.
        max_rectangles: 1 to this many.
        min_size: smallest side as a fraction of the crop.
        max_size: largest side as a fraction of the crop.
    """

    probability: float = 0.15
    max_rectangles: int = 2
    min_size: float = 0.08
    max_size: float = 0.4

    def __post_init__(self):
        _probabilities(self, "probability", "min_size", "max_size")


@dataclass(frozen=True)
class TrackerDataConfig:
    """Input pipeline of a tracker.

    Attributes:
        view: geometric changes.
        photometric: changes of the pixels.
        occlusion: painted rectangles.
        negative_probability: of a crop beside the person, or of a part of it too small to be one: presence 0.
        imagined_probability: that of a picture without people a region is shown in which a detector imagines somebody,
            where such regions are known.
        negative_weight: weight of such a crop's presence.
        negative_heatmap_weight: weight of its (empty) heatmaps, against 1 for a person's.
        outside_heatmap_weight: weight of the heatmap of a labelled point outside the crop, against 1 inside.
        dataset_weights: weight by dataset name, multiplied with the weights of picture and person; 1 where absent.
        heatmap_targets: False leaves heatmaps and offsets out of targets and weights.
        offset_targets: False leaves the offsets alone out.
        coordinate_targets: False leaves all but heatmaps and offsets out (first stage of training).
        world_targets: True adds world landmarks; z comes with a model that has it (`TrackerSpec.depth`).
        mask_targets: True adds the mask of the person.
        parallel_calls: examples prepared at a time; 0 lets tf.data decide.
    """

    view: ViewConfig = field(default_factory=ViewConfig)
    photometric: PhotometricConfig = field(default_factory=PhotometricConfig)
    occlusion: OcclusionConfig = field(default_factory=OcclusionConfig)
    negative_probability: float = 0.03
    imagined_probability: float = 0.75
    negative_weight: float = 1.0
    negative_heatmap_weight: float = 0.1
    outside_heatmap_weight: float = 0.2
    dataset_weights: Mapping[str, float] = field(default_factory=dict)
    heatmap_targets: bool = True
    offset_targets: bool = True
    coordinate_targets: bool = True
    world_targets: bool = False
    mask_targets: bool = False
    parallel_calls: int = 0

    def __post_init__(self):
        _probabilities(self, "negative_probability", "imagined_probability")


@dataclass(frozen=True)
class DetectorDataConfig:
    """Input pipeline of a detector: whole pictures, letterboxed, at many sizes.

    Attributes:
        photometric: changes of the pixels.
        plain_probability: of a size within 15 % of a plain letterbox's.
        scale_min: else the smallest size of the picture in the input, relative to a plain letterbox.
        scale_max: else the largest.
        shift: of the picture's centre, as a fraction of the region shown.
        rotation_std: degrees.
        any_rotation_probability: of a rotation by any angle instead.
        empty_scale_max: `scale_max` of pictures with nobody in them, which are few and which no view makes wrong.
        empty_any_rotation_probability: of a rotation by any angle in them.
        mirror_probability: of a left/right exchange.
        unlabelled_weight: weight of negatives in sources that do not label everyone (`order.Source.complete`).
        min_face: smallest face, as a fraction of the input, that is taught; smaller ones are ignored.
        min_torso: the same for torsos.
        dataset_weights: weight by dataset name; 1 where absent.
        parallel_calls: examples prepared at a time; 0 lets tf.data decide.
    """

    photometric: PhotometricConfig = field(default_factory=PhotometricConfig)
    plain_probability: float = 0.35
    scale_min: float = 0.5
    scale_max: float = 2.2
    shift: float = 0.2
    rotation_std: float = 10.0
    any_rotation_probability: float = 0.03
    empty_scale_max: float = 4.0
    empty_any_rotation_probability: float = 0.5
    mirror_probability: float = 0.5
    unlabelled_weight: float = 0.3
    min_face: float = 0.02
    min_torso: float = 0.04
    dataset_weights: Mapping[str, float] = field(default_factory=dict)
    parallel_calls: int = 0

    def __post_init__(self):
        _probabilities(
            self,
            "plain_probability",
            "any_rotation_probability",
            "empty_any_rotation_probability",
            "mirror_probability",
        )
        if not 0 < self.scale_min <= min(self.scale_max, self.empty_scale_max):
            raise ValueError(
                "need 0 < scale_min <= scale_max and empty_scale_max. "
                f"Received: {self.scale_min}, {self.scale_max}, {self.empty_scale_max}"
            )
