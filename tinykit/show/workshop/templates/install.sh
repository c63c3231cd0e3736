#!/bin/sh
# sh install.sh [FOLDER]: puts the kit and a copy of the course into FOLDER (default: tinykit in the home folder), without a
# network. PYTHON=/path/to/python3.12 names another Python. Run again, it goes on; a course that is there stays.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$HOME/tinykit}

for python in ${PYTHON:-python3 python3.11 python3.12 python3.13 ""}; do
  if [ -z "$python" ]; then
    echo "No Python that this bundle has packages for: $(cd "$here" && ls packages-*.txt | tr '\n' ' ')" >&2
    echo "Install one of these, or name it: PYTHON=/path/to/python3.12 sh install.sh" >&2
    exit 1
  fi
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  [ -f "$here/packages-$version.txt" ] && break
done
packages=$here/packages-$version.txt
if [ ! -f "$packages" ]; then
  echo "$PYTHON is Python $version, for which this bundle has no packages" >&2
  exit 1
fi

mkdir -p "$folder"
"$python" -I -m venv "$folder/.venv" || {
  echo "This Python makes no environments; Debian, Ubuntu: apt-get install python3-venv" >&2
  exit 1
}
# Every file by its hash: one that the way here damaged is refused.
"$folder/.venv/bin/python" -I -m pip --isolated --disable-pip-version-check --quiet install \
  --no-index --find-links "$here/wheels" --no-deps --require-hashes --requirement "$packages"
if [ ! -e "$folder/course" ]; then
  cp -R "$here/course" "$folder/.course.$$"
  mv "$folder/.course.$$" "$folder/course"
fi

echo "Installed in $folder. Then:"
echo "  cd $folder && . .venv/bin/activate"
echo "  tinykit workshop check"
echo "  jupyter lab course/00_start_here.ipynb"
