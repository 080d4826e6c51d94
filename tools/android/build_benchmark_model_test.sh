#!/bin/sh
# Runs the build script against a made-up source tree and a recording stand-in for Bazel: paths, flags, messages.
set -eu
script=$(readlink -f "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/litert" "$work/ndk" "$work/sdk"
echo 'workspace(name = "litert")' > "$work/litert/WORKSPACE"
cat > "$work/bazel" <<'FAKE'
#!/bin/sh
echo "$@" > "$RECORD"
cat .tf_configure.bazelrc >> "$RECORD"
mkdir -p bazel-bin/tflite/tools/benchmark
echo program > bazel-bin/tflite/tools/benchmark/benchmark_model
FAKE
chmod +x "$work/bazel"
export RECORD="$work/record" BAZEL="$work/bazel"

if ANDROID_NDK_HOME= ANDROID_HOME= sh "$script" "$work/litert/WORKSPACE" "$work/out" 2> "$work/err"; then
  echo "FAIL: missing NDK must be an error"
  exit 1
fi
grep -q "ANDROID_NDK_HOME must be" "$work/err"

cd "$work"
ANDROID_NDK_HOME=$work/ndk ANDROID_HOME=$work/sdk sh "$script" litert/WORKSPACE out
[ "$(cat out/benchmark_model)" = program ] && [ -x out/benchmark_model ]
grep -q -- "--config=android_arm64 //tflite/tools/benchmark:benchmark_model" record
grep -q "ANDROID_NDK_HOME=$work/ndk" record
grep -q "ANDROID_NDK_API_LEVEL=26" record
[ ! -e litert/.tf_configure.bazelrc ] || { echo "FAIL: the sources were changed"; exit 1; }
echo PASS
