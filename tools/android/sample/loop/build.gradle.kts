// Pure Kotlin: no class of Android but org.json, which Android brings and the JVM's tests take from Maven.
plugins {
    id("org.jetbrains.kotlin.jvm")
}

kotlin { jvmToolchain(17) }

dependencies {
    compileOnly("org.json:json:20240303")
    testImplementation("org.json:json:20240303")
    testImplementation(kotlin("test-junit"))
}

tasks.test {
    systemProperty("golden", file("../../../../testdata/golden/loop").path)
}
