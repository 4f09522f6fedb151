# The servers: each as a good administrator would set it up for this, one worker, no access log, keep-alive without
# end. Sourced by bench/run, which owns $work and $docroot.
# shellcheck shell=bash disable=SC2034,SC2154

SERVERS='floor shunt nginx nginx-cache lighttpd'
ENDLESS=1000000000

# What each is started with: NAME_command PORT FOLDER puts the command line into $command, in the foreground.

floor_command()
{
    command=("$work/floor.bin" "$1" "$docroot/$canned")
    [[ $shape == close ]] && command+=(close)
}

# Its own defaults; the affinity mask alone tells it that there is one core.
shunt_command()
{
    # shellcheck disable=SC2206 # options are words
    command=("$shunt" --listen "127.0.0.1:$1" --access-log off --quiet ${SHUNT_OPTIONS:-} "$docroot")
}

# tcp_nopush spares a tenth of the CPU everywhere, but makes each pipelined batch wait 40 ms for a delayed ACK.
nginx_command()
{
    local nopush=on
    [[ $shape == pipelined* ]] && nopush=off
    cat >"$2/nginx.conf" <<END
$([[ $EUID == 0 ]] && echo "user root;")
worker_processes 1;
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
    ${3:-}
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
    nginx_command "$1" "$2" 'open_file_cache max=16000 inactive=1h; open_file_cache_valid 60s;'
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

declare -A server_pid server_port

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

# Started on the server's core; true once it answers as the case demands, else $problem says why not.
server_start()
{
    local name=$1 port folder=$work/$1 command
    port=$(port_free) || { problem='no port is free'; return 1; }
    mkdir -p "$folder"
    "${name}_command" "$port" "$folder"
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
    done
    server_pid=()
    server_port=()
}

children()
{
    cat "/proc/$1/task"/*/children 2>/dev/null
}

# Nanoseconds of processor time that a process, its threads and its workers have had. The scheduler's own sum is exact;
# a kernel without it has only ticks.
cpu_ns()
{
    local pid file ns stat total=0 tick=$((1000000000 / $(getconf CLK_TCK)))
    for pid in "$1" $(children "$1"); do
        if [[ -r /proc/$pid/schedstat ]]; then
            for file in "/proc/$pid/task"/*/schedstat; do
                read -r ns _ <"$file" && total=$((total + ns))
            done
        elif stat=$(cat "/proc/$pid/stat" 2>/dev/null); then
            read -ra stat <<<"${stat##*) }"
            total=$((total + (stat[11] + stat[12]) * tick))
        fi
    done
    echo "$total"
}
