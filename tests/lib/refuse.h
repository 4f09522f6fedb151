/* refuse: a kernel that lacks a system call, for tests of what is done then (seccomp(2)). */
#ifndef SHUNT_TESTS_LIB_REFUSE_H
#define SHUNT_TESTS_LIB_REFUSE_H

/* From now on, for the rest of this process's life, the system call `number` (SYS_…) fails with `error`. Called again
 * for the same number, the later error counts. Whether it worked. To be called while there is one thread. */
int refuse_call(int number, int error);

/* The same where the call's first argument is `first`. */
int refuse_call_on(int number, unsigned first, int error);

#endif
