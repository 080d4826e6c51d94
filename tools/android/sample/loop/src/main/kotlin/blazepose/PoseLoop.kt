package blazepose

/** What the tracker's file gives; `heatmaps` is null where it has none. */
class TrackerOutputs(
    val landmarks: FloatArray,
    val posePresence: Float,
    val alignment: FloatArray,
    val heatmaps: FloatArray?
)

/** Runs the two model files on size x size x 3 values. */
interface Networks {
    fun detector(input: FloatArray): DetectorOutputs

    fun tracker(input: FloatArray): TrackerOutputs
}

/** What the tracker sees in one region, in pixels of the picture. */
class Track(
    val points: List<Point>,
    val visibility: List<Double>,
    val posePresence: Double,
    val alignment: Alignment,
    val spread: List<Double?>?
) {
    /** Whether every number is one: a damaged or overflowing network's may not be. */
    val isFinite get() = points.all { it.isFinite } && visibility.all { it.isFinite() } && alignment.isFinite
}

enum class Source { DETECTED, TRACKED, NONE }

/** What was found in a frame; without a person the lists are empty and the region null. */
class PoseResult(
    val source: Source,
    val detectorRan: Boolean,
    val region: Region?,
    val landmarks: List<Point>,
    val visibility: List<Double>,
    val posePresence: Double
)

/** Landmarks in picture pixels of a tracker's outputs; `previous` are the points of the frame before. */
fun decodeTrack(contract: Contract, outputs: TrackerOutputs, matrix: Matrix, previous: List<Point>?): Track {
    val raw = outputs.landmarks
    val indices = contract.tracker.names.indices
    val values = if (contract.tracker.depth) 4 else 3 // x, y, depth, visibility
    val regressed = indices.map { Point(raw[values * it].toDouble(), raw[values * it + 1].toDouble()) }
    val refined = outputs.heatmaps?.let {
        refine(regressed, it, contract.tracker, contract.refinement, previous?.map(matrix.inverse()::apply))
    } ?: Refined(regressed, null)
    val a = outputs.alignment.map { it.toDouble() }
    // The points of a mirrored crop are those of the other side.
    val order = contract.tracker.sides?.takeIf { matrix.mirrors } ?: indices.toList()
    return Track(
        order.map { matrix.apply(refined.points[it]) },
        order.map { sigmoid(raw[values * (it + 1) - 1].toDouble()) },
        sigmoid(outputs.posePresence.toDouble()),
        Alignment(matrix.apply(a[0], a[1]), matrix.apply(a[2], a[3])),
        refined.spread?.let { spread -> order.map { spread[it] } }
    )
}

/**
 * One reading of two looks, the second in the person's own region: a point lies between both, by the inverse squares of
 * its spreads; where they mean two places, it is the one of the look with less spread.
 */
private fun ofBoth(first: Track, second: Track, settings: Merging): Track {
    val far = settings.onePlace * second.alignment.radius
    val shares = second.points.indices.map { k ->
        val (seen, q) = listOf(first, second).map { if (it.spread == null) 1.0 else it.spread[k] ?: settings.unsupported }
        val p = settings.first * seen
        if (first.points[k].distance(second.points[k]) <= far) q * q / (p * p + q * q) else if (p < q) 1.0 else 0.0
    }
    val between = { p: Double, q: Double, k: Int -> q + shares[k] * (p - q) }
    return Track(
        second.points.mapIndexed { k, q -> first.points[k].let { p -> Point(between(p.x, q.x, k), between(p.y, q.y, k)) } },
        second.visibility.mapIndexed { k, q -> between(first.visibility[k], q, k) },
        second.posePresence,
        second.alignment,
        second.spread
    )
}

/** What the tracker confirmed, and where. */
private class Sighting(val track: Track, val region: Region)

/**
 * Finds one person: calls of `frame` are the consecutive frames of one film, in which they are followed; `closer` is
 * whether the detector looks at parts of a picture in whose whole nobody was found.
 */
