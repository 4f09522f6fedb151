# The tables of bench/scale. Reads, in this order: the costs, what the simulation predicts of many cores, what it expects
# of the check, and what was measured. The exit status is 1 where a check is off by more than `factor`.

function human(rate) {
    return rate >= 1e6 ? sprintf("%.2fM", rate / 1e6) : rate >= 1e4 ? sprintf("%.0fk", rate / 1e3) : sprintf("%.0f", rate)
}

# Of what as many times one core's would be.
function efficiency(key, cores) {
    return even[key, cores] / cores / even[key, 1]
}

# The first number of cores that brings less than half of what it should, and what is in its way.
function saturation(key,    i) {
    for (i = 1; i <= points; i++)
        if (efficiency(key, point[i]) < 0.5)
            return sprintf("%d cores: %s", point[i], limit[key, point[i]])
    return "-"
}

function saturation_table(workload,    m, i, key) {
    printf "\n%-10s", workload
    for (i = 1; i <= points; i++)
        if (shown[point[i]])
            printf "%9d %s", point[i], (point[i] == 1) ? "core " : "cores"
    print "   less than half of linear from"
    for (m = 1; m <= models; m++) {
        key = model[m] SUBSEP workload
        printf "%-10s", model[m]
        for (i = 1; i <= points; i++)
            if (shown[point[i]])
                printf "%10s %3.0f%%", human(even[key, point[i]]), efficiency(key, point[i]) * 100
        print "   " saturation(key)
    }
}

function ratio(a, b) {
    return b > 0 ? (a > b ? a / b : b / a) : 0
}

# What so many cores could do at this CPU time, the busiest thread being one thread.
function capacity(cores, cpu, busiest,    all) {
    all = cores * 1e6 / cpu
    return busiest > 0 && 1e6 / busiest < all ? 1e6 / busiest : all
}

function check_line(key,    off, part) {
    split(key, part, SUBSEP)
    off = ratio(cpu[key], expected_cpu[key])
    worst = off > worst ? off : worst
    sum += log(off)
    checks++
    printf "%-10s %-6s %5d %10.2f %9.2f %6.2f%s %11s %9s %6.2f  %9s %9s\n", part[1], part[2], part[3], expected_cpu[key],
        cpu[key], cpu[key] / expected_cpu[key], (off > factor) ? "!" : " ", human(expected_rate[key]), human(rate[key]),
        rate[key] / expected_rate[key], human(peak[key]), human(capacity(part[3], cpu[key], busiest[key]))
}

function tsv_write(    m, w, i, key) {
    printf "date\tcommit\tmachine\tkernel\tmodel\tworkload\tcores\treq_s\tequal_req_s\tefficiency\tcpu_us\taccept_us\tlimit\t" \
        "measured_cpu_us\tmeasured_capacity\n" > tsv
    for (m = 1; m <= models; m++)
        for (w = 1; w <= workloads; w++)
            for (i = 1; i <= points; i++) {
                key = model[m] SUBSEP workload[w] SUBSEP point[i]
                printf "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%.0f\t%.0f\t%.3f\t%.3f\t%.3f\t%s\t%s\t%s\n", date, commit, machine, kernel,
                    model[m], workload[w], point[i], peak[key], even[key], efficiency(model[m] SUBSEP workload[w], point[i]),
                    cpu_at[key], accept_at[key], limit[key], key in cpu ? sprintf("%.3f", cpu[key]) : "-",
                    key in cpu ? sprintf("%.0f", capacity(point[i], cpu[key], busiest[key])) : "-" > tsv
            }
}

BEGIN {
    shown[1] = shown[2] = shown[8] = shown[32] = shown[128] = 1
}

FNR == 1 {
    file++
    FS = file == 1 ? " " : "\t"
    $0 = $0
}

{ key = $1 SUBSEP $2 SUBSEP $3 }

file == 1 && !($1 in cost) { cost[$1] = $2; costs = costs sprintf("%s%s %s", costs == "" ? "" : ", ", $1, $2) }

file == 2 {
    if (!seen_model[$1]++)
        model[++models] = $1
    if (!seen_workload[$2]++)
        workload[++workloads] = $2
    if (!seen_point[$3]++)
        point[++points] = $3
    peak[key] = $4
    even[key] = $5
    cpu_at[key] = $6
    accept_at[key] = $7
    limit[key] = $8
}

file == 3 { expected_rate[key] = $4; expected_cpu[key] = $6 }

file == 4 { rate[key] = $4; cpu[key] = $5; busiest[key] = $6; order[++lines] = key }

END {
    printf "\n%s · %s · Linux %s\n\nMicroseconds of CPU, measured: %s\n", commit, machine, kernel, costs
    print "\nSIMULATED, with no client: requests a second where every connection asks equally often, and how much of linear it is"
    for (w = 1; w <= workloads; w++)
        saturation_table(workload[w])
    print "\nNo memory bandwidth, no network card, no NUMA, locks as between 2 cores: see the top of scale_sim.c. An upper bound."
    print "1m-far: no reply fits into its socket, as over a network. Far above what a network card takes, only the order says something."
    print "\nCHECKED on 1 and 2 cores, the client on the last of 2; the capacity is what the cores could do without it"
    print "                          CPU us a request                 requests a second              capacity"
    print "model      asked  cores  simulated  measured  ratio    simulated  measured  ratio  simulated  measured"
    for (i = 1; i <= lines; i++)
        check_line(order[i])
    if (checks == 0)
        exit 1
    printf "\nCPU/request is off by a factor of %.2f in the mean, of %.2f at worst; allowed is %s: %s\n", exp(sum / checks),
        worst, factor, worst <= factor ? "met" : "MISSED"
    tsv_write()
    exit worst > factor
}
