# Variants of a server beside each other: a test is some variants under one case, all measured in turns, round by round.
# Sourced by bench/models and bench/options, which say what is compared; the rest is here.
# shellcheck shell=bash disable=SC2034,SC2154

rounds=3 seconds=1.3 warm=0.3
COLD_FILES=64

. "$here/say.sh"
. "$here/machine.sh"
. "$here/cases.sh"
. "$here/servers.sh"
. "$here/measure.sh"

# Beside slow and cold readers what is measured are the others, but the server's CPU is spent on both.
CASES+='
mixed|1 kB to 10 MB in the proportions of a site, keep-alive||4k.html|64|mixed 1k:400,4k:260,16k:180,100k:130,1m:28,10m:2||
slow|1 kB, keep-alive, beside 500 slow readers of 1 MB|1k.html|1k.html|64|||slow 1m.html 500 20 100
cold|1 kB, keep-alive, beside 8 readers of cold files of 1 MB|1k.html|1k.html|64|||cold cold 8 25000 25000'

# -- what there is to start --------------------------------------------------------------------------------------------

# --version is read last: everything that stands before it was understood.
shunt_knows()
{
    "$shunt" "$@" --version >/dev/null 2>&1
}

# variant_add NAME OPTIONS [ends]: a shunt with these options; "ends" says that its processes end with connections.
variant_add()
{
    server_kind[$1]=shunt
    server_options[$1]=$2
    server_ends[$1]=${3:-}
}

# Its handoffs come from the report that it writes when it ends.
report_file()
{
    echo "$work/$1/report.json"
}

# -- those beside the clients ------------------------------------------------------------------------------------------

beside_pid=''

# True once they are all being served. What they say goes into a file.
beside_start()
{
    local kind arguments cold=()
    [[ -n $beside ]] || return 0
    read -r kind arguments <<<"$beside"
    [[ $kind == cold ]] && cold=("$docroot" "$COLD_FILES")
    # shellcheck disable=SC2086 # arguments are words
    taskset -c "$client_core" "$work/readers" "$1" "$kind" $arguments "${cold[@]}" >"$work/beside" 2>&1 9<&- &
    beside_pid=$!
    for _ in {1..200}; do
        grep -q ready "$work/beside" && return
        kill -0 "$beside_pid" 2>/dev/null || return
        sleep 0.05
    done
    return 1
}

# Leaves in beside_rate how many MB/s they had. False where one of them was not served.
beside_stop()
{
    local bytes microseconds
    beside_rate=''
    [[ -n $beside_pid ]] || return 0
    kill -TERM "$beside_pid" 2>/dev/null
    wait "$beside_pid" || { beside_pid=''; return 1; }
    beside_pid=''
    read -r bytes microseconds < <(sed -n 's/^result [0-9]* //p' "$work/beside")
    beside_rate=$(awk -v b="$bytes" -v us="$microseconds" 'BEGIN { printf "%.1f", b / us }')
    [[ $bytes -gt 0 ]]
}

# -- one window --------------------------------------------------------------------------------------------------------

# Context switches of all the threads that a server has: voluntary and involuntary ones until now.
server_switches()
{
    cat_of "${server_pid[$1]} $(children "${server_pid[$1]}")" status |
        awk '/^voluntary_ctxt/ { v += $2 } /^nonvoluntary_ctxt/ { i += $2 } END { print v + 0, i + 0 }'
}

