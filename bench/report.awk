# Medians over the rounds, as a table and as TSV. Reads the cases, name|title|...|aim, from "-", then the measured lines:
# case, server, req/s, CPU us per request, p50, p99, errors, tab-separated.

function field_median(key, field,    list, i) {
    for (i = 1; i <= runs[key]; i++)
        list[i] = value[key, i, field] + 0
    return median(list, runs[key])
}

function ratio(of, to) {
    return of != "" && to > 0 ? sprintf("%.2f", of / to) : "-"
}

# A column of ratios says "-" where the other was not measured.
function row(name, server,    key, floor, nginx) {
    key = name SUBSEP server
    floor = name SUBSEP "floor"
    nginx = name SUBSEP "nginx"
    printf "%-12s %9.0f %9.2f %5.1f%% %9.0f %9.0f  %7s %7s  %7s %7s%s\n", server, rate[key], cpu[key], spread(key),
        p50[key], p99[key], ratio(cpu[key], cpu[floor]), ratio(cpu[key], cpu[nginx]),
        ratio(rate[key], rate[floor]), ratio(rate[key], rate[nginx]), errors[key] ? "  " errors[key] " ERRORS" : ""
    printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%.0f\t%.3f\t%.3f\t%.3f\t%.0f\t%.0f\t%d\t%s\t%s\t%s\t%s\n", date,
        commit, machine, kernel, cores, congestion, name, server, runs[key], seconds, rate[key], cpu[key], least[key],
        most[key], p50[key], p99[key], errors[key], ratio(cpu[key], cpu[floor]), ratio(cpu[key], cpu[nginx]),
        ratio(rate[key], rate[floor]), ratio(rate[key], rate[nginx]) > tsv
}

function spread(key) {
    return cpu[key] > 0 ? (most[key] - least[key]) / cpu[key] * 50 : 0
}

function aim_tell(name,    got) {
    got = ratio(cpu[name, "shunt"], cpu[name, "floor"])
    if (aim[name] != "" && got != "-")
        printf "aim: shunt at most %s times the floor's CPU: %s, %s\n", aim[name], got,
            got + 0 <= aim[name] + 0 ? "met" : "MISSED"
}

FILENAME == "-" {
    split($0, part, "|")
    title[part[1]] = part[2]
    aim[part[1]] = part[7]
    next
}

{
    split($0, part, "\t")
    key = part[1] SUBSEP part[2]
    if (!(part[1] in seen)) {
        seen[part[1]] = 1
        order[++cases] = part[1]
    }
    if (!(key in runs))
        servers[part[1]] = servers[part[1]] " " part[2]
    runs[key]++
    for (i = 3; i <= 6; i++)
        value[key, runs[key], i] = part[i]
    errors[key] += part[7]
}

END {
    for (key in runs) {
        rate[key] = field_median(key, 3)
        p50[key] = field_median(key, 5)
        p99[key] = field_median(key, 6)
        cpu[key] = field_median(key, 4)
        least[key] = low
        most[key] = high
    }
    printf "date\tcommit\tmachine\tkernel\tcores\tcongestion\tcase\tserver\trounds\tseconds\treq_s\tcpu_us\tcpu_us_min\t" \
        "cpu_us_max\tp50_us\tp99_us\terrors\tcpu_per_floor\tcpu_per_nginx\trate_per_floor\trate_per_nginx\n" > tsv
    printf "\n%s · %s · Linux %s, %d cores, %s\nmedian of %d x %s s, server and client on a core each\n", commit, machine,
        kernel, cores, congestion, rounds, seconds
    for (i = 1; i <= cases; i++) {
        printf "\n%s: %s\n", order[i], title[order[i]]
        print "                            CPU us                                   CPU/req over        req/s over"
        print "server           req/s /request  +/-      p50 us    p99 us    floor   nginx    floor   nginx"
        count = split(servers[order[i]], names, " ")
        for (j = 1; j <= count; j++)
            row(order[i], names[j])
        aim_tell(order[i])
    }
}
