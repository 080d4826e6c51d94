package blazepose.app

import android.Manifest.permission.CAMERA
import android.content.pm.PackageManager.PERMISSION_GRANTED
import android.os.Bundle
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts.RequestPermission
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.core.content.ContextCompat
import blazepose.Contract
import blazepose.PoseLoop
import java.io.IOException
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit.SECONDS

/** The camera's frames through the loop, as many as the phone can do. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor()
    private var networks: LiteRtNetworks? = null
    private var lastEnd = 0L
    private val permission = registerForActivityResult(RequestPermission()) { granted ->
        if (granted) start() else tell(getString(R.string.no_camera))
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        if (checkSelfPermission(CAMERA) == PERMISSION_GRANTED) start() else permission.launch(CAMERA)
    }

    private fun tell(text: String) = setContentView(TextView(this).apply { this.text = text })

    private fun start() {
        try {
            val contract = Contract(assets.open("contract.json").bufferedReader().use { it.readText() })
            val opened = LiteRtNetworks(assets, threads = 2).also { networks = it }
            val view = PoseView(this, contract.tracker).also { setContentView(it) }
            bind(PoseLoop(contract, opened), view)
        } catch (error: IOException) {
            tell(getString(R.string.no_models, error.message))
        } catch (error: IllegalArgumentException) {
            tell(getString(R.string.no_models, error.message))
        }
    }

    private fun bind(loop: PoseLoop, view: PoseView) {
        val analysis = ImageAnalysis.Builder()
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .build()
        analysis.setAnalyzer(worker) { frame -> frame.use { read(it, loop, view) } }
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener(
            { provider.get().bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, analysis) },
            ContextCompat.getMainExecutor(this)
        )
    }

    /** On the worker. */
    private fun read(frame: ImageProxy, loop: PoseLoop, view: PoseView) {
        val picture = frame.upright()
        val result = loop.frame(picture, frame.imageInfo.timestamp / 1e6)
        val now = System.nanoTime()
        val rate = 1e9 / (now - lastEnd)
        lastEnd = now
        runOnUiThread { view.show(picture, result, getString(R.string.rate, rate)) }
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.shutdown()
        // A network must not be closed while it runs.
        worker.awaitTermination(1, SECONDS)
        networks?.close()
    }
}
