# The machine: what it is, and what is set on it for the time of the run. Sourced by the benches.
# shellcheck shell=bash disable=SC2034,SC2154

CONGESTION=/proc/sys/net/ipv4/tcp_congestion_control

# Some hosts default to bbr, which paces loopback and makes a large send several times dearer: cubic for every server
# alike. The open setting is also the lock that keeps two runs from sharing cores.
machine_prepare()
{
    exec 9<"$CONGESTION"
    flock -n 9 || fail "another bench/run is going on; two would measure each other"
    congestion_before=$(<"$CONGESTION")
    ulimit -n "$(ulimit -Hn)"
    [[ $congestion_before == cubic ]] && return
    if echo cubic 2>/dev/null >"$CONGESTION"; then
        say "net.ipv4.tcp_congestion_control: cubic for this run, back to $congestion_before at its end"
    else
        congestion_before=''
        say "net.ipv4.tcp_congestion_control stays $(<"$CONGESTION"), it takes root to set cubic: large bodies will look dearer"
    fi
}

machine_restore()
{
    [[ -z ${congestion_before:-} || $(<"$CONGESTION") == "$congestion_before" ]] || echo "$congestion_before" >"$CONGESTION"
}

# The first and the last core this process may use become the server's and the client's.
machine_cores()
{
    local list
    list=$(taskset -pc $$ | sed 's/.*: //')
    server_core=${list%%[,-]*}
    client_core=${list##*[,-]}
    [[ $server_core != "$client_core" ]] || fail "only core $list may be used: server and client need one each"
}

# The same where threads are to share out the work: one core would show no handoff, so the server has all of them, and
# the client runs among its threads; from four cores on the client has the last one to itself. Or the server's are given,
# and the client has the others, where there are others.
machine_cores_shared()
{
    local mine given
    mine=$(cores_list "$(taskset -pc $$ | sed 's/.*: //')")
    given=$(cores_list "${1:-}")
    words_known "$given" "$mine" || fail "not all of the cores $1 may be used, only ${mine// /,}"
    if [[ -z $given ]]; then
        given=$mine
        [[ $(wc -w <<<"$mine") -lt 4 ]] || given=${mine% *}
    fi
    client_core=$(comm -23 <(tr ' ' '\n' <<<"$mine" | sort) <(tr ' ' '\n' <<<"$given" | sort) | sort -n | paste -sd ,)
    client_core=${client_core:-${mine// /,}}
    server_core=${given// /,}
    server_core_count=$(wc -w <<<"$given")
}

# "0-2,5" as "0 1 2 5".
cores_list()
{
    local part
    for part in ${1//,/ }; do seq "${part%-*}" "${part#*-}"; done | paste -sd ' '
}

machine_name()
{
    sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | grep . || uname -m
}

commit_name()
{
    git -C "$here" describe --always --dirty --exclude '*' 2>/dev/null || echo unknown
}
