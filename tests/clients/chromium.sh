# Chromium: a page with all that belongs to it, and a film that is seen from near its end. The pages say how it went by asking
# for themselves once more, with ?what-they-say: the log shows it.

# browse PAGE: until the page said something; what it said is $said, what the browser said stands in ./console.
browse() {
    [ -d "$site/chromium" ] || cp -r "$clients/pages" "$site/chromium"
    chromium --headless=new --no-sandbox --user-data-dir="$PWD/profile" --disable-gpu --no-first-run --disable-sync \
        --disable-background-networking --disable-component-update --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
        --autoplay-policy=no-user-gesture-required --enable-logging=stderr "$url/chromium/$1" >console 2>&1 &
    browser=$!
    trap 'kill "$browser" || :; wait "$browser" || :' EXIT
    for _ in $(seq 600); do
        said=$(sed -n "s|.*\"GET /chromium/$1?\([^ ]*\) HTTP/1.1\" .*|\1|p" "$access_log")
        [ -z "$said" ] || break
        kill -0 "$browser" || break
        sleep 0.1
    done
    kill "$browser" || :
    wait "$browser" || :
    trap - EXIT
    echo "$1 said: $said"
    grep -v :dbus/ console || : # there is none in a test
}
chromium_page() {
    browse page.html
    [ "$said" = style,script,module,vector,picture,text ]
    ! grep CONSOLE console
}

# The film is 256 MB, 25 minutes of silence, and is seen from 20 seconds before its end: that must not take a fourth of it.
chromium_seek() {
    local size=$((256 << 20))
    wav_head "$size" >"$site/chromium/film.wav"
    truncate -s "$size" "$site/chromium/film.wav"
    browse film.html
    [ "$said" = seeked,played ]
    logged 2 '"GET /chromium/film.wav HTTP/1.1" 206 '
    [ "$(sent '"GET /chromium/film.wav ')" -lt $((size / 4)) ]
}

# 44.1 kHz, two channels, 16 bits; numbers are little-endian.
wav_head() { # BYTES-OF-THE-FILE
    printf RIFF
    little 4 $(($1 - 8))
    printf 'WAVEfmt '
    little 4 16
    little 2 1
    little 2 2
    little 4 44100
    little 4 176400
    little 2 4
    little 2 16
    printf data
    little 4 $(($1 - 44))
}
little() { # BYTES NUMBER
    local i
    for ((i = 0; i < $1; i++)); do
        # shellcheck disable=SC2059
        printf "\\x$(printf %02x $(($2 >> 8 * i & 255)))"
    done
}
