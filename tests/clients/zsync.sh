# zsync: an old file becomes the new one with what has changed, by twenty ranges in a request.

# Where each of the two changed places in a hundred makes a range of its own: 3 MB in blocks of 2 kB.
zsync_changed() {
    local place
    mkdir "$site/zsync"
    cp "$site/3m.bin" old
    for place in $(seq 1000 30000 2999999); do
        printf 'changed' | dd of=old bs=1 seek="$place" conv=notrunc status=none
    done
    (cd "$site/zsync" && ln ../3m.bin new.bin && zsyncmake -b 2048 -u new.bin -o new.bin.zsync new.bin)
    timeout 60 zsync -q -i old "$url/zsync/new.bin.zsync"
    cmp new.bin "$site/3m.bin"
    logged 5 '"GET /zsync/new.bin HTTP/1.1" 206 '
    [ "$(sent '"GET /zsync/new.bin ')" -lt 1000000 ]
}
