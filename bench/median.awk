# The median of list[1..count], which is sorted on the way. Leaves the least and the greatest in low and high.
function median(list, count,    i, j, held) {
    for (i = 2; i <= count; i++) {
        held = list[i]
        for (j = i - 1; j > 0 && list[j] > held; j--)
            list[j + 1] = list[j]
        list[j + 1] = held
    }
    low = list[1]
    high = list[count]
    return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
}
