#include "http/target.h"

#include "http/authority.h"

static void split_path(struct request *request, struct slice text)
{
    const char *mark = memchr(text.at, '?', text.len);
    size_t len = mark == NULL ? text.len : (size_t)(mark - text.at);
    request->path = (struct slice){text.at, len};
    if (mark != NULL)
        request->query = (struct slice){mark, text.len - len};
}

/* Bytes before the first "/" or "?". */
static size_t authority_length(struct slice text)
{
    size_t len = 0;
    while (len < text.len && text.at[len] != '/' && text.at[len] != '?')
        len++;
    return len;
}

static bool has_scheme(struct slice target, struct slice scheme)
{
    return target.len >= scheme.len && slice_equal_fold((struct slice){target.at, scheme.len}, scheme);
}

static int parse_absolute(struct request *request)
{
    const struct slice http = SLICE("http://");
    struct slice target = request->target;
    if (has_scheme(target, SLICE("https://"))) /* it didn't come over TLS (RFC 9110 7.4) */
        return 421;
    if (!has_scheme(target, http))
        return 400;
    struct slice rest = {target.at + http.len, target.len - http.len};
    size_t len = authority_length(rest);
    struct slice authority = {rest.at, len};
    if (!authority_is_valid(authority))
        return 400;
    request->host = authority;
    split_path(request, (struct slice){rest.at + len, rest.len - len});
    if (request->path.len == 0)
        request->path = SLICE("/");
    return 0;
}

int target_parse(struct request *request, struct slice method)
{
    struct slice target = request->target;
    if (slice_equal(method, SLICE("CONNECT"))) {
        if (!authority_has_port(target))
            return 400;
        request->host = target;
        return 0;
    }
    if (target.at[0] == '/') {
        split_path(request, target);
        return 0;
    }
    if (slice_equal(target, SLICE("*")))
        return slice_equal(method, SLICE("OPTIONS")) ? 0 : 400;
    return parse_absolute(request);
}
