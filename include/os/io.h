/* io: what one attempt at input or output came to. The one vocabulary of every I/O step, from os/ up to conn/. */
#ifndef SHUNT_OS_IO_H
#define SHUNT_OS_IO_H

enum io {
    IO_DONE = 1, /* all of it */
    IO_AGAIN,    /* not all of it: the socket takes, or has, no more now */
    IO_FAILED,   /* no more ever; errno says why */
};

#endif
