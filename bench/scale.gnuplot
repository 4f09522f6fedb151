# Requests a second over cores, a panel a workload, a line a model. bench/scale says: data, models.
set terminal svg size 1000, 800 background "white" font "sans,12"
set logscale xy 2
set logscale y 10
set format y "10^{%L}"
set xtics (1, 2, 4, 8, 16, 32, 64, 128)
set xlabel "cores"
set ylabel "requests a second"
set grid
set xrange [1:128]
set linetype 9 linecolor "#8c564b" pointtype 12
set multiplot layout 2, 2 title "Simulated from costs measured on 2 cores; every connection asks equally often"
workloads = "1k close 1m 1m-far"
titles = "'1 kB, keep-alive' '1 kB, a connection a request' '1 MB, as on loopback' '1 MB, none fits into its socket'"
do for [w = 1:4] {
    set title word(titles, w)
    if (w == 1) { set key left top samplen 2 } else { unset key }
    plot for [m = 1:words(models)] sprintf("<awk -F '\\t' '$1 == \"%s\" && $2 == \"%s\"' %s", word(models, m), word(workloads, w), data) \
        using 3:5 with linespoints linewidth 1.5 pointsize 0.6 title word(models, m)
}
unset multiplot
