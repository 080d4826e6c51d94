plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "blazepose.app"
    compileSdk = 35
    defaultConfig {
        applicationId = "blazepose.app"
        minSdk = 24
        targetSdk = 35
        versionName = "0.1.0"
        versionCode = 1
    }
    // contract.json and models/ of an exported site; model files are mapped, not unpacked.
    androidResources { noCompress += "tflite" }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    kotlinOptions { jvmTarget = "17" }
}

dependencies {
    implementation(project(":loop"))
    implementation("com.google.ai.edge.litert:litert:1.4.1")
    implementation("androidx.activity:activity-ktx:1.9.3")
    implementation("androidx.camera:camera-camera2:1.4.0")
    implementation("androidx.camera:camera-lifecycle:1.4.0")
}
