# wrk: many connections at once, and not an error among them.
#
# What takes two seconds is an error to it. So that this tells of a connection that is stuck, and not of a machine that is busy, as many
# connections ask for a large file as a slow one serves in a quarter of that.

wrk_clean() { # CONNECTIONS URL
    wrk -t2 -c"$1" -d"${WRK_SECONDS:-4}s" "$2" >out
    cat out
    grep -q 'Requests/sec' out
    ! grep -E 'Socket errors|Non-2xx' out
}
wrk_small() { wrk_clean 256 "$url/hello.txt"; }
wrk_large() { wrk_clean 32 "$url/3m.bin"; }
