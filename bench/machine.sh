# The machine: what it is, and what is set on it for the time of the run. Sourced by bench/run.
# shellcheck shell=bash disable=SC2154

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

machine_name()
{
    sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | grep . || uname -m
}

commit_name()
{
    git -C "$here" describe --always --dirty --exclude '*' 2>/dev/null || echo unknown
}
