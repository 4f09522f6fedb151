# wget: downloads that go on where others ended, and a whole tree.

# wget takes what it needs of a whole answer, too: only the log shows what it got.
wget_resume() {
    head -c 12345 "$site/3m.bin" >3m.bin
    wget -nv -c "$url/3m.bin"
    cmp 3m.bin "$site/3m.bin"
    wget -nv -N "$url/3m.bin"
    cmp 3m.bin "$site/3m.bin"
    wget -nv --start-pos=2000000 -O rest "$url/3m.bin"
    cmp rest <(tail -c +2000001 "$site/3m.bin")
    logged 2 '"GET /3m.bin HTTP/1.1" 206 .*Wget'
    logged 1 '"GET /3m.bin HTTP/1.1" 304 .*Wget'
}

# A page that links everything, so that the crawl misses nothing; then every file must be the same, to its time. (wget's 8: the
# documentation itself has links that lead nowhere.)
wget_mirror() {
    wget -q --mirror --no-parent -nH --restrict-file-names=nocontrol "$url/everything.html" || [ $? -eq 8 ]
    diff -r "$work/docs" .
    (cd "$work/docs" && find . -type f -printf '%P %Ts\n' | sort) >"$work/there"
    find . -type f -printf '%P %Ts\n' | sort >"$work/here-now"
    cmp "$work/there" "$work/here-now"
    [ "$(wc -l <"$work/here-now")" -gt 2000 ]
}
prepare_docs() {
    mkdir "$work/docs" || return
    cp -al "$docs/." "$work/docs/" 2>/dev/null || { rm -rf "$work/docs" && cp -a "$docs" "$work/docs"; } || return
    (cd "$work/docs" && find . -type f -printf '%P\n' |
        sed -e 's/%/%25/g; s/ /%20/g; s/"/%22/g; s/#/%23/g; s/?/%3F/g; s/&/%26/g; s/</%3C/g; s/>/%3E/g; s/.*/<a href="&">.<\/a>/') >"$work/list"
    mv "$work/list" "$work/docs/everything.html"
}
