package blazepose

import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/** Points in crop pixels; spread in cells, null without a peak, and not told at all on film. */
class Refined(val points: List<Point>, val spread: List<Double?>?)

/**
 * Regressed points moved to the peaks of their heatmaps: on a picture to the most plausible cell and between cells to
 * the top of a parabola, and of two legs that have chosen one place the one that loses less to a second peak; on film,
 * where `previous` points are known, to a weighted mean that does not jump.
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
): Refined {
    val stride = spec.heatmapStride.toDouble()
    val cells = spec.inputSize / spec.heatmapStride
    val reach = if (previous == null) settings.reach + 2 else settings.smoothReach
    val places = points.map { Point(it.x / stride, it.y / stride) }
    val windows = places.mapIndexed { k, place ->
        // Left alone where it was regressed outside of the map.
        val inside = place.x >= 0 && place.y >= 0 && place.x < cells && place.y < cells
        if (!inside) null
        else Window(maps, cells, points.size, k, floor(place.x).toInt(), floor(place.y).toInt(), reach)
    }
    var spread: List<Double?>? = null
    val found = if (previous == null) {
        val peaks = windows.mapIndexed { k, window -> window?.bestPeak(places[k], spec.priorSigmas[k]) }
        for ((left, right) in spec.legPairs) part(peaks[left], peaks[right], settings)
        spread = peaks.map { it?.spread(settings) }
        peaks.map { peak -> peak?.takeIf { it.value >= settings.minPeak }?.top() }
    } else {
        windows.mapIndexed { k, window ->
            val before = Point(previous[k].x / stride, previous[k].y / stride)
            window?.smoothPeak(places[k], spec.priorSigmas[k], settings, before)
        }
    }
    return Refined(points.mapIndexed { k, p -> found[k]?.let { Point(it.x * stride, it.y * stride) } ?: p }, spread)
}

/** Where two points have chosen one place, the one that loses less goes to a second peak that is nearly as good. */
private fun part(a: Peak?, b: Peak?, settings: Refinement) {
    if (a == null || b == null || min(a.value, b.value) < settings.minPeak) return
    if (squared(a.cell(), b.cell()) >= settings.apart * settings.apart) return
    val ofA = a.second(b.cell(), settings)
    val ofB = b.second(a.cell(), settings)
    val shareA = if (ofA == null) 0.0 else ofA.value / a.value
    val shareB = if (ofB == null) 0.0 else ofB.value / b.value
    if (max(shareA, shareB) < settings.secondPeak) return
    if (shareA >= shareB) a.at = ofA!!.at else b.at = ofB!!.at
}

private fun squared(p: Point, q: Point) = (p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y)

/** A cell chosen in a window of products of probability, blurred, and closeness; `plain` are those without the blur. */
private class Peak(val window: Window, val weights: DoubleArray, val plain: DoubleArray, var at: Int) {
    val value get() = weights[at]

    /** Middle of a cell of the window. */
    fun cell(i: Int = at) = Point(window.left + i % window.side + 0.5, window.top + i / window.side + 0.5)

    /** Tops of the parabolas through the neighbours' logarithms. */
    fun top(): Point {
        val stepX = peakOffset(weights[at - 1], value, weights[at + 1])
        val stepY = peakOffset(weights[at - window.side], value, weights[at + window.side])
        return cell().let { Point(it.x + stepX, it.y + stepY) }
    }

    /** The best cell, above its eight neighbours, apart from a place. */
    fun second(place: Point, settings: Refinement): Peak? {
        val side = window.side
        val around = listOf(-side - 1, -side, -side + 1, -1, 1, side - 1, side, side + 1)
        var best = -1
        for (i in window.choices) {
            if (best >= 0 && weights[i] <= weights[best]) continue
            if (squared(cell(i), place) < settings.apart * settings.apart) continue
            if (around.all { weights[i] >= weights[i + it] }) best = i
        }
        return if (best < 0 || weights[best] < settings.minPeak) null else Peak(window, weights, plain, best)
    }

    /** How far around its place the point may be by its map, in cells; null without a peak. */
    fun spread(settings: Refinement): Double? {
        val place = top()
        val half = window.side / 2
        val atPlace = plain[(floor(place.y).toInt() - window.top) * window.side + floor(place.x).toInt() - window.left]
        if (atPlace < settings.minPeak) return null
        var sum = 0.0
        var squares = 0.0
        for (row in half - settings.smoothReach..half + settings.smoothReach) {
            for (column in half - settings.smoothReach..half + settings.smoothReach) {
                val i = row * window.side + column
                sum += plain[i]
                squares += plain[i] * squared(cell(i), place)
            }
        }
        return sqrt(squares / max(sum * atPlace, 1e-9))
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

    /** Cells that may be chosen: two from each rim, which the blur needs. */
    val choices
        get() = (2 until side - 2).flatMap { row -> row * side + 2 until (row + 1) * side - 2 }

    /** Cell with the largest product of blurred probability and closeness. */
    fun bestPeak(place: Point, sigma: Double): Peak {
        val probability = weights
        repeat(2) {
            blur(side)
            blur(1)
        }
        val scale = -0.5 / (sigma * sigma)
        val close = DoubleArray(weights.size) { i ->
            val dx = left + i % side + 0.5 - place.x
            val dy = top + i / side + 0.5 - place.y
            exp(scale * dx * dx) * exp(scale * dy * dy)
        }
        val w = DoubleArray(weights.size) { weights[it] * close[it] }
        var best = 2 * side + 2
        for (i in choices) if (w[i] > w[best]) best = i
        return Peak(this, w, DoubleArray(weights.size) { probability[it] * close[it] }, best)
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
