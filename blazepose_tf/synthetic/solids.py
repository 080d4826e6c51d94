"""Draws tapered capsules, ellipsoids and boxes into a depth buffer, vectorised over the pixels of their bounding boxes.

The one curved primitive is the hull of two spheres (a round cone) in a linearly deformed space, so that it can be a
ball, an ellipsoid, a limb or a flattened trunk. Its front surface has a closed form along a viewing ray: along the
axis parameter t the depth is -t d3 - sqrt(Q(t)) with the quadratic Q(t) = A t^2 + 2 B t + C, which is extremal at
t = (B - d3 sqrt((B^2 - A C) / (d3^2 - A))) / -A.

Camera frame: x right, y down, z forward, metres. End points and radii are projected exactly; within one solid the
perspective is the one of its middle, which is far below a pixel for parts as small as limbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NEAR = 0.15  # metres; solids that come closer to the camera are not drawn


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        rotation: (3, 3) world to camera.
        position: (3,) metres in the world.
        focal: pixels.
        center: (2,) principal point in continuous pixels.
    """

    rotation: np.ndarray
    position: np.ndarray
    focal: float
    center: tuple[float, float]

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) metres in the world to (..., 3) metres in the camera frame."""
        return (np.asarray(points) - self.position) @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) metres in the world to (..., 2) continuous pixels; only meaningful in front of the camera."""
        p = self.to_camera(points)
        return self.focal * p[..., :2] / np.maximum(p[..., 2:], 1e-6) + np.array(self.center)

    def scaled(self, factor: float) -> Camera:
        """The same view on a picture that is `factor` times as large."""
        x, y = self.center
        return Camera(self.rotation, self.position, self.focal * factor, (x * factor, y * factor))


@dataclass(frozen=True)
class Solid:
    """A round cone: the hull of two balls, deformed by `axes`.

    Attributes:
        start: (3,) metres, centre of the first ball.
        end: (3,) metres, centre of the second ball; equal to `start` for a ball or an ellipsoid.
        radius: of the first ball in metres.
        end_radius: of the second ball in metres.
        material: index into the palette of the picture.
        frame: (3, 3) columns = axes of the part in the world; patterns follow them, and `stretch` acts along them.
        stretch: factors of the radii along the axes of `frame`; None = round.
    """

    start: np.ndarray
    end: np.ndarray
    radius: float
    end_radius: float
    material: int
    frame: np.ndarray
    stretch: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Part:
    """What the surface of a drawn part is computed from, in the camera frame.

    Attributes:
        material: index into the palette.
        origin: (3,) metres.
        axes: (3, 3) columns = axes of the part, which patterns follow.
        deform: (3, 3) into the space in which a round cone is round; zeros for the side of a box.
        axis: (3,) from the first to the second ball in that space.
        radius: of the first ball in that space.
        growth: end radius - radius.
        normal: (3,) of the side of a box; zeros for a round cone.
    """

    material: int
    origin: np.ndarray
    axes: np.ndarray
    deform: np.ndarray
    axis: np.ndarray
    radius: float
    growth: float
    normal: np.ndarray


@dataclass(frozen=True)
class Buffers:
    """What is seen at every pixel.

    Attributes:
        depth: (H, W) float32 metres along the camera axis; inf = background.
        part: (H, W) int16 index into `parts`; -1 = background.
        parts: everything drawn so far.
    """

    depth: np.ndarray
    part: np.ndarray
    parts: list[Part]


def new_buffers(height: int, width: int) -> Buffers:
    """Empty buffers of height x width pixels."""
    return Buffers(np.full((height, width), np.inf, np.float32), np.full((height, width), -1, np.int16), [])


