package blazepose

import kotlin.math.PI
import kotlin.math.abs

/** Weight of the new value in an exponential filter with this cutoff in Hz. */
private fun alpha(cutoff: Double, seconds: Double): Double {
    val rate = 2 * PI * seconds * cutoff
    return rate / (rate + 1)
}

/** Smooths numbers, each on its own. Casiez et al. 2012. */
private class OneEuroFilter(private val settings: OneEuroSettings) {
    private var last: DoubleArray? = null
    private var value = DoubleArray(0)
    private var speed = DoubleArray(0)

    fun reset() {
        last = null
    }

    fun next(points: List<Point>, seconds: Double, scale: Double): List<Point> {
        val raw = DoubleArray(2 * points.size) { if (it % 2 == 0) points[it / 2].x else points[it / 2].y }
        val before = last
        last = raw
        if (before == null) {
            value = raw.copyOf()
            speed = DoubleArray(raw.size)
            return points
        }
        val weight = alpha(settings.derivateCutoff, seconds)
        for (i in raw.indices) {
            speed[i] += weight * ((raw[i] - before[i]) / (scale * seconds) - speed[i])
            value[i] += alpha(settings.minCutoff + settings.beta * abs(speed[i]), seconds) * (raw[i] - value[i])
        }
        return points.indices.map { Point(value[2 * it], value[2 * it + 1]) }
    }
}

/** Holds back a point that moves faster than a body can until a second frame has seen it move. */
private class JumpFilter(private val fastest: Double) {
    private var last: List<Point>? = null
    private var jumped = listOf<Boolean>()

    fun reset() {
        last = null
    }

    fun next(points: List<Point>, seconds: Double, scale: Double): List<Point> {
        val before = last
        val jumpedBefore = jumped
        jumped = points.indices.map { before != null && points[it].distance(before[it]) > fastest * scale * seconds }
        val kept = if (before == null) points else {
            points.indices.map { if (jumped[it] && !jumpedBefore[it]) before[it] else points[it] }
        }
        last = kept
        return kept
    }
}

/** Time since the last frame (positive), and whether there was a gap after which nothing holds that was known. */
data class Step(val seconds: Double, val gap: Boolean)

/** Turns timestamps as cameras and files deliver them into steps. */
class FrameClock(private val settings: FilterSettings) {
    private var last: Double? = null
    private var usual = settings.nominalSeconds

    fun reset() {
        last = null
        usual = settings.nominalSeconds
    }

    /** @param milliseconds time of the frame; null is a nominal step after the last */
    fun step(milliseconds: Double?): Step {
        val before = last
        val now = if (milliseconds == null) (before ?: 0.0) + settings.nominalSeconds else milliseconds / 1000
        if (before == null) {
            last = now
            return Step(usual, false)
        }
        val seconds = now - before
        if (abs(seconds) > settings.gapSeconds) {
            reset()
            last = now
            return Step(usual, true)
        }
        // Repeated or late: the clock stays at the latest time seen.
        if (seconds <= 1e-3) return Step(usual, false)
        last = now
        usual = 0.5 * (usual + seconds)
        return Step(seconds, false)
    }
}

/** The filters of one person. */
class PoseSmoother(private val settings: FilterSettings) {
    private val jumps = JumpFilter(settings.fastest)
    private val landmarkFilter = OneEuroFilter(settings.landmarks)
    private val alignmentFilter = OneEuroFilter(settings.alignment)
    private var seen: List<Double>? = null

    fun reset() {
        jumps.reset()
        landmarkFilter.reset()
        alignmentFilter.reset()
        seen = null
    }

    fun alignment(points: Alignment, seconds: Double): Alignment {
        val smooth = alignmentFilter.next(listOf(points.center, points.top), seconds, points.bodySize)
        val apart = (smooth[0].distance(points.center) + smooth[1].distance(points.top)) / points.bodySize
        // It may stay behind by a part of the circle's radius only.
        val share = minOf(1.0, settings.farthest / maxOf(apart, 1e-9))
        val limited = { now: Point, old: Point -> Point(now.x + (old.x - now.x) * share, now.y + (old.y - now.y) * share) }
        return Alignment(limited(points.center, smooth[0]), limited(points.top, smooth[1]))
    }

    fun landmarks(points: List<Point>, seconds: Double, bodySize: Double) =
        landmarkFilter.next(jumps.next(points, seconds, bodySize), seconds, bodySize)

    fun visibility(values: List<Double>): List<Double> {
        val before = seen
        val next = if (before == null) values else {
            values.indices.map { before[it] + settings.visibility * (values[it] - before[it]) }
        }
        seen = next
        return next
    }
}
