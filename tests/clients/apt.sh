# apt: a repository of our own, and a system of our own to install into; nothing of this machine's is read or changed but apt's
# programs.

package() { # NAME BYTES
    mkdir -p "tree/$1/DEBIAN" "tree/$1/usr/share/$1"
    head -c "$2" /dev/urandom >"tree/$1/usr/share/$1/data"
    printf '%s\n' "Package: $1" 'Version: 1.0' 'Architecture: all' 'Maintainer: tester <tester@localhost>' \
        'Description: a test' >"tree/$1/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone --build "tree/$1" "$site/apt/$1_1.0_all.deb" >/dev/null
    touch -d '2020-01-02T03:04:05Z' "$site/apt/$1_1.0_all.deb"
    {
        cat "tree/$1/DEBIAN/control"
        echo "Filename: ./$1_1.0_all.deb"
        echo "Size: $(stat -c %s "$site/apt/$1_1.0_all.deb")"
        echo "SHA256: $(sha256sum "$site/apt/$1_1.0_all.deb" | cut -d ' ' -f 1)"
        echo
    } >>"$site/apt/Packages"
}
release() {
    echo "Date: $(LC_ALL=C date -u -d "@$(stat -c %Y "$site/apt/Packages")" -R)"
    echo 'SHA256:'
    echo " $(sha256sum "$site/apt/Packages" | cut -d ' ' -f 1) $(stat -c %s "$site/apt/Packages") Packages"
}
repository() {
    local i
    mkdir "$site/apt"
    for i in $(seq 12); do package "shunt-test-$i" 3000; done
    package shunt-test-large 2000000
    release >"$site/apt/Release"
    touch -d '2020-01-02T03:04:05Z' "$site/apt/Packages" "$site/apt/Release"
}

# Everything that apt reads and writes is below ./system.
system() {
    mkdir -p system/etc/apt/{apt.conf.d,preferences.d,trusted.gpg.d,sources.list.d,auth.conf.d} \
        system/var/lib/{apt/lists/partial,dpkg/{info,updates,triggers}} system/var/cache/apt/archives/partial system/var/log/apt
    : >system/var/lib/dpkg/status
    echo "deb [trusted=yes] $url/apt/ ./" >system/etc/apt/sources.list
    cat >apt.conf <<END
Dir "$PWD/system";
Dir::State::status "$PWD/system/var/lib/dpkg/status";
APT::Architecture "$(dpkg --print-architecture)";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::http::Proxy "false";
Acquire::Retries "0";
DPkg::Options { "--root=$PWD/system"; "--force-unsafe-io"; "--force-not-root"; "--log=/dev/null"; };
END
    export APT_CONFIG=$PWD/apt.conf DEBIAN_FRONTEND=noninteractive
}

# Only root can give files to root: others download, and that is all.
apt_install() {
    local archives=system/var/cache/apt/archives only="" large=shunt-test-large_1.0_all.deb i
    [ "$(id -u)" -eq 0 ] || only=--download-only
    repository
    system
    apt-get update
    logged 1 '"GET /apt/[./]*Packages HTTP/1.1" 200 '
    apt-get update
    logged 1 '"GET /apt/[./]*Release HTTP/1.1" 304 '

    apt-get -y $only install shunt-test-{1..12}
    for i in $(seq 12); do
        cmp "$archives/shunt-test-${i}_1.0_all.deb" "$site/apt/shunt-test-${i}_1.0_all.deb"
        [ -n "$only" ] || cmp "system/usr/share/shunt-test-$i/data" "tree/shunt-test-$i/usr/share/shunt-test-$i/data"
    done

    head -c 500000 "$site/apt/$large" >"$archives/partial/$large"
    touch -r "$site/apt/$large" "$archives/partial/$large"
    apt-get -y $only install shunt-test-large
    cmp "$archives/$large" "$site/apt/$large"
    logged 1 "\"GET /apt/[./]*$large HTTP/1.1\" 206 $(($(stat -c %s "$site/apt/$large") - 500000)) "
}