class PoseLoop(
    private val contract: Contract,
    private val networks: Networks,
    private val closer: Boolean = true
) {
    private val anchors = gridAnchors(contract.detector)
    private val clock = FrameClock(contract.filters)
    private val smoother = PoseSmoother(contract.filters)
    private var region: Region? = null
    private var points: List<Point>? = null
    private var size = Pair(0, 0)

    // Where the person was seen last, pixels per second of the mid-hip, and seconds since.
    private var last: Alignment? = null
    private var velocity = Point(0.0, 0.0)
    private var absent = 0.0

    // Of the closer look, the square that was looked at last.
    private var part = -1

    /** Forgets the person and the time, as before the first frame. */
    fun reset() {
        part = -1
        clock.reset()
        forget()
    }

    private fun forget() {
        lose()
        last = null
        velocity = Point(0.0, 0.0)
        absent = 0.0
    }

    /** Where the person would be, going on as before. */
    private fun expected(seconds: Double, picture: Picture): Region? {
        val seen = last ?: return null
        val time = absent + seconds
        val move = { point: Point -> Point(point.x + velocity.x * time, point.y + velocity.y * time) }
        val here = Region.of(Alignment(move(seen.center), move(seen.top)), contract.tracker.roiScale)
        return if (here.isUsable(picture.width, picture.height, contract.loop)) here else null
    }

    /** The tracker no longer sees the person; place and motion are remembered. */
    private fun lose() {
        smoother.reset()
        region = null
        points = null
    }

    /** Reads the pose of one person; without a time the frame is a nominal step after the last. */
    fun frame(picture: Picture, milliseconds: Double?): PoseResult {
        val (seconds, gap) = clock.step(milliseconds)
        if (gap || size != Pair(picture.width, picture.height)) forget()
        size = Pair(picture.width, picture.height)
        var read = region
        var track = read?.let { track(picture, it, points) }
        if (track == null) {
            lose()
            read = expected(seconds, picture)
            track = read?.let { track(picture, it, null) }
        }
        val followed = track != null
        if (!followed) {
            val found = find(picture, still = false) { looks ->
                part = (part + 1) % looks[0].size
                listOf(listOf(looks[0][part]))
            }
            track = found?.track
            read = found?.region
        }
        if (track == null || read == null) {
            absent += seconds
            if (absent > contract.filters.gapSeconds) forget()
            return PoseResult(Source.NONE, true, null, listOf(), listOf(), 0.0)
        }
        val source = if (followed) Source.TRACKED else Source.DETECTED
        if (!followed) velocity = Point(0.0, 0.0)
        return follow(picture, track, read, seconds, source)
    }

    /**
     * Reads the pose of one person in a picture that stands alone: where nobody is found in the whole, all squares of
     * the closer look are asked, then of a still closer one; nothing is filtered, the film is not disturbed.
     */
    fun still(picture: Picture): PoseResult {
        val sighting = find(picture, still = true) { it } ?: return PoseResult(Source.NONE, true, null, listOf(), listOf(), 0.0)
        val track = sighting.track
        return PoseResult(
            Source.DETECTED, true, sighting.region, track.points, track.visibility, track.posePresence
        )
    }

    /**
     * Whom the detector sees and the tracker confirms: in the whole picture, else in parts of it, else whom the detector
     * only half believes in; of the squares of a closer look and of still closer ones, `choose` gives those to look at
     * now. In a `still` it is the mirror image that is read the second time, and the reading is that of both looks.
     */
    private fun find(
        picture: Picture, still: Boolean, choose: (List<List<Region>>) -> List<List<Region>>
    ): Sighting? {
        val known = ArrayList<Detection>()
        val doubted = ArrayList<Detection>()
        // People whom none of the looks before has shown.
        fun look(regions: List<Region>, doubt: Double): List<Detection> {
            val seen = regions.map { detect(picture, it, doubt) }
            doubted += seen.flatMap { (_, others) -> others }
            return fresh(seen.flatMap { (people, _) -> people }, known)
        }
        confirm(picture, look(listOf(Region.wholeImage(picture.width, picture.height)), 0.0), still)?.let { return it }
        if (closer) {
            val looks = contract.loop.closerShares.map { Region.parts(picture.width, picture.height, it) }
            for (squares in choose(looks)) {
                confirm(picture, look(squares, contract.loop.closerDoubt), still)?.let { return it }
            }
        }
        return confirm(picture, fresh(doubted, known), still)
    }

    /** Those of some people who are nobody known, each once, best first; now they are. */
    private fun fresh(people: List<Detection>, known: ArrayList<Detection>): List<Detection> {
        val before = known.size
        for (person in people.sortedByDescending { it.score }) {
            if (known.none { person.alignment.apart(it.alignment) < contract.detector.samePerson }) known += person
        }
        return known.subList(before, known.size).toList()
    }

    /**
     * The first of the most prominent people whom the tracker sees in the region that its first reading gives: there it
     * tells people from what is none far better than where a detector has drawn. The surer the detector is, the less is
     * asked of the tracker.
     */
    private fun confirm(picture: Picture, detections: List<Detection>, still: Boolean): Sighting? {
        val threshold = contract.detector.scoreThreshold
        val mirror = still && contract.tracker.sides != null
        val asked = if (still) contract.loop.askedStill else contract.loop.askedFilm
        val inTurn = detections.sortedByDescending { it.prominence(contract.loop.front) }
        for (person in inTurn.take(contract.loop.candidates)) {
            val more = asked + contract.loop.exchange * (nats(threshold) - nats(person.score))
            val least = maxOf(contract.loop.presenceThreshold, raised(contract.tracker.confirmedThreshold, more))
            val presence = if (person.score < threshold) contract.loop.presenceThreshold else 0.0
            val first = sight(picture, person.alignment, presence) ?: continue
            val second = sight(picture, first.track.alignment, least, mirror) ?: continue
            return if (still) Sighting(ofBoth(first.track, second.track, contract.merging), second.region) else second
        }
        return null
    }

    /** Null where the region is no sensible one, or the tracker is less sure of somebody in it than `least`. */
    private fun sight(picture: Picture, alignment: Alignment, least: Double, mirror: Boolean = false): Sighting? {
        val here = Region.of(alignment, contract.tracker.roiScale)
        if (!here.isUsable(picture.width, picture.height, contract.loop)) return null
        return track(picture, here, null, least, mirror)?.let { Sighting(it, here) }
    }

    /** The next frame's region, and what the filters make of this one's landmarks. */
    private fun follow(picture: Picture, track: Track, read: Region, seconds: Double, source: Source): PoseResult {
        val before = last
        if (before != null && points != null) {
            val weight = seconds / (seconds + contract.loop.motionSeconds)
            val speed = { now: Double, then: Double, old: Double -> old + weight * ((now - then) / seconds - old) }
            val (here, there) = Pair(track.alignment.center, before.center)
            velocity = Point(speed(here.x, there.x, velocity.x), speed(here.y, there.y, velocity.y))
        }
        last = track.alignment
        absent = 0.0
        val next = Region.of(smoother.alignment(track.alignment, seconds), contract.tracker.roiScale)
        region = if (next.isUsable(picture.width, picture.height, contract.loop)) next else null
        points = track.points
        val landmarks = smoother.landmarks(track.points, seconds, track.alignment.bodySize)
        val visibility = smoother.visibility(track.visibility)
        return PoseResult(source, source == Source.DETECTED, read, landmarks, visibility, track.posePresence)
    }

    /** Whom the detector sees, and whom it half believes in. */
    private fun detect(picture: Picture, region: Region, doubt: Double): Pair<List<Detection>, List<Detection>> {
        val spec = contract.detector
        val matrix = region.cropMatrix(spec.inputSize)
        val outputs = networks.detector(input(picture, matrix, spec.inputSize, true, spec.range))
        fun people(below: Double) = decodeDetections(spec, anchors, outputs, matrix, doubt, below)
        return people(0.0) to people(contract.loop.halfBelieved)
    }

    /** Null where the tracker is not sure of a person. */
    private fun track(
        picture: Picture, region: Region, previous: List<Point>?, least: Double = contract.loop.presenceThreshold,
        mirror: Boolean = false
    ): Track? {
        val spec = contract.tracker
        val matrix = region.cropMatrix(spec.inputSize, mirror)
        val input = input(picture, matrix, spec.inputSize, false, spec.range)
        val track = decodeTrack(contract, networks.tracker(input), matrix, previous)
        return if (track.isFinite && track.posePresence >= least) track else null
    }

    /** What a network sees of a picture. */
    private fun input(picture: Picture, matrix: Matrix, size: Int, zero: Boolean, range: List<Double>) =
        lightened(warp(picture, matrix, size, zero, range), size, range, contract.exposure)
}
