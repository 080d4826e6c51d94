package blazepose

import java.io.File
import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min
import org.json.JSONArray
import org.json.JSONObject

/** The loop against testdata/golden/loop; the first number that differs is an IllegalStateException. */
class Golden(private val folder: File) {
    private var checks = 0
    private val sources = mapOf("detected" to Source.DETECTED, "tracked" to Source.TRACKED, "none" to Source.NONE)

    /** How many numbers were compared. */
    fun checkAll(): Int {
        crops()
        detections()
        landmarks()
        filters()
        film()
        stills()
        return checks
    }

    private fun read(name: String) = JSONObject(File(folder, name).readText())

    private fun close(actual: List<Double>, expected: List<Double>, tolerance: Double, what: String) {
        check(actual.size == expected.size) { "$what: ${actual.size} numbers, expected ${expected.size}" }
        for (i in actual.indices) {
            checks++
            check(abs(actual[i] - expected[i]) <= tolerance) { "$what[$i]: ${actual[i]}, expected ${expected[i]}" }
        }
    }

    private fun crops() {
        val document = read("crop.json")
        for (case in document.objects("matrices")) {
            val roi = case.flat("roi")
            if (case.has("whole_image")) {
                val (width, height) = case.flat("whole_image")
                close(Region.wholeImage(width.toInt(), height.toInt()).numbers(), roi, 0.0, "wholeImage")
            }
            val actual = region(roi).cropMatrix(case.getInt("crop_size"), case.getBoolean("mirror"))
            close(actual.numbers(), case.flat("matrix"), 1e-4, "cropMatrix")
        }
        for (case in document.objects("parts")) {
            val (width, height) = case.flat("picture").map { it.toInt() }
            val parts = Region.parts(width, height, case.getDouble("share"))
            close(parts.flatMap { it.numbers() }, case.flat("rois"), 1e-4, "parts")
        }
        for (case in document.objects("warps")) {
            val size = case.flat("picture")
            val picture = picture(size[0].toInt(), size[1].toInt())
            val zero = case.getString("border") == "zero"
            val crop = warp(picture, matrix(case.flat("matrix")), case.getInt("crop_size"), zero, listOf(0.0, 255.0))
            val actual = crop.map { it.toDouble() }
            // OpenCV places samples to 1/32 of a pixel; across the rectangle's side that is a few levels.
            close(actual, case.flat("crop"), 8.0, "warp $size")
            val mean = actual.zip(case.flat("crop")).map { (a, e) -> abs(a - e) }.average()
            close(listOf(mean), listOf(0.0), 0.4, "warp $size, mean")
        }
        val exposure = document.getJSONObject("exposure")
        val settings = Exposure(exposure.getJSONObject("settings"))
        for (case in exposure.objects("cases")) {
            for (range in listOf(listOf(0.0, 1.0), listOf(-1.0, 1.0), listOf(0.0, 255.0))) {
                val span = (range[1] - range[0]) / 255
                val dark = case.flat("crop").map { (it * span + range[0]).toFloat() }.toFloatArray()
                val actual = lightened(dark, exposure.getInt("size"), range, settings).map { (it - range[0]) / span }
                close(actual, case.flat("lightened"), 1e-3, "lightened")
            }
        }
    }

    private fun detections() {
        val document = read("detection.json")
        val spec = Contract(document.getJSONObject("contract")).detector
        val anchors = gridAnchors(spec)
        close(anchors.numbers(), document.flat("grid"), 0.0, "gridAnchors")
        for (case in document.objects("cases")) {
            val outputs = detectorOutputs(anchors.size, case.getJSONArray("anchors"))
            val found = decodeDetections(
                spec, anchors, outputs, matrix(case.flat("matrix")), case.getDouble("doubt"), case.getDouble("below")
            )
            val expected = case.objects("detections")
            close(found.map { it.score }, expected.map { it.getDouble("score") }, 1e-4, "scores")
            close(
                found.flatMap { it.points.numbers() }, expected.flatMap { it.flat("box") + it.flat("keypoints") }, 1e-3,
                "detections"
            )
        }
    }

