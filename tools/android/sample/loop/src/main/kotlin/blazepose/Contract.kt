package blazepose

import org.json.JSONArray
import org.json.JSONObject

/** What the loop has to know of the two models: contract.json, which `blazepose export --format=web` writes. */
class Contract(document: JSONObject) {
    val detector = DetectorSpec(document.getJSONObject("detector"))
    val tracker = TrackerSpec(document.getJSONObject("tracker"))
    val refinement = Refinement(document.getJSONObject("refinement"))
    val exposure = Exposure(document.getJSONObject("exposure"))
    val merging = Merging(document.getJSONObject("merging"))
    val filters = FilterSettings(document.getJSONObject("filters"))
    val loop = LoopSettings(document.getJSONObject("pipeline"))

    constructor(json: String) : this(JSONObject(json))
}

class DetectorSpec(document: JSONObject) {
    val inputSize = document.getInt("input_size")
    val strides = document.getJSONArray("strides").doubles().map { it.toInt() }
    val anchorsPerCell = document.getJSONArray("anchors_per_cell").doubles().map { it.toInt() }
    val range = document.getJSONArray("value_range").doubles()
    val scoreThreshold = document.getDouble("score_threshold")
    val samePerson = document.getDouble("same_person")
}

class TrackerSpec(document: JSONObject) {
    val inputSize = document.getInt("input_size")
    val names = document.getJSONArray("keypoint_names").let { names -> List(names.length()) { names.getString(it) } }
    val heatmapStride = document.getInt("heatmap_stride")
    val roiScale = document.getDouble("roi_scale")
    val range = document.getJSONArray("value_range").doubles()
    val priorSigmas = document.getJSONArray("prior_sigmas").doubles()
    val legPairs = document.pairs("leg_pairs")
    val edges = document.pairs("edges")
    val depth = document.getBoolean("depth")
    val confirmedThreshold = document.getDouble("confirmed_threshold")

    /** Where the other side's points are; null where a point lacks it. */
    val sides = document.optJSONArray("sides")?.doubles()?.map { it.toInt() }
}

class Exposure(document: JSONObject) {
    val share = document.getDouble("share")
    val wanted = document.getInt("wanted")
    val most = document.getDouble("most")
    val every = document.getInt("every")
}

class Merging(document: JSONObject) {
    val onePlace = document.getDouble("one_place")
    val first = document.getDouble("first")
    val unsupported = document.getDouble("unsupported")
}

class Refinement(document: JSONObject) {
    val reach = document.getInt("reach")
    val smoothReach = document.getInt("smooth_reach")
    val squarings = document.getInt("squarings")
    val regressionWeight = document.getDouble("regression_weight")
    val minPeak = document.getDouble("min_peak")
    val apart = document.getDouble("apart")
    val secondPeak = document.getDouble("second_peak")
    val motion = document.getDouble("motion")
}

class OneEuroSettings(document: JSONObject) {
    val minCutoff = document.getDouble("min_cutoff")
    val beta = document.getDouble("beta")
    val derivateCutoff = document.getDouble("derivate_cutoff")
}

class FilterSettings(document: JSONObject) {
    val landmarks = OneEuroSettings(document.getJSONObject("landmarks"))
    val alignment = OneEuroSettings(document.getJSONObject("alignment"))
    val visibility = document.getDouble("visibility")
    val fastest = document.getDouble("fastest")
    val farthest = document.getDouble("farthest")
    val nominalSeconds = document.getDouble("nominal_seconds")
    val gapSeconds = document.getDouble("gap_seconds")
}

class LoopSettings(document: JSONObject) {
    val presenceThreshold = document.getDouble("presence_threshold")
    val candidates = document.getInt("candidates")
    val minRegion = document.getDouble("min_region")
    val maxRegion = document.getDouble("max_region")
    val motionSeconds = document.getDouble("motion_seconds")
    val closerShares = document.getJSONArray("closer_shares").doubles()
    val closerDoubt = document.getDouble("closer_doubt")
    val front = document.getDouble("front")
    val halfBelieved = document.getDouble("half_believed")
    val askedStill = document.getDouble("asked_still")
    val askedFilm = document.getDouble("asked_film")
    val exchange = document.getDouble("exchange")
}

private fun JSONObject.pairs(name: String) = getJSONArray(name).let { all ->
    List(all.length()) { all.getJSONArray(it).let { pair -> Pair(pair.getInt(0), pair.getInt(1)) } }
}

internal fun JSONArray.doubles() = List(length()) { getDouble(it) }
