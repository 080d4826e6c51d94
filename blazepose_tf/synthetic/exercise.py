"""Films of an exercise with a known number of repetitions, pace and view: what counting is checked on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from blazepose_tf.synthetic.annotations import Sample
from blazepose_tf.synthetic.appearance import sample_look
from blazepose_tf.synthetic.body import build_skeleton, sample_body
from blazepose_tf.synthetic.pose import blend, from_angles
from blazepose_tf.synthetic.render import render_scene
from blazepose_tf.synthetic.scene import Scene, look_at
from blazepose_tf.synthetic.video import ARMS_UP, LUNGE, SQUAT, STAND, both, scene_of, turned, walked_to

CURL = STAND | both(shoulder_flex=8, shoulder_abduct=8, elbow=135, shoulder_twist=0)
# From which pose to which one repetition goes and comes back.
EXERCISES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "squat": (STAND, SQUAT),
    "arm_raise": (STAND, ARMS_UP),
    "lunge": (STAND, LUNGE),
    "curl": (STAND, CURL),
}


def exercise_scenes(
    seed: int,
    exercise: str,
    *,
    repetitions: int,
    seconds: float,
    yaw: float = 0.0,
    pause: float = 1.0,
    rate: float = 15.0,
    size: tuple[int, int] = (240, 320),
) -> Iterator[Scene]:
    """Scenes of a person who rests, repeats an exercise and rests again; the camera stands still.

    Repetitions differ a little in depth (0.9 to 1) and length (0.85 to 1.15 of `seconds`), as a person's do.

    Args:
        seed: of the person and the place.
        exercise: of EXERCISES.
        repetitions: how many.
        seconds: of one repetition.
        yaw: degrees by which the person faces away from the camera, 0 = frontal.
        pause: seconds of rest before and after.
        rate: frames per second.
        size: (height, width) pixels.

    Yields:
        Scenes; `scene.camera.project(scene.persons[0].keypoints)` are the (33, 2) points, `render_scene` the picture.

    Raises:
        ValueError: an unknown exercise.
    """
    if exercise not in EXERCISES:
        raise ValueError(f"exercise must be one of {tuple(EXERCISES)}. Received: {exercise!r}")
    rng = np.random.default_rng((seed, 2**33))
    body = replace(sample_body(rng), age=1.0, height=float(rng.uniform(1.55, 1.9)))
    look, background = sample_look(rng, body), int(rng.integers(2**63))
    rest, far = (from_angles(angles) for angles in EXERCISES[exercise])
    lengths = seconds * rng.uniform(0.85, 1.15, repetitions)
    depths = rng.uniform(0.9, 1.0, repetitions)
    starts = pause + np.concatenate([[0.0], np.cumsum(lengths)])
    height, width = size
    distance = 4.6
    camera = look_at(
        np.array((0.0, 1.0, 0.0)), distance=distance, elevation=float(rng.uniform(0, 12)), roll=0.0,
        focal=distance * min(height / 2.6, width / 2.6), center=(width / 2, height / 2),
    )  # fmt: skip
    for frame in range(round(float(starts[-1] + pause) * rate)):
        time = frame / rate
        number = int(np.searchsorted(starts, time, "right")) - 1
        share = 0.0
        if 0 <= number < repetitions:
            share = depths[number] * 0.5 * (1 - np.cos(2 * np.pi * (time - starts[number]) / lengths[number]))
        skeleton = build_skeleton(body, turned(blend(rest, far, share=share), yaw))
        yield scene_of(camera, (walked_to(skeleton, look, (0.0, 0.0)),), background)


def render_exercise(
    seed: int, exercise: str, *, size: tuple[int, int] = (240, 320), supersample: int = 2, **options
) -> Iterator[Sample]:
    """Yields the frames of a film of an exercise.

    Args:
        seed: of the person and the place.
        exercise: of EXERCISES: squat, arm_raise, lunge, curl.
        size: (height, width) pixels.
        supersample: as in `render_scene`.
        options: repetitions, seconds, yaw, pause, rate of `exercise_scenes`.

    Yields:
        Samples with exactly one person.

    Raises:
        ValueError: an unknown exercise.
    """
    for scene in exercise_scenes(seed, exercise, size=size, **options):
        yield render_scene(scene, size=size, supersample=supersample)
