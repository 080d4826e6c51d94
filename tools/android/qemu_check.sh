#!/bin/sh
# Runs .tflite files with XNNPACK's arm64 kernels under qemu-user and compares the outputs with this computer's.
#
# usage: qemu_check.sh MODEL.tflite...
# needs: Debian or Ubuntu with qemu-user, apt-get, dpkg-deb; a Python with ai-edge-litert and numpy (PYTHON names it).
# Nothing is installed: arm64 packages and wheels go into QEMU_CHECK_FOLDER (default: build/qemu), which is kept.
set -eu

here=$(dirname "$(readlink -f "$0")")
python=${PYTHON:-python3}
folder=${QEMU_CHECK_FOLDER:-build/qemu}

fail() {
  echo "error: $1" >&2
  exit 1
}

case ${1:-} in
-h | --help)
  echo "usage: qemu_check.sh MODEL.tflite..."
  exit 0
  ;;
esac
[ $# -ge 1 ] || fail "usage: qemu_check.sh MODEL.tflite..."
command -v qemu-aarch64 > /dev/null || fail "no qemu-aarch64: apt-get install qemu-user"
mkdir -p "$folder"
folder=$(readlink -f "$folder")
root=$folder/root

if [ ! -x "$root/usr/bin/python3" ]; then
  mkdir -p "$root" "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/debs"
  : > "$folder/apt/status"
  # An apt state of its own, so that the system's architectures stay as they are.
  set_aside="-o Dir::State=$folder/apt -o Dir::State::status=$folder/apt/status -o Dir::Cache=$folder/apt/cache"
  arm="-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root"
  apt-get -qq $set_aside $arm update
  version=$(apt-cache $set_aside $arm depends python3-minimal | sed -n 's/.*Depends: \(python3\.[0-9]*\)-minimal/\1/p')
  packages="$version-minimal lib$version-minimal lib$version-stdlib libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libssl3"
  (cd "$folder/debs" && apt-get -qq $set_aside $arm download $packages libffi8 liblzma5 libbz2-1.0 libuuid1)
  for package in "$folder"/debs/*.deb; do
    dpkg-deb -x "$package" "$root"
  done
  # XNNPACK's cpuinfo looks at these before anything else and gives up without them.
  mkdir -p "$root/proc" "$root/sys/devices/system/cpu"
  echo 0 > "$root/sys/devices/system/cpu/possible"
  echo 0 > "$root/sys/devices/system/cpu/present"
  printf 'processor\t: 0\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32\nCPU implementer\t: 0x51\n' > "$root/proc/cpuinfo"
  printf 'CPU architecture: 8\nCPU variant\t: 0xa\nCPU part\t: 0x800\nCPU revision\t: 1\n' >> "$root/proc/cpuinfo"
  digits=$(echo "$version" | tr -cd 0-9)
  "$python" -m pip download -q --no-deps --only-binary=:all: --python-version "$digits" -d "$folder/wheels" \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 \
    "ai-edge-litert==$("$python" -c 'import importlib.metadata as m; print(m.version("ai-edge-litert"))')" \
    "numpy==$("$python" -c 'import importlib.metadata as m; print(m.version("numpy"))')"
  for wheel in "$folder"/wheels/*.whl; do
    "$python" -m zipfile -e "$wheel" "$folder/site"
  done
  ln -s "$version" "$root/usr/bin/python3"
fi

# A Pixel 2's cores have no int8 dot product, as cortex-a72; newer phones have, as neoverse-n1. Not qemu's default CPU
# "max": of qemu 7.2 it offers matrix instructions whose int8 results in XNNPACK are wrong (other kernels are right).
status=0
for model in "$@"; do
  "$python" "$here/qemu_outputs.py" run "$model" "$folder/here.npz"
  for cpu in cortex-a72 neoverse-n1; do
    PYTHONPATH=$folder/site PYTHONHOME=$root/usr qemu-aarch64 -cpu $cpu -L "$root" "$root/usr/bin/python3" \
      "$here/qemu_outputs.py" run "$model" "$folder/arm64.npz" || fail "$model does not run under qemu-aarch64 -cpu $cpu"
    "$python" "$here/qemu_outputs.py" compare "$model ($cpu)" "$folder/here.npz" "$folder/arm64.npz" || status=1
  done
done
exit $status
