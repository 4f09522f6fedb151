# Runs as root in the container that tests/service/run booted, where shunt is installed below /usr/local.
set -u
passed=0 failed=0
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
unit=/usr/local/lib/systemd/system/shunt.service

check() { # SENTENCE COMMAND ...
    sentence=$1
    shift
    if "$@" >/tmp/why 2>&1 </dev/null; then
        passed=$((passed + 1))
        echo "ok $sentence"
    else
        failed=$((failed + 1))
        echo "FAILED $sentence"
        cat /tmp/why
        systemctl status --no-pager --full shunt 2>&1 | tail -n 15
    fi
}

await() { # TIMES COMMAND ...
    times=$1
    shift
    until "$@"; do
        times=$((times - 1))
        [ "$times" -gt 0 ] || return 1
        sleep 0.05
    done
}

pid() { systemctl show --property=MainPID --value shunt; }
property() { [ "$(systemctl show --property="$1" --value shunt)" = "$2" ]; }
fetch() { [ "$(curl -sS -m 5 http://127.0.0.1/hello.txt)" = "served by systemd" ]; }
in_journal() { journalctl --no-pager --unit=shunt --output=cat | grep -q "$1" || { journalctl --no-pager --unit=shunt; return 1; }; }

verify_is_silent() {
    said=$(systemd-analyze verify --man=no "$unit" 2>&1)
    [ -z "$said" ] || { echo "$said"; return 1; }
}
start_and_fetch_at_once() { systemctl start shunt && fetch; }
runs_as_nobody_special() { [ "$(stat -c %u "/proc/$(pid)")" -ne 0 ]; }
serves_a_large_file() { curl -fsS -m 20 http://127.0.0.1/large.bin | cmp - /srv/www/large.bin; }
is_another_process() { now=$(pid) && [ "$now" != 0 ] && [ "$now" != "$before" ] && systemctl is-active --quiet shunt; }
is_killed_and_comes_back() {
    before=$(pid)
    [ "$before" -gt 0 ] && kill -9 "$before" && await 100 is_another_process && fetch
}
stops_well() {
    systemctl start shunt && fetch || return 1
    systemctl stop shunt && property Result success && property ExecMainStatus 0 && property ActiveState inactive
}
lets_a_download_finish() {
    systemctl start shunt || return 1
    curl -fsS -m 20 --limit-rate 20M -o /tmp/large.bin http://127.0.0.1/large.bin &
    client=$!
    sleep 0.5
    systemctl stop shunt
    wait "$client" && cmp /tmp/large.bin /srv/www/large.bin && property Result success
}
says_stopping() {
    systemctl start shunt && sleep 0.3 || return 1
    curl -fsS -m 20 --limit-rate 20M -o /dev/null http://127.0.0.1/large.bin &
    client=$!
    sleep 0.3
    main=$(pid)
    [ "$main" -gt 0 ] || return 1 # kill 0 would be us
    kill -TERM "$main" # not systemd's own stop: only STOPPING=1 can tell it
    await 40 property ActiveState deactivating
    told=$?
    wait "$client"
    await 100 property ActiveState inactive && return $told
}
tells_why_it_cannot_start() {
    mkdir -p /run/systemd/system/shunt.service.d
    printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/shunt --listen *:80 /srv/missing-directory\n' >/run/systemd/system/shunt.service.d/t.conf
    systemctl daemon-reload
    ! systemctl start shunt
    refused=$?
    rm -r /run/systemd/system/shunt.service.d
    systemctl daemon-reload
    systemctl stop shunt
    systemctl reset-failed shunt
    [ "$refused" -eq 0 ] && in_journal '/srv/missing-directory.*No such file'
}
start_waits_for_the_listeners() {
    # Ten times: a unit that were active before its listeners would be caught.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        systemctl reset-failed shunt 2>/dev/null
        systemctl restart shunt && fetch || return 1
    done
}

ip link set lo up
check "systemd-analyze finds nothing wrong with the unit" verify_is_silent
check "started means that it serves" start_and_fetch_at_once
check "and so it does ten times" start_waits_for_the_listeners
check "it doesn't run as root" runs_as_nobody_special
check "it serves a large file" serves_a_large_file
check "the journal has the banner" in_journal 'serving /srv/www on http://'
check "killed, it is started again" is_killed_and_comes_back
check "stopped, it ends well" stops_well
check "stopped, it lets a download finish" lets_a_download_finish
check "ending by itself, it tells systemd that it is stopping" says_stopping
check "the journal says why it can't start" tells_why_it_cannot_start
check "and then it starts again" start_and_fetch_at_once
check "the access log has lines" grep -q '"GET /hello.txt HTTP/1.1" 200' /var/log/shunt/access.log
systemctl stop shunt

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
