package blazepose

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.atan2
import kotlin.math.cos
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.sin

/** Continuous pixels: x right, y down, the middle of the first pixel is (0.5, 0.5). */
data class Point(val x: Double, val y: Double) {
    fun distance(other: Point) = hypot(x - other.x, y - other.y)

    val isFinite get() = x.isFinite() && y.isFinite()
}

/** A rotated square: centre, side in pixels, rotation in radians (clockwise). */
data class Region(val x: Double, val y: Double, val side: Double, val rotation: Double) {
    /** Whether it is finite, of sensible size, and centred in or near the picture. */
    fun isUsable(width: Int, height: Int, settings: LoopSettings): Boolean {
        if (!(x.isFinite() && y.isFinite() && side.isFinite() && rotation.isFinite())) return false
        if (side < settings.minRegion || side > settings.maxRegion * max(width, height)) return false
        val half = side / 2
        return -half < x && x < width + half && -half < y && y < height + half
    }

    /** Map from the pixels of a crop, mirrored left to right or not, to those of the picture. */
    fun cropMatrix(cropSize: Int, mirror: Boolean = false): Matrix {
        val cosine = cos(rotation) * side / cropSize
        val sine = sin(rotation) * side / cropSize
        val half = cropSize / 2.0
        val (a, d) = if (mirror) Pair(-cosine, -sine) else Pair(cosine, sine)
        return Matrix(a, -sine, x - half * (a - sine), d, cosine, y - half * (d + cosine))
    }

    companion object {
        /** The region of a letterboxed picture. */
        fun wholeImage(width: Int, height: Int) = Region(width / 2.0, height / 2.0, max(width, height).toDouble(), 0.0)

        /** Regions of a closer look: overlapping squares of a share of the long side, the middle first. */
        fun parts(width: Int, height: Int, share: Double): List<Region> {
            val side = share * max(width, height)
            val places = { length: Int -> if (length <= side) listOf(length / 2.0) else listOf(side / 2, length - side / 2) }
            val corners = places(height).flatMap { y -> places(width).map { x -> Region(x, y, side, 0.0) } }
            return listOf(Region(width / 2.0, height / 2.0, side, 0.0)) + corners
        }

        /** Region around a body circle; `scale` is its side over the circle's diameter. */
        fun of(alignment: Alignment, scale: Double): Region {
            val dx = alignment.top.x - alignment.center.x
            val dy = alignment.top.y - alignment.center.y
            val angle = atan2(dx, -dy)
            val wrapped = angle - 2 * PI * floor((angle + PI) / (2 * PI))
            return Region(alignment.center.x, alignment.center.y, 2 * scale * hypot(dx, dy), wrapped)
        }
    }
}

/** Middle of the hips and the point on the body circle above it. */
data class Alignment(val center: Point, val top: Point) {
    val radius get() = center.distance(top)
    val bodySize get() = max(2 * radius, 1e-6)
    val isFinite get() = center.isFinite && top.isFinite

    /** How far two bodies are apart, in radii of the larger circle. */
    fun apart(other: Alignment) =
        (center.distance(other.center) + top.distance(other.top)) / 2 / max(max(radius, other.radius), 1e-6)
}

/** Affine map: x' = a x + b y + c, y' = d x + e y + f. */
data class Matrix(val a: Double, val b: Double, val c: Double, val d: Double, val e: Double, val f: Double) {
    fun apply(x: Double, y: Double) = Point(a * x + b * y + c, d * x + e * y + f)

    fun apply(point: Point) = apply(point.x, point.y)

    fun inverse(): Matrix {
        val det = a * e - b * d
        return Matrix(e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det)
    }

    /** Whether it exchanges left and right. */
    val mirrors get() = a * e - b * d < 0

    /** Length that a unit length gets. */
    val scale get() = Math.sqrt(abs(a * e - b * d))
}

internal fun sigmoid(value: Double) = 1 / (1 + exp(-value.coerceIn(-88.0, 88.0)))
