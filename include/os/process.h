/* process: what a child process is to its parent (prctl(2)). */
#ifndef SHUNT_OS_PROCESS_H
#define SHUNT_OS_PROCESS_H

/* The calling process, a child, is killed (SIGKILL) as soon as the thread that forked it ends, however it ends. One
 * that has ended before isn't noticed: getppid(2) tells. 0, or -1 with errno. */
int process_tie_to_parent(void);

/* From now on the end of a child interrupts what the calling thread waits for (SIGCHLD, EINTR). 0, or -1 with errno. */
int process_heed_children(void);

#endif
