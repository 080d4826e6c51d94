"""Short films: a person who exercises in front of a slowly moving camera, and two who walk past each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from blazepose_tf.synthetic.annotations import Sample
from blazepose_tf.synthetic.appearance import Look, sample_look
from blazepose_tf.synthetic.body import Skeleton, build_skeleton, sample_body
from blazepose_tf.synthetic.pose import LIMITS, Pose, blend, from_angles
from blazepose_tf.synthetic.render import render_scene
from blazepose_tf.synthetic.scene import Person, Scene, look_at, on_the_floor
from blazepose_tf.synthetic.solids import Camera

_FRAMES_PER_POSE = 20  # two thirds of a second at 30 frames/s, the pace of a warm-up


def both(**angles: float) -> dict[str, float]:
    """Angles by name, with a name that has no side given to both sides."""
    return {full: value for name, value in angles.items() for full in _sides(name)}


def _sides(name: str) -> tuple[str, ...]:
    return (name,) if name in LIMITS else (f"left_{name}", f"right_{name}")


STAND = both(shoulder_abduct=10, elbow=15, knee=4, hip_flex=2, hip_abduct=5, ankle=-2, fingers=30, shoulder_twist=-15)
ARMS_UP = STAND | both(shoulder_flex=10, shoulder_abduct=165, elbow=8, fingers=5, shoulder_twist=0)
SQUAT = STAND | both(hip_flex=112, knee=118, ankle=-25, root_pitch=22, spine_bend=12, neck_bend=-20,
                        shoulder_flex=88, elbow=5, hip_abduct=14, hip_twist=12)  # fmt: skip
_ARMS_OUT = STAND | both(shoulder_abduct=88, elbow=3, hip_abduct=14, fingers=5)
LUNGE = STAND | {"left_hip_flex": 75.0, "left_knee": 78.0, "left_ankle": -5.0, "right_hip_flex": -22.0,
                   "right_knee": 45.0, "right_ankle": -20.0, "right_shoulder_flex": 60.0, "left_shoulder_flex": -30.0,
                   "left_elbow": 70.0, "right_elbow": 70.0}  # fmt: skip
_WAVE = STAND | {"right_shoulder_abduct": 95.0, "right_elbow": 95.0, "right_shoulder_twist": 85.0, "neck_side": -12.0}
# Squats and raised arms first: they are what the demo shows.
_MOVEMENT: tuple[dict[str, float], ...] = (STAND, SQUAT, STAND, ARMS_UP, _ARMS_OUT, LUNGE, STAND, _WAVE)
_STEP = {"hip_flex": (30.0, -22.0), "knee": (6.0, 24.0), "shoulder_flex": (-22.0, 24.0), "elbow": (15.0, 25.0)}
_WALK = tuple(
    STAND | {f"{side}_{angle}": values[i] for angle, values in _STEP.items() for i, side in enumerate(sides)}
    for sides in (("left", "right"), ("right", "left"))
)
_FRAMES_PER_STEP = 14


def _pose_at(frame: int, movement=_MOVEMENT, pace: int = _FRAMES_PER_POSE) -> Pose:
    """The pose of a frame: eased blends between the poses of the movement, which repeats."""
    step, share = divmod(frame / pace, 1.0)
    first, second = (from_angles(movement[(int(step) + i) % len(movement)]) for i in (0, 1))
    return blend(first, second, share=share * share * (3 - 2 * share))


def render_video(
    seed: int, frames: int, *, size: tuple[int, int] = (240, 320), supersample: int = 2
) -> Iterator[Sample]:
    """Yields the frames of a film.

    Args:
        seed: of the person, the place and the camera's way, 0 or more.
        frames: how many; the movement takes 160 and then repeats, seen from elsewhere.
        size: (height, width) pixels.
        supersample: as in `render_scene`.

    Yields:
        Samples with exactly one person, fully inside the picture.

    Raises:
        ValueError: a negative seed or number of frames.
    """
    if seed < 0 or frames < 0:
        raise ValueError(f"seed and frames must not be negative. Received: seed={seed}, frames={frames}")
    rng = np.random.default_rng((seed, 2**32))  # a series of its own, apart from the pictures of the same seed
    body = replace(sample_body(rng), age=1.0, height=float(rng.uniform(1.6, 1.85)))
    look = sample_look(rng, body)
    turn, sway, background = rng.uniform(-15, 15), rng.uniform(0, 2 * np.pi), int(rng.integers(2**63))
    height, width = size
    # 2.6 metres fill the height, so that raised arms and the wide lunge stay inside.
    distance = 4.6
    focal = distance * min(height / 2.6, width / 2.6)
    for frame in range(frames):
        phase = sway + 2 * np.pi * frame / 240
        pose = _pose_at(frame)
        skeleton = build_skeleton(body, turned(pose, turn + 50 * np.sin(phase)))
        person = walked_to(skeleton, look, (0.0, 0.0))
        camera = look_at(
            np.array((0.12 * np.sin(0.7 * phase), 1.0, 0.0)),
            distance=distance * (1 + 0.06 * np.sin(1.3 * phase)),
            elevation=8 + 5 * np.sin(phase),
            roll=2 * np.sin(0.9 * phase),
            focal=focal,
            center=(width / 2, height / 2),
        )
        yield render_scene(scene_of(camera, (person,), background), size=size, supersample=supersample)


def render_crossing(
    seed: int, frames: int, *, size: tuple[int, int] = (288, 512), supersample: int = 2
) -> Iterator[Sample]:
    """Yields the frames of a film in which two people walk past each other, the first one in front.

    Args:
        seed: of the people and the place, 0 or more.
        frames: how many it takes from side to side, at least 2.
        size: (height, width) pixels.
        supersample: as in `render_scene`.

    Yields:
        Samples with exactly two people, the one who comes from the left first.

    Raises:
        ValueError: a negative seed, or fewer than 2 frames.
    """
    if seed < 0 or frames < 2:
        raise ValueError(f"seed must not be negative, frames at least 2. Received: seed={seed}, frames={frames}")
    rng = np.random.default_rng((seed, 2**32 + 1))
    bodies = [replace(sample_body(rng), age=1.0, height=float(rng.uniform(1.6, 1.85))) for _ in range(2)]
    looks = [sample_look(rng, body) for body in bodies]
    background, offsets = int(rng.integers(2**63)), rng.integers(2 * _FRAMES_PER_STEP, size=2)
    height, width = size
    distance = 5.0
    focal = distance * height / 2.3
    span = 0.5 * width * distance / focal - 0.35  # from here on a body begins to leave the picture
    camera = look_at(
        np.array((0.0, 0.95, 0.0)),
        distance=distance,
        elevation=4.0,
        roll=0.0,
        focal=focal,
        center=(width / 2, height / 2),
    )
    for frame in range(frames):
        people = []
        for body, look, offset, direction in zip(bodies, looks, offsets, (1, -1), strict=True):
            pose = turned(_pose_at(frame + int(offset), _WALK, _FRAMES_PER_STEP), 60.0 * direction)
            at = (direction * span * (2 * frame / (frames - 1) - 1), 0.3 * direction)
            people.append(walked_to(build_skeleton(body, pose), look, at))
        yield render_scene(scene_of(camera, tuple(people), background), size=size, supersample=supersample)


def walked_to(skeleton: Skeleton, look: Look, at: tuple[float, float]) -> Person:
    """A person whose ankles' middle is at (x, z) metres on the floor."""
    feet = (skeleton.joints["left_ankle"] + skeleton.joints["right_ankle"]) / 2
    return on_the_floor(skeleton, look, at=(at[0] - feet[0], at[1] - feet[2]))


def scene_of(camera: Camera, persons: tuple[Person, ...], background: int) -> Scene:
    """People in plain daylight, without objects."""
    light = np.array((0.45, 0.75, 0.48))
    return Scene(
        camera=camera,
        persons=persons,
        boxes=(),
        balls=(),
        light=light / np.linalg.norm(light),
        ambient=0.55,
        tint=np.ones(3),
        background_seed=background,
        sensor_seed=None,
    )


def turned(pose: Pose, yaw: float) -> Pose:
    """The pose facing another way: `yaw` degrees to the person's left."""
    angles = pose.angles.copy()
    angles[list(LIMITS).index("root_yaw")] = yaw
    return Pose(pose.kind, angles)
