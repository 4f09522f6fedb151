/* scarce: a process that may open few more files, for tests of what is done then (getrlimit(2), RLIMIT_NOFILE). */
#ifndef SHUNT_TESTS_LIB_SCARCE_H
#define SHUNT_TESTS_LIB_SCARCE_H

#include <sys/resource.h>

/* The descriptor that the next open would have. */
int scarce_lowest_fd(void);

/* From now on `more` descriptors above those in use can be opened, at most. The limit that was, for
 * scarce_files_again(). */
struct rlimit scarce_files(int more);

void scarce_files_again(struct rlimit limit);

#endif