def draw_solids(buffers: Buffers, solids: Sequence[Solid], camera: Camera) -> None:
    """Draws solids into the buffers, in any order.

    Args:
        buffers: changed in place.
        solids: what to draw, world frame.
        camera: in pixels of the buffers.
    """
    if not solids:
        return
    height, width = buffers.depth.shape
    a = camera.to_camera(np.stack([solid.start for solid in solids]))
    b = camera.to_camera(np.stack([solid.end for solid in solids]))
    radii = np.array([(solid.radius, solid.end_radius) for solid in solids])
    frames = camera.rotation @ np.stack([solid.frame for solid in solids])
    stretch = np.array([solid.stretch or (1.0, 1.0, 1.0) for solid in solids])
    front = (np.minimum(a[:, 2], b[:, 2]) - radii.max(1) * stretch.max(1)) > _NEAR
    za, zb = np.maximum(a[:, 2], _NEAR), np.maximum(b[:, 2], _NEAR)
    middle = (a + b) / 2
    pa = camera.focal * a[:, :2] / za[:, None] + camera.center
    pb = camera.focal * b[:, :2] / zb[:, None] + camera.center
    scale = camera.focal / np.maximum(middle[:, 2], _NEAR)
    ra, rb = radii[:, 0] * camera.focal / za, radii[:, 1] * camera.focal / zb
    # Viewing rays are parallel to z after the shear q = S q'; the quadric of the deformation follows.
    shear = np.tile(np.eye(3), (len(solids), 1, 1))
    shear[:, :2, 2] = middle[:, :2] / np.maximum(middle[:, 2:], _NEAR)
    quadric = (frames / stretch[:, None, :] ** 2) @ frames.transpose(0, 2, 1)
    quadric = shear.transpose(0, 2, 1) @ quadric @ shear
    extent = np.sqrt(np.maximum(np.diagonal(np.linalg.inv(quadric), axis1=1, axis2=2)[:, :2], 0))
    # U lower triangular with U'U = quadric, so that U keeps the viewing direction: a flipped Cholesky factor.
    deform = np.linalg.cholesky(quadric[:, ::-1, ::-1])[:, ::-1, ::-1].transpose(0, 2, 1)
    d = np.concatenate([pb - pa, ((zb - za) * scale)[:, None]], axis=1)
    d = np.einsum("pij,pj->pi", deform, d)
    low = np.floor(np.minimum(pa - ra[:, None] * extent, pb - rb[:, None] * extent))
    high = np.ceil(np.maximum(pa + ra[:, None] * extent, pb + rb[:, None] * extent))
    x0, y0 = np.maximum(low, 0).astype(int).T
    x1, y1 = np.minimum(high, (width, height)).astype(int).T
    unshear = deform @ np.linalg.inv(shear)
    axis = np.einsum("pij,pj->pi", unshear, b - a)
    for i in np.flatnonzero(front & (x1 > x0) & (y1 > y0)):
        window = (slice(y0[i], y1[i]), slice(x0[i], x1[i]))
        hit, depth = _surface(window, deform[i], pa[i], d[i].tolist(), float(ra[i]), float(rb[i]))
        depth *= np.float32(1 / scale[i])
        depth += np.float32(za[i])
        _keep_nearest(buffers, window, hit, depth)
        ends = radii[i].tolist()
        buffers.parts.append(
            Part(solids[int(i)].material, a[i], frames[i], unshear[i], axis[i], ends[0], ends[1] - ends[0], np.zeros(3))
        )


def _keep_nearest(buffers: Buffers, window, hit: np.ndarray, depth: np.ndarray) -> None:
    """Writes the pixels of the next part that are nearer than what the buffers hold."""
    before = buffers.depth[window]
    hit &= depth < before
    np.copyto(before, depth, where=hit)
    np.copyto(buffers.part[window], np.int16(len(buffers.parts)), where=hit)


