#!/bin/sh
# bundle.sh WORK ROOT WHEEL EXTRAS CARRIERS PROGRAM OWN PYTHON ...
# Fills WORK with the wheels of the kit and all it requires. ROOT has locks/, and is the checkout that the kit's wheel is made
# of where WHEEL is empty. Each PYTHON, such as 3.12, chooses by its own pip; that of version OWN is PROGRAM. A wheel comes to
# WORK/wheels whole, and is not fetched again. CARRIERS are packages that carry a data file each: without what they require.
set -eu
work=$1 root=$2 wheel=$3 extras=$4 carriers=$5 program=$6 own=$7
shift 7

hash_of() {
  "$program" -I -c 'import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())' "$1"
}

# The least patch of a Python, such as 3.11.5, that all of some wheels take.
least_of() {
  "$program" -I -c '
import re, sys, zipfile
least = [0]
for path in sys.argv[2:]:
    with zipfile.ZipFile(path) as wheel:
        about = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        wanted = re.findall("^Requires-Python: (.*)$", wheel.read(about).decode(), re.MULTILINE)
    least += map(int, re.findall(r">=\s*" + re.escape(sys.argv[1]) + r"\.(\d+)", " ".join(wanted)))
print(f"{sys.argv[1]}.{max(least)}")' "$@"
}

mkdir -p "$work/wheels"
sed -e '/--hash=/d' -e 's/ \\$//' "$root/locks/packages.txt" >"$work/pins"
: >"$work/kept"
: >"$work/not-locked"

for python in "$@"; do
  place=$work/python$python found=$program
  if [ "$python" != "$own" ]; then
    found=$(command -v "python$python") || { echo "python$python is not on PATH; install it, or leave it out" >&2; exit 1; }
  fi
  rm -rf "$place"
  mkdir -p "$place/wheels"
  "$found" -I -m venv "$place/venv"
  pip="$place/venv/bin/python -I -m pip --disable-pip-version-check --quiet"
  fetch="download --only-binary :all: --find-links $work/wheels --dest $place/wheels"
  if [ -z "$wheel" ]; then
    (cd / && $pip wheel --no-deps --wheel-dir "$work/kit" "$root")
    wheel=$(ls "$work"/kit/tinykit-*.whl)
  fi
  $pip $fetch --constraint "$work/pins" "$wheel[$extras]"
  $pip $fetch --no-deps $carriers
  least=$(least_of "$python" "$place"/wheels/*.whl)
  echo "# least $least" >"$work/packages-$python.txt"
  printf '\nPython %s or later of %s.\n' "$least" "$python" >>"$work/README.md"
  for file in "$place"/wheels/*.whl; do
    name=${file##*/} digest=$(hash_of "$file")
    release=${name#*-}
    echo "${name%%-*}==${release%%-*} --hash=sha256:$digest" >>"$work/packages-$python.txt"
    [ "${name%%-*}" = tinykit ] || grep -q "$digest" "$root"/locks/*.txt || echo "${name%%-*}" >>"$work/not-locked"
    echo "$name" >>"$work/kept"
    mv "$file" "$work/wheels/$name"
  done
  rm -rf "$place"
done

for file in "$work"/wheels/*; do
  grep -qxF "${file##*/}" "$work/kept" || rm "$file"
done
{
  echo
  echo "Other files than the lock of the kit has the hashes of, in the same versions where it names one:"
  sort -u "$work/not-locked" | paste -sd' ' -
} >>"$work/README.md"
rm -rf "$work/pins" "$work/kept" "$work/not-locked" "$work/kit"
cp "${0%/*}/install.sh" "$work/install.sh"
(
  cd "$work"
  rm -f SHA256SUMS
  find . -type f | sort | while read -r file; do echo "$(hash_of "$file")  $file"; done >"$work.sums"
  mv "$work.sums" SHA256SUMS
)
