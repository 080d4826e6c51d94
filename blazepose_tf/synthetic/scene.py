"""Random scenes: who is there in which pose, what stands around, where the light comes from and where the camera is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blazepose_tf.synthetic.appearance import Look, Material, sample_cloth, sample_look
from blazepose_tf.synthetic.body import Skeleton, build_skeleton, sample_body
from blazepose_tf.synthetic.dress import build_solids
from blazepose_tf.synthetic.pose import Pose, sample_pose, seen_from_anywhere
from blazepose_tf.synthetic.solids import Camera, Solid
from blazepose_tf.topology import indices

_TORSO = indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"))


@dataclass(frozen=True)
class Person:
    """A person in the scene.

    Attributes:
        skeleton: the posed body, mid-hip in the origin.
        look: skin, hair and clothes.
        offset: (3,) metres that put the body where it is in the world.
    """

    skeleton: Skeleton
    look: Look
    offset: np.ndarray

    @property
    def keypoints(self) -> np.ndarray:
        """(33, 3) metres in the world."""
        return self.skeleton.keypoints + self.offset


@dataclass(frozen=True)
class Box:
    """A box-shaped object: (3,) centre, (3, 3) axes as columns, (3,) half sides in metres; a material."""

    center: np.ndarray
    frame: np.ndarray
    half: np.ndarray
    material: Material


@dataclass(frozen=True)
class Ball:
    """A ball or a pole (a capsule): (3,) ends and radius in metres; a material."""

    start: np.ndarray
    end: np.ndarray
    radius: float
    material: Material


@dataclass(frozen=True)
class Scene:
    """Everything that is needed to draw a picture.

    Attributes:
        camera: in pixels of the picture.
        persons: the first one is the subject, which the camera frames.
        boxes: furniture and obstacles.
        balls: balls and poles.
        light: (3,) unit vector towards the light in the world.
        ambient: share of the light that comes from everywhere, 0..1.
        tint: (3,) colour of the light, about 1.
        background_seed: of the background.
        sensor_seed: of noise and blur; None = a perfect sensor.
    """

    camera: Camera
    persons: tuple[Person, ...]
    boxes: tuple[Box, ...]
    balls: tuple[Ball, ...]
    light: np.ndarray
    ambient: float
    tint: np.ndarray
    background_seed: int
    sensor_seed: int | None


def lowest_point(solids: list[Solid]) -> float:
    """Height in metres of the lowest point of some solids."""
    stretch = np.array([solid.stretch or (1.0, 1.0, 1.0) for solid in solids])
    down = np.sqrt(((np.stack([solid.frame[1] for solid in solids]) * stretch) ** 2).sum(1))
    a = np.array([solid.start[1] - solid.radius * d for solid, d in zip(solids, down, strict=True)])
    b = np.array([solid.end[1] - solid.end_radius * d for solid, d in zip(solids, down, strict=True)])
    return float(min(a.min(), b.min()))


def on_the_floor(skeleton: Skeleton, look: Look, *, at: tuple[float, float] = (0.0, 0.0), lift: float = 0.0) -> Person:
    """A person whose lowest point touches the floor y = 0, `lift` metres above it, at (x, z) metres."""
    lowest = lowest_point(build_solids(skeleton, look, face=False))
    return Person(skeleton, look, np.array((at[0], lift - lowest, at[1])))


def limbs_are_free(skeleton: Skeleton) -> bool:
    """Whether the elbows, wrists and knuckles are outside the trunk and the head and the legs apart from each other."""
    h, j = skeleton.body.height, skeleton.joints
    thick = 0.6 + 0.4 * skeleton.body.girth
    chest = skeleton.frames["chest"]
    for side in ("left", "right"):
        for name, radius in (("elbow", 0.075), ("wrist", 0.072), ("knuckles", 0.072)):
            point = j[f"{side}_{name}"]
            share = np.clip((point - j["mid_hip"]) @ j["neck"] / max(j["neck"] @ j["neck"], 1e-9), 0, 1)
            away = chest.T @ (point - share * j["neck"])
            if np.hypot(away[0], away[2] / 0.75) < radius * h * thick:
                return False
        if np.linalg.norm(j[f"{side}_knuckles"] - j["head"]) < 0.075 * h:
            return False
    for name, radius in (("knee", 0.055), ("ankle", 0.045)):
        if np.linalg.norm(j[f"left_{name}"] - j[f"right_{name}"]) < radius * h * thick:
            return False
    return bool(np.linalg.norm(j["left_wrist"] - j["right_wrist"]) > 0.03 * h)


def sample_person(
    rng: np.random.Generator, *, at: tuple[float, float] = (0.0, 0.0), poses: Sequence[Pose] = ()
) -> tuple[Person, Pose]:
    """A random person standing (or lying ...) at (x, z) metres on the floor, and the pose: one of `poses`, if given."""
    body = sample_body(rng)
    look = sample_look(rng, body)
    for _ in range(6):
        pose = seen_from_anywhere(rng, poses[int(rng.integers(len(poses)))]) if poses else sample_pose(rng)
        skeleton = build_skeleton(body, pose)
        if limbs_are_free(skeleton):
            break
    lift = rng.uniform(0.03, 0.5) if pose.kind in ("jumping", "tumbling") else 0.0
    return on_the_floor(skeleton, look, at=at, lift=lift), pose


def look_at(
    target: np.ndarray, *, distance: float, elevation: float, roll: float, focal: float, center: tuple[float, float]
) -> Camera:
    """A camera in front of (on the +z side of) a target.

    Args:
        target: (3,) metres.
        distance: metres.
        elevation: degrees above the horizontal through the target.
        roll: degrees.
        focal: pixels.
        center: principal point in continuous pixels.
    """
    e, r = np.deg2rad((elevation, roll))
    back = np.array((0.0, np.sin(e), np.cos(e)))
    right = np.array((1.0, 0.0, 0.0))
    down = np.cross(-back, right)
    c, s = np.cos(r), np.sin(r)
    rotation = np.stack([c * right + s * down, -s * right + c * down, -back])
    return Camera(rotation, np.asarray(target) + distance * back, float(focal), center)


def _sample_camera(rng: np.random.Generator, subject: Person, size: tuple[int, int]) -> Camera:
    """A camera that sees hips and shoulders of the subject, and mostly all of it."""
    height, width = size
    points = subject.keypoints
    middle = (points.min(0) + points.max(0)) / 2
    radius = 1.1 * np.linalg.norm(points - points[_TORSO[2:]].mean(0), axis=1).max()
    short = min(size)
    fill = (
        rng.uniform(0.75, 1.15)
        if rng.random() < 0.72
        else rng.choice([rng.uniform(0.35, 0.75), rng.uniform(1.15, 1.8)])
    )
    focal = short * rng.uniform(0.85, 2.4)
    distance = max(focal * 2 * radius / (fill * short), radius + 0.7)
    elevation = float(np.clip(rng.normal(4, 9), -20, 30)) if rng.random() < 0.9 else rng.uniform(30, 75)
    floor = np.rad2deg(np.arcsin(np.clip((0.15 - middle[1]) / distance, -1, 1)))  # keeps the camera above the floor
    roll = rng.normal(0, 4) if rng.random() < 0.95 else rng.uniform(-180, 180)
    camera = look_at(middle, distance=distance, elevation=max(elevation, floor), roll=roll, focal=focal,
                     center=(width / 2, height / 2))  # fmt: skip
    pixels = camera.project(points)
    room = np.maximum((width, height) - (pixels.max(0) - pixels.min(0)), 0.08 * short)
    center = np.array(camera.center) + rng.uniform(-0.45, 0.45, 2) * room
    # Moving the principal point moves the whole picture, so hips and shoulders can be brought inside exactly.
    torso = camera.project(points[_TORSO]) - camera.center
    margin = 0.04 * short
    inner = np.array((width, height)) - margin
    center = np.maximum(np.minimum(center, inner - torso.max(0)), margin - torso.min(0))
    return replace(camera, center=(float(center[0]), float(center[1])))


def sample_scene(
    rng: np.random.Generator, *, size: tuple[int, int], persons: int | None = None, poses: Sequence[Pose] = ()
) -> Scene:
    """A random scene.

    Args:
        rng: source of randomness.
        size: (height, width) pixels of the picture.
        persons: how many; None = one in four of five scenes, else two or three.
        poses: to take theirs from, seen from anywhere and mirrored half of the time; any kind of pose without them.

    Returns:
        The scene; hips and shoulders of its first person project into the picture.

    Raises:
        ValueError: a size below 32 pixels or a negative number of persons.
    """
    if min(size) < 32:
        raise ValueError(f"a picture must be at least 32 pixels high and wide. Received: size={tuple(size)}")
    if persons is not None and persons < 0:
        raise ValueError(f"expected 0 persons or more. Received: persons={persons}")
    count = int(rng.choice([1, 2, 3], p=[0.8, 0.14, 0.06])) if persons is None else persons
    subject, pose = sample_person(rng, poses=poses)
    camera = _sample_camera(rng, subject, size)
    people: list[Person] = []
    boxes: list = []
    balls: list = []
    if count:
        people.append(subject)
        if pose.kind == "sitting":
            boxes += _seat(rng, subject)
    for i in range(1, count):
        side = 1 if (i + int(rng.integers(2))) % 2 else -1
        at = (side * rng.uniform(0.55, 1.6), rng.uniform(-2.5, 0.3))
        people.append(sample_person(rng, at=at, poses=poses)[0])
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
        (boxes if rng.random() < 0.6 else balls).append(_sample_object(rng, camera, subject))
    elevation, azimuth = np.deg2rad(rng.uniform(20, 85)), rng.uniform(-np.pi, np.pi)
    light = np.array((np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)))
    return Scene(
        camera=camera,
        persons=tuple(people),
        boxes=tuple(box for box in boxes if isinstance(box, Box)),
        balls=tuple(ball for ball in (*balls, *boxes) if isinstance(ball, Ball)),
        light=light,
        ambient=float(rng.uniform(0.35, 0.75)),
        tint=1 + rng.normal(0, 0.05, 3),
        background_seed=int(rng.integers(2**63)),
        sensor_seed=int(rng.integers(2**63)),
    )


def _seat(rng: np.random.Generator, subject: Person) -> list[Box]:
    """A stool, or a chair with a back, under a sitting person."""
    h = subject.skeleton.body.height
    pelvis = subject.skeleton.frames["pelvis"]
    front = np.array((pelvis[0, 2], 0.0, pelvis[2, 2]))
    front /= max(np.linalg.norm(front), 1e-6)
    frame = np.stack([np.cross((0, 1, 0), front), (0, 1, 0), front], axis=1)
    top = max(subject.offset[1] - 0.062 * h * (0.4 + 0.6 * subject.skeleton.body.girth), 0.05)
    material = sample_cloth(rng)
    depth, width = rng.uniform(0.10, 0.15) * h, rng.uniform(0.11, 0.3) * h
    thick = min(top / 2, 0.03 * h) if rng.random() < 0.5 else top / 2
    base = np.array((subject.offset[0], 0.0, subject.offset[2])) + 0.03 * h * front
    boxes = [Box(base + np.array((0, top - thick, 0)), frame, np.array((width, thick, depth)), material)]
    if thick < top / 2:
        leg = np.array((0.015 * h, (top - thick) / 2, 0.015 * h))
        for x in (-1, 1):
            for z in (-1, 1):
                foot = base + frame @ (x * (width - 0.02 * h), (top - 2 * thick) / 2, z * (depth - 0.02 * h))
                boxes.append(Box(foot, frame, leg, material))
    if rng.random() < 0.4:
        back = rng.uniform(0.08, 0.3) * h
        boxes.append(Box(base + frame @ (0, top + back, -0.14 * h - depth * 0.3), frame,
                         np.array((width, back, 0.012 * h)), material))  # fmt: skip
    return boxes


def _sample_object(rng: np.random.Generator, camera: Camera, subject: Person) -> Box | Ball:
    """Something that stands or flies around, one time in four in front of the subject."""
    forward = -camera.rotation[2] * (1.0, 0.0, 1.0)
    forward /= max(np.linalg.norm(forward), 1e-6)
    right = np.array((forward[2], 0.0, -forward[0]))
    in_front = rng.random() < 0.25
    distance = np.linalg.norm(camera.position - subject.offset)
    away = rng.uniform(0.2, 0.45) * distance if in_front else -rng.uniform(0.5, 3.0)
    sideways = rng.normal(0, 0.5 if in_front else 1.2)
    place = subject.offset * (1, 0, 1) + forward * away + right * sideways
    shrink = 0.5 if in_front else 1.0
    material = sample_cloth(rng)
    if rng.random() < 0.55:
        half = rng.uniform(0.05, 0.45, 3) * (1, 1.6, 1) * shrink
        turn = rng.uniform(0, np.pi)
        frame = np.array([(np.cos(turn), 0, np.sin(turn)), (0, 1, 0), (-np.sin(turn), 0, np.cos(turn))])
        lift = 0.0 if rng.random() < 0.75 else rng.uniform(0, 1.2)
        return Box(place + np.array((0, half[1] + lift, 0)), frame, half, material)
    if rng.random() < 0.5:
        radius = rng.uniform(0.05, 0.22) * shrink
        center = place + np.array((0, radius if rng.random() < 0.5 else rng.uniform(radius, 1.9), 0))
        return Ball(center, center, float(radius), material)
    top = place + np.array((rng.normal(0, 0.15), rng.uniform(0.5, 3.0), rng.normal(0, 0.15)))
    return Ball(place, top, float(rng.uniform(0.015, 0.09)), material)