def _surface(window, deform, origin, d, ra, rb):
    """Front surface of one round cone in pixels of its own scale.

    Returns:
        hit (h, w) bool, and depth (h, w) from the first centre along the viewing ray.
    """
    f32 = np.float32
    d1, d2, d3 = d
    (u11, _, _), (u21, u22, _), (u31, u32, u33) = deform.tolist()
    rows, columns = window
    xs = (np.arange(columns.start, columns.stop, dtype=f32) + f32(0.5 - origin[0]))[None, :]
    ys = (np.arange(rows.start, rows.stop, dtype=f32) + f32(0.5 - origin[1]))[:, None]
    dr = rb - ra
    flat = d1 * d1 + d2 * d2
    p1 = f32(u11) * xs
    p2 = f32(u21) * xs + f32(u22) * ys
    q = (f32(ra * ra) - p1 * p1) - p2 * p2
    if flat + d3 * d3 < 1e-6:
        hit = q > 0
        depth = -np.sqrt(np.maximum(q, f32(0), out=q))
    else:
        qa = dr * dr - flat
        if abs(qa) < 1e-3:
            qa = -1e-3
        qb = (f32(ra * dr) + f32(d1) * p1) + f32(d2) * p2
        hit, depth = (_along if qa < 0 else _end_on)(qa, qb, q, d3)
    depth -= f32(u31) * xs + f32(u32) * ys
    depth *= f32(1 / u33)
    return hit, depth


def _along(qa: float, qb: np.ndarray, qc: np.ndarray, d3: float) -> tuple[np.ndarray, np.ndarray]:
    """The usual case A < 0: sqrt(Q) is concave, so that clipping the extremal t to the axis is exact.

    Args:
        qa: A.
        qb: B, overwritten.
        qc: C, overwritten.
        d3: depth of the axis.

    Returns:
        hit and depth.
    """
    f32 = np.float32
    t = qb * qb
    t -= f32(qa) * qc
    np.maximum(t, f32(0), out=t)
    np.sqrt(t, out=t)
    t *= f32(-d3 / (d3 * d3 - qa) ** 0.5)
    t += qb
    t *= f32(-1 / qa)
    np.maximum(t, f32(0), out=t)
    np.minimum(t, f32(1), out=t)
    qb *= f32(2)
    qb += f32(qa) * t
    qb *= t
    qc += qb
    hit = qc > 0
    t *= f32(d3)
    t -= np.sqrt(np.maximum(qc, f32(0), out=qc), out=qc)
    return hit, t


def _end_on(qa: float, qb: np.ndarray, qc: np.ndarray, d3: float) -> tuple[np.ndarray, np.ndarray]:
    """One ball covers the other: the nearest of the two balls and, where it exists, of the cone between them."""
    f32 = np.float32
    candidates = [np.zeros_like(qb), np.ones_like(qb)]
    if d3 * d3 > qa:
        root = np.sqrt(np.maximum(qb * qb - f32(qa) * qc, 0))
        candidates.append(np.clip((f32(d3 / (d3 * d3 - qa) ** 0.5) * root - qb) / f32(qa), f32(0), f32(1)))
    best = np.full_like(qb, np.inf)
    for t in candidates:
        q = (f32(qa) * t + f32(2) * qb) * t + qc
        depth = f32(d3) * t - np.sqrt(np.maximum(q, f32(0)))
        np.minimum(best, depth, out=best, where=q > 0)
    return best < np.inf, best


