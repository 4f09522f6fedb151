# The servers: each as a good administrator would set it up for this, one worker, no access log, keep-alive without
# end. Sourced by the benches, which own $work and $docroot.
# shellcheck shell=bash disable=SC2034,SC2154

SERVERS='floor shunt nginx nginx-cache lighttpd'
ENDLESS=1000000000

# What each is started with: NAME_command PORT FOLDER OPTIONS puts the command line into $command, in the foreground.

floor_command()
{
    command=("$work/floor.bin" "$1" "$docroot/$canned")
    [[ $shape == close ]] && command+=(close)
}

# Its own defaults; the affinity mask alone tells it how many cores there are.
shunt_command()
{
    # shellcheck disable=SC2206 # options are words
    command=("$shunt" --listen "127.0.0.1:$1" --access-log off --quiet ${SHUNT_OPTIONS:-} ${3:-} "$docroot")
}

# tcp_nopush spares a tenth of the CPU everywhere, but makes each pipelined batch wait 40 ms for a delayed ACK.
nginx_command()
{
    local nopush=on
    [[ $shape == pipelined* ]] && nopush=off
    cat >"$2/nginx.conf" <<END
$([[ $EUID == 0 ]] && echo "user root;")
worker_processes ${nginx_workers:-1};
worker_rlimit_nofile $(ulimit -n);
daemon off;
pid $2/pid;
error_log $2/error.log warn;
events { worker_connections 4096; }
http {
    types { text/html html; }
    access_log off;
    sendfile on;
    tcp_nopush $nopush;
    tcp_nodelay on;
    keepalive_timeout 1h;
    keepalive_requests $ENDLESS;
    client_body_temp_path $2/body;
    proxy_temp_path $2/proxy;
    fastcgi_temp_path $2/fastcgi;
    uwsgi_temp_path $2/uwsgi;
    scgi_temp_path $2/scgi;
    ${4:-}
    server {
        listen 127.0.0.1:$1 backlog=4096;
        root $docroot;
    }
}
END
    command=(nginx -p "$2" -c "$2/nginx.conf" -e "$2/error.log")
}

nginx-cache_command()
{
    nginx_command "$1" "$2" '' 'open_file_cache max=16000 inactive=1h; open_file_cache_valid 60s;'
}

# Its counter of requests per connection has 16 bits; a multiple of 16 never cuts a pipelined batch.
lighttpd_command()
{
    cat >"$2/lighttpd.conf" <<END
server.document-root = "$docroot"
server.bind = "127.0.0.1"
server.port = $1
server.listen-backlog = 4096
server.errorlog = "$2/error.log"
server.max-fds = $(ulimit -n)
server.max-connections = 4096
server.max-keep-alive-requests = 65520
server.max-keep-alive-idle = 3600
server.network-backend = "sendfile"
mimetype.assign = (".html" => "text/html")
END
    command=(lighttpd -D -f "$2/lighttpd.conf")
}

# By the name of a server, or of a variant of one: of that server_kind says whose it is, server_options what makes it
# one, server_ends that workers of it end while it runs. The exit status is known after it was stopped.
declare -A server_kind server_options server_ends server_status server_pid server_port

# A port nobody listens on, below those the kernel gives to clients.
port_free()
{
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 10000))
        (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    return 1
}

# Started on the server's cores; true once it answers as the case demands, else $problem says why not.
server_start()
{
    local name=$1 port folder=$work/$1 command
    port=$(port_free) || { problem='no port is free'; return 1; }
    mkdir -p "$folder"
    "${server_kind[$name]:-$name}_command" "$port" "$folder" "${server_options[$name]:-}"
    taskset -c "$server_core" "${command[@]}" >"$folder/output" 2>&1 9<&- &
    server_pid[$name]=$!
    server_port[$name]=$port
    for _ in {1..50}; do
        (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
        kill -0 "${server_pid[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    problem=$(case_check "$name" "$port") && return
    problem+=$(echo && tail -qn 3 "$folder/output" "$folder/error.log" 2>/dev/null)
    return 1
}

# By process id, waited for, and by force where it does not go in five seconds.
servers_stop()
{
    local name pid
    for pid in "${server_pid[@]}"; do kill -TERM "$pid" 2>/dev/null; done
    for name in "${!server_pid[@]}"; do
        pid=${server_pid[$name]}
        for _ in {1..50}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        # shellcheck disable=SC2046 # ids are words
        kill -0 "$pid" 2>/dev/null && kill -KILL "$pid" $(children "$pid")
        wait "$pid" 2>/dev/null
        server_status[$name]=$?
    done
    server_pid=()
    server_port=()
}

children()
{
    cat "/proc/$1/task"/*/children 2>/dev/null
}

# Nanoseconds of processor time that a server has had until now.
server_cpu()
{
    if [[ -n ${server_ends[$1]:-} ]]; then
        children_settle "${server_pid[$1]}"
        cpu_ns_ended "${server_pid[$1]}"
    else
        cpu_ns "${server_pid[$1]}"
    fi
}

# Waits until a process has taken note of the ends of all its children that end, so that none is missed or counted
# twice: until it has had the same ones for a while, and none of them a zombie.
children_settle()
{
    local now before='' same=0
    for _ in {1..60}; do
        now=$(children "$1")
        [[ -n $now ]] || break
        [[ $now == "$before" ]] && ! cat_of "$now" status | grep -q '^State:.*Z' || same=0
        [[ $((same++)) -lt 4 ]] || break
        before=$now
        sleep 0.05
    done
}

# A file of each thread of these processes.
cat_of()
{
    local pid paths=()
    for pid in $1; do paths+=("/proc/$pid/task"/*/"$2"); done
    [[ ${#paths[@]} -eq 0 ]] || cat "${paths[@]}" 2>/dev/null
}

# That of a process, its threads and its workers, those that there are.
cpu_ns()
{
    cpu_ns_living "$1 $(children "$1")"
}

# The same for one whose workers end: the kernel adds their time to their parent's.
cpu_ns_ended()
{
    echo $(($(ticks_ns '$12 + $13 + $14 + $15' "$1") + $(cpu_ns_living "$(children "$1")")))
}

# The scheduler's own sum is exact; a kernel without it has only ticks.
cpu_ns_living()
{
    # shellcheck disable=SC2086 # ids are words
    if [[ -r /proc/self/schedstat ]]; then
        cat_of "$1" schedstat | awk '{ ns += $1 } END { printf "%.0f\n", ns }'
    else
        ticks_ns '$12 + $13' $1
    fi
}

# ticks_ns FIELDS PID...: of proc(5)'s stat, but counted behind the name, which may have spaces.
ticks_ns()
{
    local fields=$1 paths
    shift
    paths=("${@/#//proc/}")
    cat "${paths[@]/%//stat}" 2>/dev/null </dev/null | sed 's/.*) //' |
        awk -v tick="$(getconf CLK_TCK)" "{ ticks += $fields } END { printf \"%.0f\n\", ticks / tick * 1e9 }"
}
