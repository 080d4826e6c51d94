package blazepose.app

import androidx.camera.core.ImageProxy
import blazepose.Picture

/** A camera's RGBA_8888 frame, turned so that up is up; rows of the camera may be longer than its picture. */
fun ImageProxy.upright(): Picture {
    val plane = planes[0]
    val bytes = ByteArray(plane.buffer.remaining()).also { plane.buffer.get(it) }
    val turns = imageInfo.rotationDegrees / 90
    val (w, h) = if (turns % 2 == 0) Pair(width, height) else Pair(height, width)
    val pixel = plane.pixelStride
    val row = plane.rowStride
    // Where the upright picture's first pixel lies, and how far from it the next to the right and the next below are.
    val (first, right, below) = when (turns) {
        0 -> Triple(0, pixel, row)
        1 -> Triple((height - 1) * row, -row, pixel)
        2 -> Triple((height - 1) * row + (width - 1) * pixel, -pixel, -row)
        else -> Triple((width - 1) * pixel, row, -pixel)
    }
    val rgba = ByteArray(4 * w * h)
    for (y in 0 until h) {
        for (x in 0 until w) System.arraycopy(bytes, first + x * right + y * below, rgba, 4 * (y * w + x), 4)
    }
    return Picture(w, h, rgba)
}
