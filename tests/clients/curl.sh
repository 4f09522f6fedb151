# curl: what it asks for by its options, and what it does while it is refused.

curl_whole() {
    curl -fsS -o a "$url/32m.bin"
    cmp a "$site/32m.bin"
    curl -fsS --http1.0 -o b "$url/3m.bin"
    cmp b "$site/3m.bin"
    curl -fsS -H 'Connection: close' -o c "$url/3m.bin"
    cmp c "$site/3m.bin"
    curl -fsS --compressed -o d "$url/numbers.txt"
    cmp d "$site/numbers.txt"
}

# What gzip made comes to who takes it, and is what it was made of; the rest of it as well, and not a second time what is there. Who
# takes none has the file itself.
curl_compressed() {
    seq 200000 299999 >"$site/compressed.txt"
    gzip -k "$site/compressed.txt"
    curl -fsS --compressed -D head -o a "$url/compressed.txt"
    cmp a "$site/compressed.txt"
    tr -d '\r' <head | grep -qix 'Content-Encoding: gzip'
    tr -d '\r' <head | grep -qix 'Vary: Accept-Encoding'
    tr -d '\r' <head | grep -qix "Content-Length: $(stat -c %s "$site/compressed.txt.gz")"
    curl -fsS -D head -o b "$url/compressed.txt"
    cmp b "$site/compressed.txt"
    [ "$(grep -ci '^Content-Encoding' head)" = 0 ]
    tr -d '\r' <head | grep -qix 'Vary: Accept-Encoding'
    curl -fsS -H 'Accept-Encoding: gzip' -o c "$url/compressed.txt"
    cmp c "$site/compressed.txt.gz"
    head -c 10000 "$site/compressed.txt.gz" >c
    curl -fsS -H 'Accept-Encoding: gzip' -C - -o c "$url/compressed.txt"
    gzip -dc <c | cmp - "$site/compressed.txt"
    curl -fsS --compressed --etag-save tag -o d "$url/compressed.txt"
    [ "$(code e --compressed --etag-compare tag "$url/compressed.txt")" = 304 ]
    [ "$(code e --etag-compare tag "$url/compressed.txt")" = 200 ]
    cmp e "$site/compressed.txt"
}
curl_resume() {
    head -c 1000000 "$site/3m.bin" >a
    curl -fsS -C - -o a "$url/3m.bin"
    cmp a "$site/3m.bin"
    [ "$(code a -C - "$url/3m.bin")" = 416 ]
    cmp a "$site/3m.bin"
}
curl_range() {
    curl -fsS -r 5-104 "$url/3m.bin" | cmp - <(tail -c +6 "$site/3m.bin" | head -c 100)
    curl -fsS -r -100 "$url/3m.bin" | cmp - <(tail -c 100 "$site/3m.bin")
    [ "$(code a -r 3000017- "$url/3m.bin")" = 416 ]
    [ "$(code a --http1.0 -r 2000000- "$url/3m.bin")" = 206 ]
    cmp a <(tail -c +2000001 "$site/3m.bin")
}

