/*
 * cpu on Linux: the affinity mask, and the quota of the cgroups that we are in.
 *
 * A cgroup's quota binds all cgroups beneath it, so every level up to the mount counts, and the least one holds. In a
 * container /proc/self/cgroup may name a path that isn't visible in the mount: levels that can't be read are passed
 * over, and the mount itself is then our own cgroup.
 */
#include "os/cpu.h"

#include "base/slice.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel refuses a mask that is smaller than its own, which is at most 8192 bits. */
enum { KERNEL_SETS = 8, KERNEL_CPUS = CPU_SETSIZE * KERNEL_SETS };

void cpu_usable(struct cpu_set_list *list)
{
    cpu_set_t sets[KERNEL_SETS];
    list->count = 0;
    if (sched_getaffinity(0, sizeof sets, sets) == 0) {
        for (size_t id = 0; id < KERNEL_CPUS && list->count < CPU_MAX; id++) {
            if (CPU_ISSET_S(id, sizeof sets, sets))
                list->ids[list->count++] = (int)id;
        }
    }
    if (list->count == 0)
        list->ids[list->count++] = 0;
}

int cpu_pin_self(int id)
{
    cpu_set_t sets[KERNEL_SETS] = {0};
    if (id < 0 || id >= KERNEL_CPUS) {
        errno = EINVAL;
        return -1;
    }
    CPU_SET_S((size_t)id, sizeof sets, sets);
    return sched_setaffinity(0, sizeof sets, sets);
}

void cpu_name_self(const char *name)
{
    char kept[16];
    snprintf(kept, sizeof kept, "%.15s", name);
    pthread_setname_np(pthread_self(), kept);
}

/* --- the quota --- */

/* Up to two numbers from a file of a cgroup: how many were read. */
static int read_numbers(const char *directory, const char *file, long long *first, long long *second)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, file) >= (int)sizeof path)
        return 0;
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return 0;
    int count = fscanf(stream, "%lld %lld", first, second);
    fclose(stream);
    return count;
}

/* Processors that `quota` of each `period` microseconds keeps busy, rounded up; 0 where that is no quota. */
static int processors(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long count = quota / period + (quota % period != 0);
    return count < INT_MAX ? (int)count : INT_MAX;
}

/* cpu.max says "200000 100000", or "max 100000" where there is no quota. */
static int level_v2(const char *directory)
{
    long long quota, period;
    return read_numbers(directory, "cpu.max", &quota, &period) == 2 ? processors(quota, period) : 0;
}

/* A file for each of the two; the quota is -1 where there is none. */
static int level_v1(const char *directory)
{
    long long quota, period, none;
    bool both = read_numbers(directory, "cpu.cfs_quota_us", &quota, &none) >= 1 &&
                read_numbers(directory, "cpu.cfs_period_us", &period, &none) >= 1;
    return both ? processors(quota, period) : 0;
}

/* The lesser of two quotas, of which 0 is none. */
static int lesser(int a, int b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* The least quota from the cgroup `path` up to where the hierarchy is mounted. */
static int least_upwards(const char *mount, const char *hierarchy, struct slice path, int (*level)(const char *))
{
    char directory[PATH_MAX];
    int top = snprintf(directory, sizeof directory, "%s%s", mount, hierarchy);
    if (top < 0 || (size_t)top + path.len >= sizeof directory)
        return 0;
    memcpy(directory + top, path.at, path.len);
    directory[(size_t)top + path.len] = '\0';
    int least = level(directory);
    while (strlen(directory) > (size_t)top) {
        *strrchr(directory + top, '/') = '\0';
        least = lesser(least, level(directory));
    }
    return least;
}

static bool lists_cpu(struct slice controllers)
{
    struct slice controller;
    while (slice_next_element(&controllers, &controller)) {
        if (slice_equal(controller, SLICE("cpu")))
            return true;
    }
    return false;
}

/* cgroups(7): "4:cpu,cpuacct:/a/b" of version 1, "0::/a/b" of version 2, which may be mounted beside it as "unified". A
 * path that climbs is that of a cgroup outside of our namespace: what is mounted is then the nearest we can see. */
static int quota_of_line(char *line, const char *mount)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (path == NULL)
        return 0;
    *path++ = '\0';
    bool visible = path[0] == '/' && strstr(path, "/..") == NULL;
    struct slice from = visible ? slice_of(path) : SLICE("/");
    if (controllers[1] == '\0')
        return lesser(least_upwards(mount, "", from, level_v2), least_upwards(mount, "/unified", from, level_v2));
    return lists_cpu(slice_of(controllers + 1)) ? least_upwards(mount, "/cpu", from, level_v1) : 0;
}

int cpu_quota_beneath(const char *proc_self_cgroup, const char *cgroup_mount)
{
    int least = 0;
    char *line = NULL;
    size_t size = 0;
    FILE *stream = fopen(proc_self_cgroup, "re");
    if (stream == NULL)
        return 0;
    while (getline(&line, &size, stream) >= 0)
        least = lesser(least, quota_of_line(line, cgroup_mount));
    free(line);
    fclose(stream);
    return least;
}

int cpu_quota(void)
{
    return cpu_quota_beneath("/proc/self/cgroup", "/sys/fs/cgroup");
}

int cpu_count(const struct cpu_set_list *list)
{
    int quota = cpu_quota();
    return quota > 0 && quota < list->count ? quota : list->count;
}
