package blazepose

import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.min

/**
 * Regressed points moved to the peaks of their heatmaps: on a picture to the most plausible cell and between cells to
 * the top of a parabola; on film, where `previous` points are known, to a weighted mean that does not jump.
 *
 * @param points in crop pixels, as `previous`
 * @param maps cells x cells x points, logits
 */
fun refine(
    points: List<Point>,
    maps: FloatArray,
    spec: TrackerSpec,
    settings: Refinement,
    previous: List<Point>?
): List<Point> {
    val stride = spec.heatmapStride.toDouble()
    val cells = spec.inputSize / spec.heatmapStride
    return points.mapIndexed { k, point ->
        val place = Point(point.x / stride, point.y / stride)
        // Left alone where it was regressed outside of the map.
        val inside = place.x >= 0 && place.y >= 0 && place.x < cells && place.y < cells
        val before = previous?.get(k)?.let { Point(it.x / stride, it.y / stride) }
        val reach = if (before == null) settings.reach + 2 else settings.smoothReach
        val found = if (!inside) null else {
            val near = Window(maps, cells, points.size, k, floor(place.x).toInt(), floor(place.y).toInt(), reach)
            if (before == null) near.bestPeak(place, spec.priorSigmas[k], settings)
            else near.smoothPeak(place, spec.priorSigmas[k], settings, before)
        }
        found?.let { Point(it.x * stride, it.y * stride) } ?: point
    }
}

/** Probabilities of a square of cells around one, row by row; 0 outside of the map. */
private class Window(maps: FloatArray, cells: Int, count: Int, k: Int, column: Int, row: Int, reach: Int) {
    val side = 2 * reach + 1
    val left = column - reach
    val top = row - reach
    var weights = DoubleArray(side * side)

    init {
        for (y in max(top, 0) until min(top + side, cells)) {
            for (x in max(left, 0) until min(left + side, cells)) {
                val logit = maps[(y * cells + x) * count + k].toDouble().coerceIn(-20.0, 20.0)
                weights[(y - top) * side + x - left] = 1 / (1 + exp(-logit))
            }
        }
    }

    /** Cell with the largest product of blurred probability and closeness, and the parabolas' top. */
    fun bestPeak(place: Point, sigma: Double, settings: Refinement): Point? {
        repeat(2) {
            blur(side)
            blur(1)
        }
        val scale = -0.5 / (sigma * sigma)
        val w = DoubleArray(weights.size) { i ->
            val dx = left + i % side + 0.5 - place.x
            val dy = top + i / side + 0.5 - place.y
            weights[i] * exp(scale * dx * dx) * exp(scale * dy * dy)
        }
        var best = 2 * side + 2
        for (row in 2 until side - 2) {
            for (i in row * side + 2 until (row + 1) * side - 2) if (w[i] > w[best]) best = i
        }
        if (!(w[best] >= settings.minPeak)) return null
        val stepX = peakOffset(w[best - 1], w[best], w[best + 1])
        val stepY = peakOffset(w[best - side], w[best], w[best + side])
        return Point(left + best % side + 0.5 + stepX, top + best / side + 0.5 + stepY)
    }

    /** A quarter of each of two neighbours `next` cells apart; the rim in that direction keeps its values. */
    private fun blur(next: Int) {
        weights = DoubleArray(weights.size) { i ->
            val along = if (next == 1) i % side else i / side
            if (along == 0 || along == side - 1) weights[i]
            else 0.5 * weights[i] + 0.25 * (weights[i - next] + weights[i + next])
        }
    }

    /** Mean cell, weighted by a power of probability and closeness to now's and the last frame's place. */
    fun smoothPeak(place: Point, sigma: Double, settings: Refinement, before: Point): Point {
        val power = 1 shl settings.squarings
        val scale = -0.5 * power / (sigma * sigma)
        fun prior(first: Int, now: Double, last: Double) = DoubleArray(side) {
            val at = first + it + 0.5
            val beyond = (abs(at - last) - settings.motion).coerceIn(0.0, settings.smoothReach.toDouble())
            exp(scale * ((at - now) * (at - now) + beyond * beyond))
        }
        val alongX = prior(left, place.x, before.x)
        val alongY = prior(top, place.y, before.y)
        var sum = settings.regressionWeight
        var sumX = sum * place.x
        var sumY = sum * place.y
        for (i in weights.indices) {
            var weight = weights[i]
            repeat(settings.squarings) { weight *= weight }
            weight *= alongX[i % side] * alongY[i / side]
            sum += weight
            sumX += weight * (left + i % side + 0.5)
            sumY += weight * (top + i / side + 0.5)
        }
        return Point(sumX / sum, sumY / sum)
    }
}

/** Where, within half a cell, the parabola through three logarithms is highest. */
private fun peakOffset(before: Double, peak: Double, after: Double): Double {
    val (b, p, a) = listOf(before, peak, after).map { ln(max(it, 1e-12)) }
    val bend = 2 * p - b - a
    return if (bend > 1e-6) (0.5 * (a - b) / bend).coerceIn(-0.5, 0.5) else 0.0
}
