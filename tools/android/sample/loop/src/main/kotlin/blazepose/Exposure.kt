package blazepose

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt

/**
 * Makes a dark crop as bright as what the networks have learned from, in place.
 *
 * @param crop size x size x 3 values
 * @param range values of black and white
 */
fun lightened(crop: FloatArray, size: Int, range: List<Double>, exposure: Exposure): FloatArray {
    val shades = 255 / (range[1] - range[0])
    fun shade(value: Float) = ((value - range[0]) * shades).roundToInt()
    val counts = IntArray(256)
    var pixels = 0
    for (row in 0 until size step exposure.every) {
        for (column in 0 until size step exposure.every) {
            val at = 3 * (row * size + column)
            counts[shade(max(crop[at], max(crop[at + 1], crop[at + 2])))]++
            pixels++
        }
    }
    val before = floor(exposure.share * pixels).toInt()
    var level = 0
    var upTo = counts[0]
    while (upTo <= before) upTo += counts[++level]
    if (level == 0 || level >= exposure.wanted) return crop
    val gain = min(exposure.wanted.toDouble() / level, exposure.most)
    val table = FloatArray(256) { (min(floor(it * gain + 0.5), 255.0) / shades + range[0]).toFloat() }
    for (i in crop.indices) crop[i] = table[shade(crop[i])]
    return crop
}
