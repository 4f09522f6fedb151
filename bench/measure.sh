# One measured window of one server. Sourced by the benches, which own $current, $seconds and $work.
# shellcheck shell=bash disable=SC2154,SC2034

# Leaves what it saw in requests, duration (us), bytes, p50, p99, p999 (us), cpu_spent (ns) and problem (requests that
# went wrong). False where that says nothing about the server.
server_time()
{
    local name=$1 before errors=''
    requests=0 duration=0 bytes=0 p50=0 p99=0 p999=0 problem=0
    before=$(server_cpu "$name")
    read -r requests duration bytes p50 p99 p999 errors < <(case_run "${server_port[$name]}" "$seconds")
    cpu_spent=$(($(server_cpu "$name") - before))
    if ! kill -0 "${server_pid[$name]}" 2>/dev/null || [[ $cpu_spent -le 0 ]]; then
        complain "$current, $name: the server or a worker of it ended:" \
            "$(tail -qn 3 "$work/$name"/{output,error.log} 2>/dev/null)"
        return 1
    fi
    if [[ -z $errors || $requests -eq 0 ]]; then
        complain "$current, $name: no request was answered"
        return 1
    fi
    if [[ $errors =~ [1-9] ]]; then
        complain "$current, $name: $errors of $requests requests"
        problem=$(tr -c 0-9 '\n' <<<"$errors" | awk '{ sum += $1 } END { print sum }')
    elif [[ $((bytes / requests)) -lt $(case_body_size "$name") ]]; then
        complain "$current, $name: $((bytes / requests)) bytes an answer are fewer than its body has"
        problem=$requests
    fi
}

floor_build()
{
    program_build floor.c "$work/floor.bin"
}

# What the benches need of C is compiled when they run.
program_build()
{
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o "$2" "$here/$1" || fail "$1 does not compile"
}