    private fun landmarks() {
        val document = read("landmarks.json")
        val contract = Contract(document.getJSONObject("contract"))
        for (case in document.objects("regions")) {
            val alignment = alignment(case.flat("alignment"))
            close(Region.of(alignment, contract.tracker.roiScale).numbers(), case.flat("roi"), 1e-4, "Region.of")
        }
        val outputs = trackerOutputs(document.getJSONObject("tensors"))
        for (case in document.objects("cases")) {
            val previous = if (case.isNull("previous")) null else points(case.flat("previous"))
            val track = decodeTrack(contract, outputs, matrix(case.flat("matrix")), previous)
            val expected = case.getJSONObject("expected")
            check((track.spread != null) == expected.has("spread")) { "spread: ${track.spread}" }
            if (track.spread != null) {
                val spread = expected.getJSONArray("spread").let { all -> List(all.length()) { all.optDouble(it, -1.0) } }
                close(track.spread.map { it ?: -1.0 }, spread, 1e-3, "spread")
            }
            close(track.points.numbers(), expected.flat("points"), 1e-3, "points")
            close(track.visibility, expected.flat("visibility"), 1e-4, "visibility")
            close(listOf(track.posePresence), listOf(expected.getDouble("pose_presence")), 1e-4, "presence")
            close(track.alignment.numbers(), expected.flat("alignment"), 1e-3, "alignment")
        }
    }

    private fun filters() {
        val document = read("filters.json")
        val settings = Contract(document.getJSONObject("contract")).filters
        val clock = FrameClock(settings)
        val smoother = PoseSmoother(settings)
        for (frame in document.objects("frames")) {
            val expected = frame.getJSONObject("expected")
            val alignment = alignment(frame.flat("alignment"))
            val step = clock.step(frame.time())
            if (step.gap) smoother.reset()
            check(step.gap == expected.getBoolean("gap")) { "gap: ${step.gap}" }
            close(listOf(step.seconds), listOf(expected.getDouble("seconds")), 1e-5, "seconds")
            val smooth = smoother.landmarks(points(frame.flat("points")), step.seconds, alignment.bodySize)
            close(smooth.numbers(), expected.flat("points"), 1e-3, "landmarks")
            close(smoother.alignment(alignment, step.seconds).numbers(), expected.flat("alignment"), 1e-3, "alignment")
            close(smoother.visibility(frame.flat("visibility")), expected.flat("visibility"), 1e-4, "visibility")
        }
    }

    private fun film() {
        val document = read("film.json")
        val contract = Contract(document.getJSONObject("contract"))
        val networks = Recorded(contract)
        val loop = PoseLoop(contract, networks)
        val picture = document.picture()
        for ((number, frame) in document.objects("frames").withIndex()) {
            networks.calls += frame.objects("calls")
            same(loop.frame(picture, frame.time()), networks, frame.getJSONObject("expected"), "frame $number")
        }
        // Who does not want the closer look does not pay for it.
        networks.calls += document.objects("frames")[0].objects("calls").take(1)
        PoseLoop(contract, networks, closer = false).frame(picture, 0.0)
        check(networks.calls.isEmpty()) { "the closer look that was not wanted" }
    }

    private fun stills() {
        val document = read("stills.json")
        val contract = Contract(document.getJSONObject("contract"))
        val networks = Recorded(contract)
        val loop = PoseLoop(contract, networks)
        for ((number, case) in document.objects("cases").withIndex()) {
            networks.calls += case.objects("calls")
            same(loop.still(case.picture()), networks, case.getJSONObject("expected"), "picture $number")
        }
    }

