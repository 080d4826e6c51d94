#!/usr/bin/env bash
# Makes and proves a release, and stops before the upload: wheel and sdist of the committed files in dist/.
#
#     tools/release.sh [python3.10 python3.11 ...]
#
# Each named interpreter (default: those of 3.10 to 3.13 that are found) installs the wheel into a clean environment and
# draws a skeleton outside of the checkout; the first one does so with the sdist, and with the OpenCV build that has
# windows, too. Versions in the package, CHANGELOG.md and CITATION.cff have to agree.
set -euo pipefail
case "${1:-}" in -h | --help) echo "usage: tools/release.sh [PYTHON ...]"; sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "error: uncommitted changes" >&2; exit 1; }
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' blazepose_tf/__init__.py)
grep -qF "## [$version]" CHANGELOG.md || { echo "error: CHANGELOG.md has no section $version" >&2; exit 1; }
grep -qx "version: $version" CITATION.cff || { echo "error: CITATION.cff is not of version $version" >&2; exit 1; }
pythons=("$@")
if [ $# = 0 ]; then
  for minor in 10 11 12 13; do command -v "python3.$minor" >/dev/null && pythons+=("python3.$minor"); done
fi
[ ${#pythons[@]} -gt 0 ] || { echo "error: no Python 3.10 to 3.13 is found; name one" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
git archive HEAD | tar -x -C "$work/source" # what is not committed, or left in build/, is not released
"${pythons[0]}" -m venv "$work/build"
"$work/build/bin/pip" install --quiet "build>=1.2,<2" "twine>=6,<8"
"$work/build/bin/python" -m build --outdir dist "$work/source" >"$work/build.log" 2>&1 || { tail -20 "$work/build.log"; exit 1; }
"$work/build/bin/twine" check --strict "dist/blazepose_tf-$version"*

prove() { # name, python, file, OpenCV build
  local place="$work/$1"
  "$2" -m venv "$place"
  "$place/bin/pip" install --quiet "$3"
  if [ "$4" = opencv-python ]; then
    "$place/bin/pip" uninstall --quiet -y opencv-python-headless
    "$place/bin/pip" install --quiet "opencv-python>=4.10,<6"
  fi
  (cd "$place" && bin/blazepose predict --input="$work/source/testdata/people/images" --output=poses >log 2>&1) ||
    { cat "$place/log"; exit 1; }
  [ "$(find "$place/poses" -name '*_pose.json' | wc -l)" = 6 ] || { echo "error: $1: not all pictures were drawn" >&2; exit 1; }
  echo "proven: $1, $("$2" --version), $4: $(tail -1 "$place/log")"
  rm -rf "$place"
}

wheel=dist/blazepose_tf-$version-py3-none-any.whl
for python in "${pythons[@]}"; do
  prove "wheel-$(basename "$python")" "$python" "$wheel" opencv-python-headless
done
prove sdist "${pythons[0]}" "dist/blazepose_tf-$version.tar.gz" opencv-python-headless
prove wheel-with-windows "${pythons[0]}" "$wheel" opencv-python
echo "dist/ holds blazepose_tf $version. Not uploaded: twine upload dist/blazepose_tf-$version*"
