package blazepose

import java.io.File
import kotlin.test.Test
import kotlin.test.assertTrue

class GoldenTest {
    @Test
    fun theLoopGivesTheGoldenNumbers() {
        assertTrue(Golden(File(System.getProperty("golden"))).checkAll() > 5000)
    }
}
