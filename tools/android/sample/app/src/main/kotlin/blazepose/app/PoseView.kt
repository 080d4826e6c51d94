package blazepose.app

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.view.View
import blazepose.Picture
import blazepose.PoseResult
import blazepose.TrackerSpec
import java.nio.ByteBuffer
import kotlin.math.min

/** A frame with its skeleton: the person's left in orange, right in cyan, uncertain points faded. */
class PoseView(context: Context, private val spec: TrackerSpec) : View(context) {
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { strokeCap = Paint.Cap.ROUND }
    private val words = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = Color.WHITE }
    private var bitmap: Bitmap? = null
    private var pose: PoseResult? = null
    private var text = ""

    /** On the main thread. */
    fun show(picture: Picture, result: PoseResult, caption: String) {
        val own = bitmap?.takeIf { it.width == picture.width && it.height == picture.height }
            ?: Bitmap.createBitmap(picture.width, picture.height, Bitmap.Config.ARGB_8888).also { bitmap = it }
        own.copyPixelsFromBuffer(ByteBuffer.wrap(picture.rgba))
        pose = result
        text = caption
        contentDescription = caption
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val frame = bitmap ?: return
        val scale = min(width.toFloat() / frame.width, height.toFloat() / frame.height)
        val left = (width - scale * frame.width) / 2
        val top = (height - scale * frame.height) / 2
        canvas.drawColor(Color.BLACK)
        canvas.drawBitmap(frame, null, RectF(left, top, left + scale * frame.width, top + scale * frame.height), null)
        line.strokeWidth = min(width, height) / 150f
        words.textSize = min(width, height) / 25f
        canvas.drawText(text, words.textSize, 2 * words.textSize, words)
        val result = pose?.takeIf { it.region != null } ?: return
        val x = result.landmarks.map { left + scale * it.x.toFloat() }
        val y = result.landmarks.map { top + scale * it.y.toFloat() }
        for ((a, b) in spec.edges) {
            paint(min(result.visibility[a], result.visibility[b]), side(a).takeIf { it == side(b) } ?: Color.WHITE)
            canvas.drawLine(x[a], y[a], x[b], y[b], line)
        }
        for (k in x.indices) {
            paint(result.visibility[k], side(k))
            canvas.drawCircle(x[k], y[k], line.strokeWidth, line)
        }
    }

    private fun paint(visibility: Double, color: Int) {
        line.color = color
        line.alpha = if (visibility >= 0.5) 255 else if (visibility >= 0.1) 100 else 0
    }

    private fun side(k: Int) = spec.names[k].let {
        when {
            it.startsWith("left_") || it.endsWith("_left") -> Color.rgb(255, 138, 0)
            it.startsWith("right_") || it.endsWith("_right") -> Color.rgb(0, 217, 231)
            else -> Color.WHITE
        }
    }
}
