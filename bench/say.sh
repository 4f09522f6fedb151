# How a bench speaks, remembers what went wrong, and asks for what it needs. Sourced by the benches.
# shellcheck shell=bash

failures=0

say()
{
    echo "bench: $*" >&2
}

fail()
{
    say "$*"
    exit 1
}

# What is wrong with a result goes on, loudly, and is remembered.
complain()
{
    say "ERROR: $*"
    failures=$((failures + 1))
}

# Every word of the first list is in the second.
words_known()
{
    local word
    for word in $1; do
        [[ " $2 " == *" $word "* ]] || { say "unknown: $word"; return 1; }
    done
}

tools_need()
{
    local tool
    for tool in wrk curl taskset flock timeout "${CC:-cc}"; do
        type "$tool" >/dev/null 2>&1 ||
            fail "$tool is missing: apt-get install wrk curl util-linux coreutils gcc nginx-light lighttpd"
    done
}