# A line for compare.awk. Where processes end, their switches are in the report only.
variant_measure()
{
    local name=$1 before after fine=1
    if ! beside_start "${server_port[$name]}"; then
        complain "$current, $name: the readers beside were not served: $(tail -n 1 "$work/beside")"
        beside_stop
        return
    fi
    [[ -n ${server_ends[$name]:-} ]] || before=$(server_switches "$name")
    server_time "$name" || fine=''
    [[ -n ${server_ends[$name]:-} ]] || after=$(server_switches "$name")
    if ! beside_stop; then
        complain "$current, $name: a reader beside was not served: $(tail -n 1 "$work/beside")"
        problem=$((problem + 1))
    fi
    [[ -n $fine ]] || return
    answered[$name]=$((${answered[$name]:-0} + requests))
    awk -v OFS='\t' -v t="$test" -v c="$case" -v s="$name" -v r="$requests" -v us="$duration" -v ns="$cpu_spent" \
        -v before="${before:-}" -v after="${after:-}" -v p50="$p50" -v p99="$p99" -v p999="$p999" -v b="$beside_rate" \
        -v e="$problem" 'BEGIN {
            split(before, was); split(after, is)
            print t, c, s, sprintf("%.0f", r * 1e6 / us), sprintf("%.4f", ns / r / 1e3),
                before == "" ? "" : sprintf("%.6f", (is[1] - was[1]) / r),
                before == "" ? "" : sprintf("%.6f", (is[2] - was[2]) / r), p50, p99, p999, b, e
        }' | tee -a "$work/measured" | awk -F '\t' '{ printf "  %-14s %9d req/s %9.2f us of CPU\n", $3, $4, $5 }' >&2
}

# -- one test ----------------------------------------------------------------------------------------------------------

# test_measure TEST CASE VARIANT...: the variants run side by side, idle but for the one that is asked.
test_measure()
{
    local test=$1 case=$2 current=$2 name round ready='' beside_rate
    local problem requests duration bytes p50 p99 p999 cpu_spent
    local -A answered=()
    [[ $test == models ]] || current="--$test, $case"
    shift 2
    case_load "$case"
    for name in "$@"; do
        rm -f "$(report_file "$name")"
        [[ -z ${server_kind[$name]:-} || -z $reports ]] ||
            server_options[$name]+=" --report $(report_file "$name")"
        if server_start "$name"; then
            ready+="$name "
            case_run "${server_port[$name]}" "$warm" >/dev/null
        else
            complain "$current, $name: $problem"
        fi
    done
    for ((round = 1; round <= rounds; round++)); do
        say "$current, round $round of $rounds"
        for name in $ready; do variant_measure "$name"; done
    done
    servers_stop
    for name in $ready; do [[ -z ${server_kind[$name]:-} ]] || report_read "$name"; done
}

# What a server counted from its start to its end must not be less than what its clients did. A line for compare.awk.
report_read()
{
    local name=$1 file counted
    file=$(report_file "$name")
    [[ ${server_status[$name]} -eq 0 ]] || complain "$current, $name: ended with status ${server_status[$name]}"
    [[ -n $reports ]] || return 0
    [[ -s $file ]] || { complain "$current, $name: no report was written"; return; }
    counted=$(report_sums "$file")
    [[ ${counted%%$'\t'*} -ge ${answered[$name]:-0} ]] ||
        complain "$current, $name: its report has ${counted%%$'\t'*} requests, its clients ${answered[$name]:-0}"
    printf '%s\t%s\t%s\t%s\n' "$test" "$case" "$name" "$counted" >>"$work/reported"
}

# Over all threads, one a line: requests, handoffs, steals, voluntary and involuntary switches.
report_sums()
{
    grep '"role"' "$1" | grep -o '"[a-z_]*": *[0-9]*' | tr -d '": ' | awk -v OFS='\t' '
        match($0, /[0-9]+$/) { sum[substr($0, 1, RSTART - 1)] += substr($0, RSTART) }
        END {
            print sum["requests"] + 0, sum["handoffs"] + 0, sum["steals"] + 0, sum["voluntary_switches"] + 0,
                sum["involuntary_switches"] + 0
        }'
}

# -- the place ---------------------------------------------------------------------------------------------------------

# Where the files lie matters to cold ones: an overlay or a memory disk can't be asked what is in memory, and what can't be
# asked is taken for cold at the first touch only. So a real file system is looked for, and made where root can.
docroot_place()
{
    local place
    for place in "$work" "$here/results"; do
        mkdir -p "$place" && place_is_real "$place" && break
        place=''
    done
    if [[ -n $place ]]; then
        docroot=$(mktemp -d "$place/root-XXXXXX") || fail "no folder in $place"
    elif image_mount; then
        docroot=$work/image/root
    else
        docroot=$work/root
        say "no file system here tells cold files from hot ones: the case cold is about first touches only"
    fi
    mkdir -p "$docroot/cold"
    filesystem=$(stat -f -c %T "$docroot" | sed 's|^ext2/ext3$|ext4|')
    [[ -n $place || ! -d $work/image ]] || filesystem+=' in an image'
}

