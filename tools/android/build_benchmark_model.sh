#!/bin/sh
# Builds LiteRT's benchmark_model for Android phones (arm64) inside a LiteRT source tree.
#
# usage: build_benchmark_model.sh LITERT/WORKSPACE OUTPUT_FOLDER
# needs: ANDROID_NDK_HOME (NDK 26), ANDROID_HOME (SDK), and bazel or bazelisk (BAZEL names another one)
set -eu

fail() {
  echo "error: $1" >&2
  exit 1
}

case ${1:-} in
-h | --help)
  echo "usage: build_benchmark_model.sh LITERT/WORKSPACE OUTPUT_FOLDER (bazel run ... -- OUTPUT_FOLDER)"
  exit 0
  ;;
esac
[ $# -eq 2 ] || fail "usage: build_benchmark_model.sh LITERT/WORKSPACE OUTPUT_FOLDER (bazel run ... -- OUTPUT_FOLDER)"
[ -f "$1" ] || fail "no LiteRT sources at $1"
[ -d "${ANDROID_NDK_HOME:-}" ] || fail "ANDROID_NDK_HOME must be the folder of NDK 26"
[ -d "${ANDROID_HOME:-}" ] || fail "ANDROID_HOME must be the folder of the Android SDK"
bazel=${BAZEL:-$(command -v bazelisk || command -v bazel || true)}
[ -n "$bazel" ] || fail "neither bazelisk nor bazel found; set BAZEL"

# `bazel run` starts in its runfiles; the user's relative paths count from where the user is.
case "$2" in
  /*) output=$2 ;;
  *) output=${BUILD_WORKING_DIRECTORY:-$PWD}/$2 ;;
esac
source=$(dirname "$(readlink -f "$1")")
mkdir -p "$output"

# The fetched archive is Bazel's own and read-only in spirit: build in a copy.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$source/." "$work/"
cd "$work"
cat > .tf_configure.bazelrc <<RC
build --action_env ANDROID_NDK_HOME=$ANDROID_NDK_HOME
build --action_env ANDROID_NDK_VERSION=${ANDROID_NDK_VERSION:-26}
build --action_env ANDROID_NDK_API_LEVEL=${ANDROID_NDK_API_LEVEL:-26}
build --action_env ANDROID_SDK_HOME=$ANDROID_HOME
build --action_env ANDROID_SDK_API_LEVEL=${ANDROID_SDK_API_LEVEL:-34}
build --action_env ANDROID_BUILD_TOOLS_VERSION=${ANDROID_BUILD_TOOLS_VERSION:-34.0.0}
RC
"$bazel" build -c opt --config=android_arm64 //tflite/tools/benchmark:benchmark_model
install -m 755 bazel-bin/tflite/tools/benchmark/benchmark_model "$output/benchmark_model"
echo "built $output/benchmark_model"
