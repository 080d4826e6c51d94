package blazepose

import kotlin.math.exp
import kotlin.math.hypot
import kotlin.math.ln

/** What the detector's file gives: `num_anchors` x 8 and `num_anchors` values. */
class DetectorOutputs(val regressors: FloatArray, val logits: FloatArray)

/** A person: corners of the face's box, then the alignment points, in pixels of the picture. */
class Detection(val points: List<Point>, val score: Double) {
    val alignment get() = Alignment(points[2], points[3])

    /** Nats by which people are looked at in turn: the score's, and `front` for a size that is e times as large. */
    fun prominence(front: Double): Double {
        val radius = hypot(points[3].x - points[2].x, points[3].y - points[2].y)
        return nats(score) + front * ln(maxOf(radius, 1e-6))
    }
}

/** The logit of a score. */
fun nats(score: Double) = score.coerceIn(1e-6, 1 - 1e-6).let { ln(it / (1 - it)) }

/** The probability whose logit is so many nats above that of another one. */
fun raised(probability: Double, by: Double) = 1 / (1 + (1 - probability) / probability * exp(-by))

/** Middles of the anchors, level by level, row by row, all of a cell together. */
fun gridAnchors(spec: DetectorSpec): List<Point> = spec.strides.indices.flatMap { level ->
    val stride = spec.strides[level]
    val cells = spec.inputSize / stride
    (0 until cells * cells).flatMap { cell ->
        val middle = Point((cell % cells + 0.5) * stride, (cell / cells + 0.5) * stride)
        List(spec.anchorsPerCell[level]) { middle }
    }
}

/**
 * People of the detector's outputs, best first; `doubt` is taken off the logits. With `below` instead of those above the
 * threshold those below it, by so many nats at most.
 */
fun decodeDetections(
    spec: DetectorSpec,
    anchors: List<Point>,
    outputs: DetectorOutputs,
    matrix: Matrix,
    doubt: Double = 0.0,
    below: Double = 0.0
): List<Detection> {
    val threshold = nats(spec.scoreThreshold)
    val found = ArrayList<Detection>()
    for ((i, anchor) in anchors.withIndex()) {
        val logit = outputs.logits[i] - doubt
        if (!(logit >= threshold - below) || (below > 0 && logit >= threshold)) continue
        val v = List(8) { outputs.regressors[8 * i + it].toDouble() }
        if (!v.all { it.isFinite() }) continue
        val corners = listOf(
            Point(v[0] - v[2] / 2, v[1] - v[3] / 2),
            Point(v[0] + v[2] / 2, v[1] + v[3] / 2),
            Point(v[4], v[5]),
            Point(v[6], v[7])
        )
        val points = corners.map { Point(it.x + anchor.x, it.y + anchor.y) }
        found += Detection(points, sigmoid(logit))
    }
    return merged(found, spec.samePerson).map { person -> Detection(person.points.map(matrix::apply), person.score) }
}

/** Candidates of one person become their mean, weighted by the scores; the score stays the best. */
private fun merged(candidates: List<Detection>, threshold: Double): List<Detection> {
    var rest = candidates.sortedByDescending { it.score }
    val kept = ArrayList<Detection>()
    while (rest.isNotEmpty()) {
        val best = rest[0]
        val (group, others) = rest.partition { it === best || best.alignment.apart(it.alignment) < threshold }
        rest = others
        val total = group.map { it.score }.sum()
        fun mean(of: (Detection) -> Double) = group.map { of(it) * it.score }.sum() / total
        val points = best.points.indices.map { i -> Point(mean { it.points[i].x }, mean { it.points[i].y }) }
        kept += Detection(points, best.score)
    }
    return kept
}
