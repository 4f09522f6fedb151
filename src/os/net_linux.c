#include "os/net.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The beginning of a file in a card's folder, or "". */
static void read_text(int card, const char *name, char *text, size_t room)
{
    int fd = openat(card, name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, room - 1);
    if (fd >= 0)
        close(fd);
    text[len > 0 ? len : 0] = '\0';
}

/* A mask of processors is hexadecimal words and commas: "00000000,0000000f". How many are in it. */
static int count_mask(const char *mask)
{
    int count = 0;
    for (; *mask != '\0'; mask++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *mask);
        if (digit != NULL)
            count += __builtin_popcount((unsigned)(digit - digits));
    }
    return count;
}

/* Processors that this card's packets arrive on: one for each receive queue, or what a queue is spread over. */
static int spread_of(int card)
{
    char queue[64], mask[1024];
    int spread = 0;
    for (int i = 0;; i++) {
        snprintf(queue, sizeof queue, "queues/rx-%d", i);
        if (faccessat(card, queue, F_OK, 0) != 0)
            return spread;
        snprintf(queue, sizeof queue, "queues/rx-%d/rps_cpus", i);
        read_text(card, queue, mask, sizeof mask);
        int by_software = count_mask(mask);
        spread += by_software > 1 ? by_software : 1;
    }
}

/* Cards have a device behind them; bridges, tunnels and the loopback don't. */
static bool is_in_use(int card)
{
    char state[32];
    read_text(card, "operstate", state, sizeof state);
    return faccessat(card, "device", F_OK, 0) == 0 && strcmp(state, "up\n") == 0;
}

bool net_spreads_beneath(const char *interfaces, int cpus)
{
    int cards = 0, wide = 0;
    DIR *folder = opendir(interfaces);
    if (folder == NULL)
        return false;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int card = entry->d_name[0] == '.' ? -1 : openat(dirfd(folder), entry->d_name, O_PATH | O_CLOEXEC);
        if (card >= 0 && is_in_use(card)) {
            cards++;
            wide += spread_of(card) >= cpus;
        }
        if (card >= 0)
            close(card);
    }
    closedir(folder);
    return cards > 0 && wide == cards;
}

bool net_spreads_over(int cpus)
{
    return net_spreads_beneath("/sys/class/net", cpus);
}