    private fun same(result: PoseResult, networks: Recorded, expected: JSONObject, what: String) {
        check(networks.calls.isEmpty()) { "$what: outputs that the loop did not ask for" }
        check(result.source == sources[expected.getString("source")]) { "$what: ${result.source}" }
        check(result.detectorRan == expected.getBoolean("detector_ran")) { "$what: detector" }
        val region = result.region
        if (region != null) close(region.numbers(), expected.flat("roi"), 2e-3, "$what region")
        close(result.landmarks.numbers(), expected.flat("landmarks"), 5e-3, "$what landmarks")
        close(result.visibility, expected.flat("visibility"), 1e-4, "$what visibility")
        close(listOf(result.posePresence), listOf(expected.getDouble("pose_presence")), 1e-4, "$what presence")
    }
}

/** Networks whose outputs were written down, in the order in which the loop asks for them. */
private class Recorded(contract: Contract) : Networks {
    val calls = ArrayList<JSONObject>()
    private val anchors = gridAnchors(contract.detector).size

    private fun next(kind: String): JSONObject {
        check(calls.isNotEmpty()) { "the loop asks the $kind, the film has nothing next" }
        val call = calls.removeAt(0)
        check(call.getString("kind") == kind) { "the loop asks the $kind, the film has another network next" }
        return call
    }

    override fun detector(input: FloatArray) = detectorOutputs(anchors, next("detector").getJSONArray("anchors"))

    override fun tracker(input: FloatArray) = trackerOutputs(next("tracker"))
}

private fun JSONObject.picture() = flat("picture").map { it.toInt() }.let { (width, height) -> picture(width, height) }

private fun JSONObject.objects(name: String) =
    getJSONArray(name).let { all -> List(all.length()) { all.getJSONObject(it) } }

private fun JSONObject.flat(name: String) = flatten(get(name))

private fun JSONObject.time() = if (isNull("timestamp_ms")) null else getDouble("timestamp_ms")

private fun flatten(value: Any): List<Double> =
    if (value is JSONArray) List(value.length()) { flatten(value.get(it)) }.flatten()
    else listOf((value as Number).toDouble())

private fun points(flat: List<Double>) = flat.chunked(2).map { Point(it[0], it[1]) }

private fun alignment(flat: List<Double>) = points(flat).let { Alignment(it[0], it[1]) }

private fun region(flat: List<Double>) = Region(flat[0], flat[1], flat[2], flat[3])

private fun matrix(m: List<Double>) = Matrix(m[0], m[1], m[2], m[3], m[4], m[5])

private fun List<Point>.numbers() = flatMap { listOf(it.x, it.y) }

private fun Alignment.numbers() = listOf(center, top).numbers()

private fun Region.numbers() = listOf(x, y, side, rotation)

private fun Matrix.numbers() = listOf(a, b, c, d, e, f)

private fun floats(value: Any) = flatten(value).map { it.toFloat() }.toFloatArray()

private fun trackerOutputs(call: JSONObject) = TrackerOutputs(
    floats(call.get("landmarks")), call.getDouble("pose_presence").toFloat(), floats(call.get("alignment")),
    floats(call.get("heatmaps"))
)

private fun detectorOutputs(count: Int, rows: JSONArray): DetectorOutputs {
    val outputs = DetectorOutputs(FloatArray(8 * count), FloatArray(count) { -12f })
    for (i in 0 until rows.length()) {
        val row = floats(rows.getJSONArray(i))
        outputs.logits[row[0].toInt()] = row[1]
        row.copyInto(outputs.regressors, 8 * row[0].toInt(), 2)
    }
    return outputs
}

/** The picture of tools/loop_golden.py: slopes and a rectangle with sharp sides. */
private fun picture(width: Int, height: Int): Picture {
    val rgba = ByteArray(4 * width * height)
    for (y in 0 until height) {
        for (x in 0 until width) {
            val inside = x >= width / 3 && x < width / 2 && y >= height / 4 && y < height / 2
            for (k in 0 until 3) {
                val value = min(2 * x + y + 20 * k + (x * y shr 4), 255)
                rgba[4 * (y * width + x) + k] = max(0, if (inside) 255 - value else value).toByte()
            }
        }
    }
    return Picture(width, height, rgba)
}

/** Without Gradle: the folder of the numbers is the argument. */
fun main(args: Array<String>) = println("${Golden(File(args[0])).checkAll()} numbers")
