# aria2: one file, in pieces, over eight connections.

# Its first request may be for the whole file, of which it takes its piece and goes.
aria2_pieces() {
    aria2c -q --no-conf -x8 -s8 -k1M --file-allocation=none --check-integrity=false "$url/32m.bin"
    cmp 32m.bin "$site/32m.bin"
    logged 7 '"GET /32m.bin HTTP/1.1" 206 .*aria2'
}
