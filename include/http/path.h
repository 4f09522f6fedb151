/*
 * path: from the percent-encoded path of a target to the one name by which everything knows a file.
 *
 * Decoded exactly once, dot segments resolved (RFC 3986 5.2.4) after decoding, runs of slashes joined. Rules, cache and
 * open all see these same bytes. Pure.
 */
#ifndef SHUNT_HTTP_PATH_H
#define SHUNT_HTTP_PATH_H

#include "base/slice.h"

/*
 * Normalises `raw` (it begins with "/") into `out`, which has room for raw.len + 1 bytes and is ended with a NUL that
 * *normal does not count. *normal points into out and begins with "/"; it ends in "/" where raw names a directory
 * ("/a/", "/a/.", "/a/b/.."). Any byte but NUL and "/" may stand in a segment.
 *
 * 0, or an HTTP status: 400 for a broken percent-encoding, an encoded NUL, or ".." that climbs above the root;
 * 404 for an encoded slash: no file has such a name.
 */
int path_normalise(struct slice raw, char *out, struct slice *normal);

/* Whether a segment begins with "." and isn't ".well-known" (RFC 8615) in first place: such names are not served. */
bool path_is_hidden(struct slice normal);

/*
 * Percent-encodes a normalised path for use in Location or a link: every byte that is not unreserved, "/" or one of
 * "!$&'()*+,;=:@" (RFC 3986 3.3). `out` has room for 3 * path.len bytes; returns the length written.
 */
size_t path_encode(struct slice path, char *out);

#endif
