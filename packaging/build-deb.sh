#!/bin/sh
# Builds dist/sipwright_VERSION_ARCH.deb, which needs no network where it is installed: the wheels of Sipwright and of all
# that it stands on are in it, and are put into a virtual environment of the system's Python there. 'make package' calls it.
#   build-deb.sh PYTHON [FOLDER OF WHEELS]    with a folder, these wheels are taken and none are fetched
set -eu
python=$1
wheels=${2:-}
top=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/pyproject.toml" | head -n 1)
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/DEBIAN" "$root/usr/share/sipwright/wheels" "$root/usr/bin" "$root/lib/systemd/system" \
    "$root/etc/logrotate.d" "$root/usr/share/doc/sipwright" "$top/dist"

if [ -n "$wheels" ]; then
    cp "$wheels"/*.whl "$root/usr/share/sipwright/wheels/"
else
    "$python" -m pip wheel --quiet --disable-pip-version-check --wheel-dir "$root/usr/share/sipwright/wheels" "$top"
fi
minor=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
next=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1] + 1}")')

sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@MINOR@/$minor/; s/@NEXT@/$next/" \
    "$top/packaging/control" >"$root/DEBIAN/control"
for name in postinst prerm postrm; do
    install -m 755 "$top/packaging/$name" "$root/DEBIAN/$name"
done
echo /etc/logrotate.d/sipwright >"$root/DEBIAN/conffiles"
install -m 644 "$top/packaging/logrotate" "$root/etc/logrotate.d/sipwright"
install -m 644 "$top/packaging/sipwright-monitor.service" "$root/lib/systemd/system/"
# The unit that 'sipwright init --systemd' makes, for the folder and the user of the package; ports below 1024 may be used.
"$python" - >"$root/lib/systemd/system/sipwright.service" <<'PYTHON'
from pathlib import Path
from sipwright.commands.systemd import unit
print(unit(Path("/var/lib/sipwright"), [443], "postgresql://", user="sipwright", program="/opt/sipwright/bin/sipwright"), end="")
PYTHON
install -m 644 "$top/LICENSE" "$root/usr/share/doc/sipwright/copyright"
ln -s /opt/sipwright/bin/sipwright "$root/usr/bin/sipwright"
cp -r "$top/docs/monitoring" "$root/usr/share/doc/sipwright/"

dpkg-deb --root-owner-group --build -Zxz "$root" "$top/dist/sipwright_${version}_${architecture}.deb" >/dev/null
sed "s/@DEB@/sipwright_${version}_${architecture}.deb/" "$top/packaging/Containerfile" >"$top/dist/Containerfile"
echo "dist/sipwright_${version}_${architecture}.deb"
echo "dist/Containerfile    (build it there: podman build -t sipwright dist)"
