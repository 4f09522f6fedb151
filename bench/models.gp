# The plots of bench/models: a panel a case, a line a model, from the top down. Told data (blocks of: name, place, CPU us,
# its least and most, p50, p99, p99.9, voluntary and involuntary switches, handoffs), groups_file (names, titles, counts)
# and stem.

load groups_file

set terminal svg size 1200,1000 font "sans-serif,11" background "white"
set datafile missing "-"
set style fill solid 0.75 noborder
set bars 0.5
set grid xtics lc rgb "#dddddd"
set tics nomirror scale 0.4
set border 3 lc rgb "#888888"
set rmargin 6

rows = (groups + 1) / 2
blue = "#4477aa"; red = "#ee6677"; green = "#228833"; grey = "#777777"

panel(i) = sprintf("%s: %s", value(sprintf("name_%d", i)), value(sprintf("title_%d", i)))

set output stem . "-cpu.svg"
set multiplot layout rows, 2 title "Server CPU per request, µs: median, least and most over the rounds"
set xrange [0:*]
unset key
do for [i = 1:groups] {
    set title panel(i) font ",11"
    set yrange [value(sprintf("count_%d", i)) + 0.6:0.4]
    plot data index i - 1 using 3:2:(0):3:($2 - 0.35):($2 + 0.35):ytic(1) with boxxyerror lc rgb blue, \
         data index i - 1 using 3:2:4:5 with xerrorbars pt 0 lc rgb "black", \
         data index i - 1 using 5:2:(sprintf("  %.3g", $3)) with labels left font ",10"
}
unset multiplot

set output stem . "-latency.svg"
set multiplot layout rows, 2 title "Latency seen by the client, µs: p50, p99, p99.9"
set xrange [*:*]
set logscale x
set format x "%.0f"
set key outside bottom center horizontal
do for [i = 1:groups] {
    set title panel(i) font ",11"
    set yrange [value(sprintf("count_%d", i)) + 0.6:0.4]
    plot data index i - 1 using 6:2:6:8:ytic(1) with xerrorbars pt 0 lc rgb grey notitle, \
         data index i - 1 using 6:2 with points pt 7 ps 0.8 lc rgb green title "p50", \
         data index i - 1 using 7:2 with points pt 7 ps 0.8 lc rgb blue title "p99", \
         data index i - 1 using 8:2 with points pt 7 ps 0.8 lc rgb red title "p99.9"
}
unset multiplot
unset logscale x
set format x

set output stem . "-switches.svg"
set multiplot layout rows, 2 title "Per request: context switches (voluntary, involuntary) and handoffs"
set xrange [0:*]
do for [i = 1:groups] {
    set title panel(i) font ",11"
    set yrange [value(sprintf("count_%d", i)) + 0.6:0.4]
    plot data index i - 1 using 9:2:(0):9:($2 - 0.4):($2 - 0.02):ytic(1) \
            with boxxyerror lc rgb blue title "voluntary", \
         data index i - 1 using 10:2:9:($9 + $10):($2 - 0.4):($2 - 0.02) \
            with boxxyerror lc rgb red title "involuntary", \
         data index i - 1 using 11:2:(0):11:($2 + 0.02):($2 + 0.4) with boxxyerror lc rgb green title "handoffs"
}
unset multiplot