place_is_real()
{
    local file=$1/probe-$$ status
    head -c 65536 /dev/zero >"$file"
    "$work/readers" probe "$file" 2>/dev/null
    status=$?
    rm -f "$file"
    return $status
}

image_mount()
{
    [[ $EUID == 0 ]] && type mkfs.ext4 >/dev/null 2>&1 || return
    mkdir "$work/image" && truncate -s 512M "$work/disk" && mkfs.ext4 -qF "$work/disk" &&
        mount -o loop "$work/disk" "$work/image" 2>/dev/null && place_is_real "$work/image" && mkdir "$work/image/root"
}

# Only what is on the disk can be dropped from memory.
compare_files()
{
    docroot_make "$docroot"
    awk -v files="$COLD_FILES" 'BEGIN {
        print "16k 16384\n10m 10485760"
        for (i = 0; i < files; i++)
            print "cold/" i, 1048576
    }' | docroot_put "$docroot"
    sync -f "$docroot"
}

compare_prepare()
{
    tools_need
    [[ -x $shunt ]] || fail "$shunt is missing: make builds it"
    work=$(mktemp -d) || fail 'no temporary folder'
    trap compare_finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    machine_cores_shared "$cores_given"
    machine_prepare
    nginx_workers=$server_core_count
    floor_build
    program_build readers.c "$work/readers"
    docroot_place
    compare_files
    : >"$work/measured"
    : >"$work/reported"
    reports=yes
    shunt_knows --report "$work/none" || { reports=''; say "$shunt knows no --report: no handoffs can be told"; }
}

compare_finish()
{
    [[ -z $beside_pid ]] || kill "$beside_pid" 2>/dev/null
    servers_stop
    machine_restore
    [[ ! -d $work/image ]] || umount "$work/image" 2>/dev/null
    [[ -z ${docroot:-} ]] || rm -rf "$docroot"
    rm -rf "$work"
}

# -- the outcome -------------------------------------------------------------------------------------------------------

# compare_report NAME BASE: the table; $results/NAME.tsv; for the plots $work/plot.dat and $work/plot.gp. Ratios are to the
# variant BASE, or to the first of each test. A run of a part, or one with errors, leaves the last whole one in place.
compare_report()
{
    [[ -s $work/measured ]] || fail 'nothing was measured'
    results=$here/results stem=$1
    [[ -z $partly && $failures -eq 0 ]] || stem=partial-$1
    mkdir -p "$results"
    awk -f "$here/median.awk" -f "$here/compare.awk" -v tsv="$results/$stem.tsv" -v plot="$work/plot" -v base="$2" \
        -v date="$(date -u +%FT%TZ)" -v commit="$(commit_name)" -v machine="$(machine_name)" -v kernel="$(uname -r)" \
        -v cores="$(nproc --all)" -v server_cores="$server_core" -v client_cores="$client_core" -v seconds="$seconds" \
        -v congestion="$(<"$CONGESTION")" -v filesystem="$filesystem" -v rounds="$rounds" \
        - "$work/measured" "$work/reported" <<<"$CASES" || fail 'no table could be made'
    echo
    echo "written to bench/results/$stem.tsv"
}

# The options that both have: false for another one, else $taken is how many words it took. All but the cores make it a
# run of a part.
compare_option()
{
    taken=2
    case $1 in
    --quick) rounds=1 seconds=0.5 warm=0.1 taken=1 ;;
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --only) only=${2//,/ } ;;
    --server-cores) cores_given=$2 && return ;;
    *) return 1 ;;
    esac
    partly=yes
}

compare_options_check()
{
    [[ $rounds =~ ^[1-9][0-9]*$ && $seconds =~ ^[0-9]+(\.[0-9]+)?$ ]]
}
