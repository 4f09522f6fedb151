# wrk: many connections at once, and not an error among them.

wrk_clean() { # URL
    wrk -t2 -c256 -d"${WRK_SECONDS:-4}s" "$1" >out
    cat out
    grep -q 'Requests/sec' out
    ! grep -E 'Socket errors|Non-2xx' out
}
wrk_small() { wrk_clean "$url/hello.txt"; }
wrk_large() { wrk_clean "$url/3m.bin"; }
