/*
 * pack: the command that makes the sidecars: beside each file that is worth it, what gzip, brotli and zstd make of it.
 *
 * The programs that are installed do the work, some at a time. A sidecar is written only where it is smaller than the
 * original, has the original's time, and appears at once, whole: a server that runs meanwhile never sees half of one.
 */
#ifndef SHUNT_PACK_PACK_H
#define SHUNT_PACK_PACK_H

/* Reads the command line, argv[0] being "pack", and does what it says. The process's exit status: 0, 1 after lines that
 * say what failed, 2 after one that says what is wrong with the command line. Where a signal interrupts it, it cleans
 * up and ends by that signal. */
int pack(int argc, char **argv);

#endif
