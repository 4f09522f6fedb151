#include "os/limits.h"

#include <sys/resource.h>

enum { FILES_MAX = 1000000 };

int limits_raise_files(void)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit); /* can't fail: we own the memory, and the kernel knows the resource */
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    rlim_t files = setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
    return files < FILES_MAX ? (int)files : FILES_MAX;
}
