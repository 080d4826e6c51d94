package blazepose

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.log2
import kotlin.math.max
import kotlin.math.min

/** Four bytes a pixel, red first, as CameraX's RGBA_8888. */
class Picture(val width: Int, val height: Int, val rgba: ByteArray) {
    internal fun at(index: Int) = rgba[index].toInt() and 255
}

/**
 * Cuts a crop out of a picture, bilinearly, after halving it until less than two pixels fall on one of the crop's.
 *
 * @param zero black outside of the picture; else its outermost pixels go on
 * @param range values of black and white
 * @return size x size x 3 values
 */
fun warp(picture: Picture, matrix: Matrix, size: Int, zero: Boolean, range: List<Double>): FloatArray {
    var source = picture
    var m = matrix
    var scale = matrix.scale
    if (scale >= 2) {
        val multiple = 1 shl floor(log2(scale)).toInt()
        val left = m.c + size * (min(m.a, 0.0) + min(m.b, 0.0))
        val top = m.f + size * (min(m.d, 0.0) + min(m.e, 0.0))
        val (x0, x1) = limits(left, left + size * (abs(m.a) + abs(m.b)), picture.width, multiple)
        val (y0, y1) = limits(top, top + size * (abs(m.d) + abs(m.e)), picture.height, multiple)
        source = halve(picture, x0, y0, x1 - x0, y1 - y0)
        var fx = if (x1 - x0 > 1) 0.5 else 1.0
        var fy = if (y1 - y0 > 1) 0.5 else 1.0
        scale /= 2
        while (scale >= 2 && max(source.width, source.height) > 1) {
            fx /= if (source.width > 1) 2 else 1
            fy /= if (source.height > 1) 2 else 1
            source = halve(source, 0, 0, source.width, source.height)
            scale /= 2
        }
        m = Matrix(m.a * fx, m.b * fx, (m.c - x0) * fx, m.d * fy, m.e * fy, (m.f - y0) * fy)
    }
    val width = source.width
    val height = source.height
    val gain = (range[1] - range[0]) / 255
    val out = FloatArray(size * size * 3)
    // Index i is the pixel around i + 0.5, in the crop and in the picture.
    val c = m.c + 0.5 * (m.a + m.b) - 0.5
    val f = m.f + 0.5 * (m.d + m.e) - 0.5
    var to = 0
    for (row in 0 until size) {
        for (column in 0 until size) {
            val x = m.a * column + m.b * row + c
            val y = m.d * column + m.e * row + f
            val x0 = floor(x).toInt()
            val y0 = floor(y).toInt()
            var right = x - x0
            var left = 1 - right
            var below = y - y0
            var above = 1 - below
            if (zero) {
                if (x0 < 0 || x0 >= width) left = 0.0
                if (x0 < -1 || x0 >= width - 1) right = 0.0
                if (y0 < 0 || y0 >= height) above = 0.0
                if (y0 < -1 || y0 >= height - 1) below = 0.0
            }
            val column0 = x0.coerceIn(0, width - 1)
            val column1 = (x0 + 1).coerceIn(0, width - 1)
            val row0 = width * y0.coerceIn(0, height - 1)
            val row1 = width * (y0 + 1).coerceIn(0, height - 1)
            for (k in 0 until 3) {
                val up = left * source.at(4 * (row0 + column0) + k) + right * source.at(4 * (row0 + column1) + k)
                val down = left * source.at(4 * (row1 + column0) + k) + right * source.at(4 * (row1 + column1) + k)
                out[to++] = (floor(above * up + below * down + 0.5) * gain + range[0]).toFloat()
            }
        }
    }
    return out
}

/** First and last (exclusive) pixel of what is sampled along a side, with a margin, a multiple long where it fits. */
private fun limits(low: Double, high: Double, length: Int, multiple: Int): Pair<Int, Int> {
    val margin = 2 * multiple
    val start = (low - margin).coerceIn(0.0, length - 1.0).toInt() / multiple * multiple
    val end = ceil((high + margin).coerceIn(start + 1.0, length.toDouble())).toInt()
    return Pair(start, min(start + (end - start + multiple - 1) / multiple * multiple, length))
}

/** A part of a picture at half its size, without an odd last row or column. */
private fun halve(picture: Picture, x0: Int, y0: Int, w: Int, h: Int): Picture {
    val width = max(w / 2, 1)
    val height = max(h / 2, 1)
    val half = Picture(width, height, ByteArray(4 * width * height))
    val row = 4 * picture.width
    val right = if (w > 1) 4 else 0
    val below = if (h > 1) row else 0
    for (y in 0 until height) {
        for (to in 0 until 4 * width) {
            val i = (y0 + 2 * y) * row + 4 * x0 + to / 4 * 8 + to % 4
            val sum = picture.at(i) + picture.at(i + right) + picture.at(i + below) + picture.at(i + right + below)
            half.rgba[4 * y * width + to] = (sum + 2 shr 2).toByte()
        }
    }
    return half
}
