/* cpu: which processors we may use, and pinning threads to them (sched_setaffinity(2), cgroups(7)). */
#ifndef SHUNT_OS_CPU_H
#define SHUNT_OS_CPU_H

enum { CPU_MAX = 1024 };

struct cpu_set_list {
    int count;        /* usable processors, at least 1 */
    int ids[CPU_MAX]; /* their numbers, ascending; the first `count` hold */
};

/* The processors in this process's affinity mask. Can't fail: where the kernel doesn't say, it is processor 0. */
void cpu_usable(struct cpu_set_list *list);

/* Leaves the first `count` processors of the list to the system and its interrupts, but at least one to us. */
void cpu_reserve(struct cpu_set_list *list, int count);

/* How many processors the cgroup quota (cpu.max, or cpu.cfs_quota_us of version 1; every level above counts) leaves us,
 * rounded up, at least 1; 0 when there is no quota. */
int cpu_quota(void);

/* How many of these processors the quota lets us use at a time: at least 1. */
int cpu_count(const struct cpu_set_list *list);

/* The same as cpu_quota() for any list of cgroups like /proc/self/cgroup, and any place to find them like
 * /sys/fs/cgroup. */
int cpu_quota_beneath(const char *proc_self_cgroup, const char *cgroup_mount);

/* Pins the calling thread to one processor. 0, or -1 with errno: best effort, the caller goes on. */
int cpu_pin_self(int id);

/* Names the calling thread, for ps and debuggers; at most 15 bytes are kept. */
void cpu_name_self(const char *name);

#endif
