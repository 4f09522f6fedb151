/*
 * sendfile: bytes of memory and a range of a file, together, to a socket (sendfile(2); tcp(7) TCP_CORK and MSG_MORE).
 *
 * The socket is non-blocking, and the process ignores SIGPIPE (signals_open()): sendfile(2) has no flag for either.
 * One attempt, never a wait. *head_sent and *body_sent say what was taken, also with IO_AGAIN and IO_FAILED.
 */
#ifndef SHUNT_OS_SENDFILE_H
#define SHUNT_OS_SENDFILE_H

#include "os/io.h"

#include <stdint.h>
#include <sys/types.h>

/* Sends head_len bytes, then length bytes of `file` from `offset`. IO_FAILED with errno EIO where the file ends before
 * them: it shrank, and the peer was promised more. Where sendfile can't read this file (EINVAL, ENOSYS, EOPNOTSUPP) the
 * bytes are copied, at the same offset. An interrupted call is repeated. */
enum io sendfile_range(int sock, const void *head, size_t head_len, int file, off_t offset, size_t length,
                       size_t *head_sent, size_t *body_sent);

/* The same where the body is in memory. */
enum io sendfile_memory(int sock, const void *head, size_t head_len, const void *body, size_t length, size_t *head_sent,
                        size_t *body_sent);

#endif
