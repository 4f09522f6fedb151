# The cases: what is asked for, of which files, and how wrk asks. Sourced by the benches, which own $work and $docroot.
# shellcheck shell=bash disable=SC2034,SC2154

# name | title | path | body of the floor's answer | connections | shape | aim | beside
#
# The shape is what client.lua is told, or "close" for a connection a request. The aim is shunt's server CPU per
# request, as a multiple of the floor's. Beside is what readers.c is told, which asks for other files meanwhile.
CASES='1k|1 kB, keep-alive|1k.html|1k.html|64||1.15
4k|4 kB, keep-alive|4k.html|4k.html|64||
100k|100 kB, keep-alive|100k.html|100k.html|64||
1m|1 MB, keep-alive|1m.html|1m.html|64||
files|10,000 files of 1 to 8 kB, keep-alive|files|4k.html|64|files 10000|1.35
pipelined|1 kB, keep-alive, 16 pipelined|1k.html|1k.html|64|pipelined 16|3
close|1 kB, a connection a request|1k.html|1k.html|64|close|'

case_names()
{
    cut -d '|' -f 1 <<<"$CASES" | paste -sd ' '
}

# Puts a case into variables: title path canned connections shape aim beside, and what curl and wrk take from them.
case_load()
{
    IFS='|' read -r _ title path canned connections shape aim beside < <(grep "^$1|" <<<"$CASES")
    header=()
    script=("$connections")
    if [[ $shape == close ]]; then
        header=(-H 'Connection: close')
    else
        read -ra script <<<"$connections $shape"
    fi
}

# Makes the files whose name and size it reads. The bytes differ from line to line and from file to file, so that no
# wrong answer looks right.
docroot_put()
{
    awk -v root="$1" '{
        file = root "/" $1 ".html"
        for (line = 1; $2 > 0; line++) {
            text = sprintf("%s, line %d: some text to fill the file with, neither short nor long\n", $1, line)
            printf "%s", substr(text, 1, $2) > file
            $2 -= length(text)
        }
        close(file)
    }'
}

docroot_make()
{
    mkdir -p "$1/files"
    awk 'BEGIN {
        print "1k 1024\n4k 4096\n100k 102400\n1m 1048576"
        for (i = 0; i < 10000; i++)
            print "files/" i, 1024 + i * 7919 % 7169
    }' | docroot_put "$1"
}

# A few of the case's paths, each with the file whose bytes are the right answer when this server is asked.
case_answers()
{
    local name names="$path $path"
    case $shape in
    files*) names='files/0.html files/17.html files/4711.html files/9999.html' ;;
    mixed*) names=$(mixed_names) ;;
    esac
    [[ -n ${beside:-} ]] && names+=" $(beside_name)"
    for name in $names; do
        if [[ $1 == floor ]]; then echo "$name $canned"; else echo "$name $name"; fi
    done
}

# "mixed 1k:400,4k:260" has 1k.html and 4k.html, "slow 1m.html 500 ..." 1m.html, "cold cold 8 ..." cold/0.html.
mixed_names()
{
    tr , '\n' <<<"${shape#* }" | sed 's/:.*/.html/' | paste -sd ' '
}

beside_name()
{
    local kind name
    read -r kind name _ <<<"$beside"
    if [[ $kind == cold ]]; then echo "$name/0.html"; else echo "$name"; fi
}

# The answers are right byte for byte, and the connection is kept or closed as the case wants it. Says what is wrong.
case_check()
{
    local server=$1 port=$2 name file connects i names=() files=() request=()
    while read -r name file; do
        request+=(-o "$work/answer.${#names[@]}" "http://127.0.0.1:$port/$name")
        names+=("$name")
        files+=("$docroot/$file")
    done < <(case_answers "$server")

    if ! connects=$(curl -sS --fail --max-time 5 "${header[@]}" -w '%{num_connects}' "${request[@]}" 2>&1); then
        echo "$connects"
        return 1
    fi
    for i in "${!names[@]}"; do
        cmp -s "${files[i]}" "$work/answer.$i" || { echo "/${names[i]} has not the bytes of the file"; return 1; }
    done
    case $shape in
    close) [[ $connects != *0* ]] || { echo 'the connection was kept'; return 1; } ;;
    *) [[ ${connects:1} != *1* ]] || { echo 'the connection was closed'; return 1; } ;;
    esac
}

# The least that an answer can weigh: wrk must have received as much for every request it counts.
case_body_size()
{
    if [[ $shape =~ ^(files|mixed) && $1 != floor ]]; then echo 1024; else stat -c %s "$docroot/$canned"; fi
}

# Lets wrk loose on a port: case_run PORT SECONDS. Prints what client.lua says: requests, microseconds, bytes received,
# p50, p99, p99.9, errors by kind. A fraction of a second ends by the signal that wrk takes as its end.
case_run()
{
    timeout -s INT "$2" taskset -c "$client_core" wrk -t 1 -c "$connections" -d 1h --timeout 5s -s "$here/client.lua" \
        "${header[@]}" "http://127.0.0.1:$1/$path" -- "${script[@]}" 2>&1 | sed -n 's/^result //p'
}
