/* limits: RLIMIT_NOFILE (getrlimit(2)). */
#ifndef SHUNT_OS_LIMITS_H
#define SHUNT_OS_LIMITS_H

/* Raises the soft limit on open files to the hard one. How many fds this process may have from now on, at most a
 * million (more would be memory for tables that nobody fills). */
int limits_raise_files(void);

#endif