_CUBE = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def draw_box(
    buffers: Buffers, camera: Camera, *, center: np.ndarray, frame: np.ndarray, half: np.ndarray, material: int
) -> None:
    """Draws a box as an object.

    Args:
        buffers: changed in place.
        camera: in pixels of the buffers.
        center: (3,) metres in the world.
        frame: (3, 3) columns = its axes in the world.
        half: (3,) half of its sides in metres.
        material: index into the palette.
    """
    height, width = buffers.depth.shape
    corners = camera.to_camera(center + (_CUBE * half) @ frame.T)
    if corners[:, 2].min() < _NEAR:
        return
    pixels = camera.focal * corners[:, :2] / corners[:, 2:] + camera.center
    axes = camera.rotation @ frame
    middle = corners.mean(0)
    for side in _SIDES:
        face = corners[list(side)]
        normal = face.mean(0) - middle
        if normal @ face[0] >= 0:
            continue
        quad = pixels[list(side)]
        x0, y0 = np.maximum(np.floor(quad.min(0)), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(quad.max(0)), (width, height)).astype(int)
        if x1 <= x0 or y1 <= y0:
            continue
        xs, ys = np.arange(x0, x1) + 0.5, (np.arange(y0, y1) + 0.5)[:, None]
        inside = np.ones((y1 - y0, x1 - x0), bool)
        turn = np.sign(_cross(quad[1] - quad[0], quad[2] - quad[0]))
        for p, q in zip(quad, np.roll(quad, -1, axis=0), strict=True):
            inside &= turn * ((q[0] - p[0]) * (ys - p[1]) - (q[1] - p[1]) * (xs - p[0])) >= 0
        ray_x, ray_y = (xs - camera.center[0]) / camera.focal, (ys - camera.center[1]) / camera.focal
        inverse = (normal[0] * ray_x + normal[1] * ray_y + normal[2]) / (normal @ face[0])
        depth = (1 / np.maximum(inverse, 1e-6)).astype(np.float32)
        inside &= depth < buffers.depth[y0:y1, x0:x1]
        _keep_nearest(buffers, (slice(y0, y1), slice(x0, x1)), inside, depth)
        buffers.parts.append(Part(material, middle, axes, np.zeros((3, 3)), np.zeros(3), 0.0, 0.0, normal))


@dataclass(frozen=True)
class Surface:
    """The surface at n pixels.

    Attributes:
        part: (n,) index into the parts of the buffers.
        normal: (3, n) float32 in the camera frame, not normalised.
        offset: (3, n) float32 metres from the origin of the part, camera frame.
    """

    part: np.ndarray
    normal: np.ndarray
    offset: np.ndarray


def surface_at(buffers: Buffers, camera: Camera, *, rows: np.ndarray, columns: np.ndarray) -> Surface:
    """Computes the surface at n pixels, none of which may be background.

    A point y of a round cone with axis d, radius r and growth g lies on the ball whose centre t d fulfils
    (y - t d) d = -g (r + t g); the normal points away from that centre.

    Args:
        buffers: everything drawn.
        camera: in pixels of the buffers.
        rows: (n,) indices.
        columns: (n,) indices.
    """
    f32 = np.float32
    flat_index = rows * buffers.depth.shape[1] + columns
    part, z = buffers.part.take(flat_index), buffers.depth.take(flat_index)
    table = np.empty((len(buffers.parts), 20), f32)
    for i, p in enumerate(buffers.parts):
        length = float(p.axis @ p.axis) - p.growth**2
        inverse = 1 / length if length > 1e-9 else 0.0
        table[i] = (*p.deform.flat, *p.axis, *p.origin, *p.normal, inverse, inverse * p.radius * p.growth)
    numbers = np.ascontiguousarray(table.T).take(part, axis=1, mode="clip")  # mode: skips the check of bounds
    deform, d, flat = numbers[:9].reshape(3, 3, -1), numbers[9:12], numbers[15:18]
    offset = np.empty((3, len(part)), f32)
    offset[0] = (columns + f32(0.5 - camera.center[0])) * (z * f32(1 / camera.focal))
    offset[1] = (rows + f32(0.5 - camera.center[1])) * (z * f32(1 / camera.focal))
    offset[2] = z
    offset -= numbers[12:15]
    y = np.einsum("ijn,jn->in", deform, offset)
    t = np.einsum("in,in->n", y, d) * numbers[18] + numbers[19]
    np.clip(t, 0, 1, out=t)
    y -= t * d
    normal = np.einsum("ijn,in->jn", deform, y)
    normal += flat
    return Surface(part, normal, offset)


def _cross(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0])