# What a part of the multipart body holds, and a newline: part BOUNDARY "FIRST-LAST/SIZE" <BODY
part() {
    tr -d '\r' | awk -v delimiter="--$1" -v range="Content-Range: bytes $2" '
        index($0, delimiter) == 1 { found = within = 0 }
        within { print }
        $0 == range { found = 1 }
        found && $0 == "" { within = 1 }'
}
curl_ranges() {
    local size boundary range first last
    size=$(stat -c %s "$site/numbers.txt")
    [ "$(code body -D head -r 0-9,100000-100099,-7 "$url/numbers.txt")" = 206 ]
    boundary=$(sed -n 's|^Content-Type: multipart/byteranges; boundary=||Ip' head | tr -d '\r"')
    [ "$(grep -ac "^--$boundary" body)" = 4 ]
    for range in 0-9 100000-100099 $((size - 7))-$((size - 1)); do
        first=${range%-*} last=${range#*-}
        part "$boundary" "$range/$size" <body >found
        cmp found <(tail -c +$((first + 1)) "$site/numbers.txt" | head -c $((last - first + 1)) && echo)
    done
}
curl_conditional() {
    curl -fsS -R -o a "$url/3m.bin"
    [ "$(stat -c %Y a)" = "$(stat -c %Y "$site/3m.bin")" ]
    [ "$(code b -z a "$url/3m.bin")" = 304 ]
    [ "$(code b -z 'Thu, 02 Jan 2020 03:04:05 GMT' "$url/3m.bin")" = 304 ]
    [ "$(code b -z 'Thu, 02 Jan 2020 03:04:04 GMT' "$url/3m.bin")" = 200 ]
    cmp b "$site/3m.bin"
    [ "$(code b -z '-Thu, 02 Jan 2020 03:04:06 GMT' "$url/3m.bin")" = 200 ]
    [ "$(code b -z '-Thu, 02 Jan 2020 03:04:04 GMT' "$url/3m.bin")" = 412 ]
    curl -fsS --etag-save tag -o c "$url/3m.bin"
    [ "$(code d --etag-compare tag "$url/3m.bin")" = 304 ]
}
curl_head() {
    curl -fsS -I "$url/3m.bin" | tr -d '\r' >head
    grep -qx 'HTTP/1.1 200 OK' head
    grep -qix 'Content-Length: 3000017' head
    grep -qix 'Accept-Ranges: bytes' head
}
curl_options() {
    local target
    for target in '*' /hello.txt; do
        [ "$(code body -D head -X OPTIONS --request-target "$target" "$url/")" = 200 ]
        tr -d '\r' <head | grep -qi '^Allow: .*GET'
        tr -d '\r' <head | grep -qix 'Content-Length: 0'
        [ ! -s body ]
    done
}
curl_absolute() {
    [ "$(curl -fsS --request-target "$url/hello.txt" "$url/")" = hello ]
    [ "$(curl -fsS --proxy "$url" http://example.invalid/hello.txt)" = hello ]
}
curl_parallel() {
    curl -fsS --parallel --parallel-max 50 -o '#1' "$url/many/[1-200].txt"
    for i in $(seq 200); do [ "$(cat "$i")" = "file $i" ]; done
}

# In 1.0 as well, where it asks for it.
curl_one_connection() {
    local version
    for version in --http1.1 --http1.0; do
        curl -fsS $version -H 'Connection: keep-alive' -o '#1' "$url/many/[1-200].txt" -w '%{num_connects}\n' >connects
        [ "$(awk '{n += $1} END {print n}' connects)" = 1 ]
    done
}

# Whether a connection takes a request with this body, and is in step for the next one: reused CURL-OPTION ...
reused() {
    curl -sS -m 20 -o a -w '%{http_code} ' "$@" "$url/numbers.txt" \
        --next -sS -m 20 -o b -w '%{http_code} %{num_connects}' "$url/hello.txt" >said
    [ "$(cat said)" = '200 200 0' ]
    cmp a "$site/numbers.txt"
    cmp b "$site/hello.txt"
}
curl_get_with_body() {
    reused -X GET -d x
    reused -X GET -d @"$site/hello.txt" -H 'Content-Type: text/plain'
    reused -X GET -H 'Transfer-Encoding: chunked' -d x
    reused -X GET -H 'Transfer-Encoding: chunked' --data-binary @"$site/numbers.txt"
}
curl_upload() {
    [ "$(head -c 3000000 /dev/zero | code a -T - "$url/x")" = 405 ]
    [[ $(code a -T "$site/3m.bin" "$url/x") =~ ^(405|413)$ ]]
    [[ $(code a -d @"$site/3m.bin" "$url/hello.txt") =~ ^(405|413)$ ]]
    [ "$(code a -d short "$url/hello.txt")" = 405 ]
    [ "$(code a -X DELETE "$url/hello.txt")" = 405 ]
    [ "$(cat "$site/hello.txt")" = hello ]
}

# curl would wait a minute for leave to send: the answer comes at once, and not a byte of the body is sent. Nobody can then
# know whether a body follows, so the next request has a connection of its own.
curl_expect() {
    local from status # one that says how large it is, and one that doesn't
    for from in "$site/3m.bin" -; do
        status=405
        [ "$from" = - ] || status=413
        curl -sS -m 20 --expect100-timeout 60 -H 'Expect: 100-continue' -T "$from" -D head -o a \
            -w '%{http_code} %{size_upload} ' "$url/x" \
            --next -sS -m 20 -o b -w '%{http_code} %{num_connects}' "$url/hello.txt" <"$site/3m.bin" >said
        [ "$(cat said)" = "$status 0 200 1" ]
        tr -d '\r' <head | grep -qix 'Connection: close'
        cmp b "$site/hello.txt"
    done
    [ "$(code a --expect100-timeout 60 -H 'Expect: 100-continue' -X GET -d short "$url/hello.txt")" = 200 ]
    [ "$(code a -H 'Expect: a-miracle' "$url/hello.txt")" = 417 ]
}
curl_slow() {
    curl -fsS --limit-rate 4M -o a "$url/3m.bin"
    cmp a "$site/3m.bin"
}
