# Medians over the rounds, as tables, as TSV, and for gnuplot. Reads the cases, name|title|..., from "-"; then what was
# measured: test, case, variant, req/s, CPU us, voluntary, involuntary switches per request, p50, p99, p99.9, MB/s beside,
# errors; then the reported ones: test, case, variant, requests, handoffs, steals, voluntary, involuntary switches.

BEGIN {
    RATE = 4; CPU = 5; VOLUNTARY = 6; INVOLUNTARY = 7; P50 = 8; P99 = 9; P999 = 10; BESIDE = 11; ERRORS = 12
}

FILENAME == "-" {
    split($0, part, "|")
    title[part[1]] = part[2]
    next
}

FILENAME ~ /\/reported$/ {
    split($0, part, "\t")
    key = part[1] SUBSEP part[2] SUBSEP part[3]
    for (i = 4; i <= 8; i++)
        told[key, i] = part[i]
    next
}

{
    split($0, part, "\t")
    group = part[1] SUBSEP part[2]
    key = group SUBSEP part[3]
    if (!(group in members))
        groups[++group_count] = group
    if (!(key in runs)) {
        member[group, ++members[group]] = part[3]
        keys[++key_count] = key
    }
    runs[key]++
    for (i = RATE; i <= ERRORS; i++)
        value[key, runs[key], i] = part[i]
    errors[key] += part[ERRORS]
}

# "" where there are none.
function field_median(key, field,    list, i) {
    for (i = 1; i <= runs[key]; i++) {
        if (value[key, i, field] == "")
            return ""
        list[i] = value[key, i, field] + 0
    }
    return median(list, runs[key])
}

# Over the server's whole life, by what it reported at its end.
function reported(key, field) {
    return told[key, 4] > 0 ? told[key, field] / told[key, 4] : ""
}

function settle(key,    i) {
    for (i = RATE; i <= BESIDE; i++) {
        got[key, i] = field_median(key, i)
        least[key, i] = low
        most[key, i] = high
    }
    from[key] = "window"
    if (got[key, VOLUNTARY] == "") {
        from[key] = "report"
        got[key, VOLUNTARY] = reported(key, 7)
        got[key, INVOLUNTARY] = reported(key, 8)
    }
    handoffs[key] = reported(key, 5)
    steals[key] = reported(key, 6)
}

function spread(key) {
    return got[key, CPU] > 0 ? (most[key, CPU] - least[key, CPU]) / got[key, CPU] * 50 : 0
}

function number(format, is) {
    return is == "" ? "-" : sprintf(format, is)
}

# What the others are compared with: the variant of this name, or else the first.
function base_name(group,    i) {
    for (i = 1; i <= members[group]; i++)
        if (member[group, i] == base)
            return base
    return member[group, 1]
}

function row(group, name,    key, other, part) {
    key = group SUBSEP name
    other = group SUBSEP base_name(group)
    split(group, part, SUBSEP)
    printf "%-14s %9.0f %9.2f %5.1f%% %7s %9s %9s %9s %8s %8.0f %8.0f %8.0f %8s%s\n", name, got[key, RATE],
        got[key, CPU], spread(key), number("%.2f", got[other, CPU] > 0 ? got[key, CPU] / got[other, CPU] : ""),
        number("%.4f", got[key, VOLUNTARY]) (from[key] == "report" ? "*" : " "), number("%.4f", got[key, INVOLUNTARY]),
        number("%.4f", handoffs[key]), number("%.4f", steals[key]), got[key, P50], got[key, P99], got[key, P999],
        number("%.1f", got[key, BESIDE]), errors[key] ? "  " errors[key] " ERRORS" : ""
    printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s", date, commit, machine, kernel, cores, server_cores,
        client_cores, congestion, filesystem, part[1], part[2], name, runs[key], seconds > tsv
    printf "\t%.0f\t%.0f\t%.0f\t%.3f\t%.3f\t%.3f", got[key, RATE], least[key, RATE], most[key, RATE], got[key, CPU],
        least[key, CPU], most[key, CPU] > tsv
    printf "\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\t%d\n", number("%.5f", got[key, VOLUNTARY]),
        number("%.5f", got[key, INVOLUNTARY]), from[key], number("%.5f", handoffs[key]), number("%.5f", steals[key]),
        got[key, P50], got[key, P99], got[key, P999], number("%.1f", got[key, BESIDE]), errors[key] > tsv
    printf "%s %d %.3f %.3f %.3f %.0f %.0f %.0f %s %s %s\n", name, ++plotted[group], got[key, CPU], least[key, CPU],
        most[key, CPU], got[key, P50], got[key, P99], got[key, P999], number("%.5f", got[key, VOLUNTARY]),
        number("%.5f", got[key, INVOLUNTARY]), number("%.5f", handoffs[key]) > (plot ".dat")
}

END {
    for (i = 1; i <= key_count; i++)
        settle(keys[i])
    printf "date\tcommit\tmachine\tkernel\tcores\tserver_cores\tclient_cores\tcongestion\tfilesystem\ttest\tcase\t" \
        "variant\trounds\tseconds\treq_s\treq_s_min\treq_s_max\tcpu_us\tcpu_us_min\tcpu_us_max\tvoluntary\tinvoluntary\t" \
        "switches_from\thandoffs\tsteals\tp50_us\tp99_us\tp999_us\tbeside_mb_s\terrors\n" > tsv
    printf "\n%s · %s · Linux %s, %d cores, %s, files on %s\nmedian of %d x %s s, server on cores %s, client on %s\n",
        commit, machine, kernel, cores, congestion, filesystem, rounds, seconds, server_cores, client_cores
    for (g = 1; g <= group_count; g++) {
        split(groups[g], part, SUBSEP)
        printf "\n%s%s: %s\n", part[1] == "models" ? "" : "--" part[1] ", ", part[2], title[part[2]]
        print "                            CPU us            CPU  switches per request     per request" \
            "              latency, us         beside"
        printf "%-14s     req/s  /request   +/-  %7.7s voluntary   involun. handoffs   steals      p50      p99" \
            "    p99.9     MB/s\n", "", "/" base_name(groups[g])
        for (m = 1; m <= members[groups[g]]; m++)
            row(groups[g], member[groups[g], m])
        printf "\n\n" > (plot ".dat")
        printf "name_%d = \"%s\"; title_%d = \"%s\"; count_%d = %d\n", g, part[2], g, title[part[2]], g,
            members[groups[g]] > (plot ".gp")
    }
    printf "groups = %d\n", group_count > (plot ".gp")
    for (i = 1; i <= key_count; i++)
        if (from[keys[i]] == "report")
            starred = 1
    if (starred)
        print "\n* over the server's whole life, from its report: the processes that switched are no more"
}
