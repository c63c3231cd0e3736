#!/bin/sh
# sh install.sh [FOLDER]: puts the kit and a copy of the course into FOLDER (default: tinykit in the home folder), without a
# network. PYTHON=/path/to/python3.12 names another Python. Run again, it goes on; a course that is there stays.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$HOME/tinykit}

# The first Python that there are packages for, and whose patch takes them all.
packages=
for python in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  [ -f "$here/packages-$version.txt" ] || continue
  least=$(sed -n 's/^# least //p' "$here/packages-$version.txt")
  if "$python" -c 'import sys; sys.exit(sys.version_info[2] < int(sys.argv[1].split(".")[2]))' "$least"; then
    packages=$here/packages-$version.txt
    break
  fi
done
if [ -z "$packages" ]; then
  echo "No Python for this bundle: it takes $(cat "$here"/packages-*.txt | sed -n 's/^# least \(.*\)$/\1 or later of its line,/p' | tr '\n' ' ')" >&2
  echo "install one, or name it: PYTHON=/path/to/python3.12 sh install.sh" >&2
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
