package blazepose.app

import android.content.res.AssetManager
import blazepose.DetectorOutputs
import blazepose.Networks
import blazepose.TrackerOutputs
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/** The two model files of the assets under LiteRT, on the CPU (XNNPACK). */
class LiteRtNetworks(assets: AssetManager, threads: Int) : Networks, AutoCloseable {
    private val detector = Model(assets, "models/detector.tflite", threads)
    private val tracker = Model(assets, "models/tracker.tflite", threads)

    override fun detector(input: FloatArray): DetectorOutputs {
        val outputs = detector.run(input)
        return DetectorOutputs(outputs.getValue("regressors"), outputs.getValue("logits"))
    }

    override fun tracker(input: FloatArray): TrackerOutputs {
        val outputs = tracker.run(input)
        return TrackerOutputs(
            outputs.getValue("landmarks"),
            outputs.getValue("pose_presence")[0],
            outputs.getValue("alignment"),
            outputs["heatmaps"]
        )
    }

    override fun close() {
        detector.close()
        tracker.close()
    }
}

/** One file; its outputs are named by its signature. */
private class Model(assets: AssetManager, path: String, threads: Int) : AutoCloseable {
    private val interpreter = Interpreter(map(assets, path), Interpreter.Options().setNumThreads(threads))
    private val input = direct(interpreter.getInputTensorFromSignature(INPUT, SIGNATURE).numElements())
    private val outputs = interpreter.getSignatureOutputs(SIGNATURE).associateWith {
        direct(interpreter.getOutputTensorFromSignature(it, SIGNATURE).numElements())
    }

    fun run(values: FloatArray): Map<String, FloatArray> {
        input.rewind()
        input.asFloatBuffer().put(values)
        outputs.values.forEach { it.rewind() }
        interpreter.runSignature(mapOf<String, Any>(INPUT to input), outputs.toMap<String, Any>(), SIGNATURE)
        return outputs.mapValues { (_, buffer) ->
            buffer.rewind()
            FloatArray(buffer.capacity() / 4).also { buffer.asFloatBuffer().get(it) }
        }
    }

    override fun close() = interpreter.close()

    private companion object {
        const val SIGNATURE = "serving_default"
        const val INPUT = "image"

        fun direct(count: Int): ByteBuffer = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())

        fun map(assets: AssetManager, path: String): MappedByteBuffer = assets.openFd(path).use { file ->
            FileInputStream(file.fileDescriptor).channel.use {
                it.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
            }
        }
    }
}
