"""The words of a model card that do not depend on a run. No numbers: those come from files."""

from __future__ import annotations

# (heading, key of the text or of a generated part; None for a heading with only subsections)
SECTIONS: tuple[tuple[str, str | None], ...] = (
    ("## Model details", "details"),
    ("### Keypoints", "keypoints"),
    ("### Version", "version"),
    ("### Date", "date"),
    ("### Authors", "authors"),
    ("### Reference", "reference"),
    ("### Licence", "licence"),
    ("## Model specification", "specification"),
    ("### Architecture", "architecture"),
    ("## Intended uses", None),
    ("### Application", "application"),
    ("### Domain and users", "users"),
    ("### Out of scope", "out_of_scope"),
    ("## Limitations", None),
    ("### Presence of people", "people"),
    ("### Trade-offs", "trade_offs"),
    ("### Environment", "environment"),
    ("## Ethical considerations", None),
    ("### Human life", "human_life"),
    ("### Privacy", "privacy"),
    ("### Bias", "bias"),
    ("## Training", "training"),
    ("## Evaluation", None),
    ("### Modes and metrics", "metrics"),
    ("### Results", "results"),
    ("### Fairness", "fairness"),
    ("### Speed", "speed"),
    ("## Definitions", "definitions"),
)

_COMMON = {
    "authors": "The contributors of blazepose_tf.",
    "licence": (
        "The code is under the Apache License, Version 2.0. Whether trained weights may be used for a purpose also "
        "depends on the licences of the training data, which the training section names."
    ),
    "human_life": "Nothing that a person's health, safety or rights depend on may be decided by this model.",
    "privacy": (
        "The model runs on the user's device and stores nothing. Its training pictures are from public research data "
        "sets and the web; the people in them were not asked for this purpose."
    ),
    "environment": (
        "Low light, strong noise, motion blur, very small people and covered body parts lower the accuracy and make "
        "landmarks tremble; the tolerance tables, where given, say by how much."
    ),
    "out_of_scope": (
        "Identification or surveillance of people; medical or safety decisions; crowds; people of whom neither head "
        "nor torso can be seen."
    ),
}

TRACKER_TEXT = _COMMON | {
    "details": "Reads one person's body landmarks out of a crop that is aligned to the body.",
    "reference": (
        "Bazarevsky et al., BlazePose: On-device Real-time Body Pose tracking, CV4ARVR at CVPR (arXiv:2006.10204). "
        "This model is an independent implementation."
    ),
    "architecture": (
        "Convolutional: an encoder-decoder that is trained with heatmaps, and a second encoder that "
        "regresses coordinates from its features. The runtime refines the coordinates with the heatmaps of the file."
    ),
    "application": "Body pose of one person in photographs and video: fitness, gestures, augmented reality.",
    "users": "Developers of interactive applications who can tolerate errors of single landmarks.",
    "people": "One person per crop. In video the tracker follows the person it began with.",
    "trade_offs": (
        "Made for real time on small processors. The crop must be roughly centred on the hips, upright along the body "
        "and as large as the body; a detector or the previous frame provides that."
    ),
    "bias": (
        "Landmarks of covered points are the model's guess. Data sets over-represent sports, exercise and staged "
        "poses, and the appearance of the people in them was not balanced; groups beyond those in the fairness table "
        "were not measured."
    ),
    "metrics": (
        "`aligned`: the crop comes from the labels, the tracker alone is measured. `pipeline`: detector, tracker and "
        "one refinement on the whole picture; people who are not found count as misses. PCK_torso@t is the share of "
        "points closer to the label than t torsos (distance of mid-shoulder and mid-hip); PDJ also asks for the right "
        "visibility; intervals are bootstrapped over people."
    ),
    "definitions": (
        "- Landmark: the model's estimate of a keypoint, a named point of the body.\n"
        "- Visibility: see the specification. Presence: a person aligned with the crop is there.\n"
        "- Body circle: the circle around the whole body with its centre between the hips."
    ),
}

DETECTOR_TEXT = _COMMON | {
    "details": (
        "Finds a person by the face and predicts how to crop the body: mid-hip, the radius of the circle around the "
        "body, and its incline."
    ),
    "reference": (
        "Bazarevsky et al., BlazePose (arXiv:2006.10204), section on the person detector, and BlazeFace "
        "(arXiv:1907.05047). This model is an independent implementation."
    ),
    "architecture": "Convolutional single-shot detector of the BlazeFace kind on a letterboxed picture.",
    "application": "First stage of a pose pipeline: where is a person, how large, and how inclined?",
    "users": "Developers who run it in front of a pose tracker.",
    "people": "Several people may be found; the pipeline follows the best one.",
    "trade_offs": "The face stands in for the person: without a visible head recall is lower.",
    "bias": (
        "Data sets over-represent sports, exercise and staged poses, and the appearance of the people in them was not "
        "balanced; groups beyond those in the tables were not measured."
    ),
    "metrics": (
        "The threshold is set where the detector fires on a fixed share of pictures without people. A person counts as "
        "found when a detection's centre, radius and incline are all close enough for the tracker."
    ),
    "fairness": "See recall by data set in the results.",
    "definitions": "- Body circle: the circle around the whole body with its centre between the hips.",
}
