/*
 * Throws a request target at target_parse(), by way of a head for each of the methods that have a form of their own;
 * and the same bytes, as a host, at authority_is_valid(). A target is the sum of its parts, in every form.
 */
#include "fuzz/fuzz.h"

#include "http/authority.h"

/* Whether it is a target for this method. Its parts point into the memory, to be freed. */
static bool parse(struct slice method, struct slice target, struct request *request, char **memory)
{
    struct buffer out;
    size_t length;
    int status;
    buffer_init(&out);
    fuzz_put(&out, method);
    fuzz_put(&out, SLICE(" "));
    fuzz_put(&out, target);
    fuzz_put(&out, SLICE(" HTTP/1.1\r\nHost: other.example\r\n\r\n"));
    *memory = fuzz_copy(buffer_bytes(&out));
    struct slice head = {*memory, buffer_length(&out)};
    enum request_result result = request_parse(head, &fuzz_limits, request, &length, &status);
    buffer_fini(&out);
    return result == REQUEST_COMPLETE && slice_equal(request->target, target);
}

/* [ scheme "://" host ] path [ query ] */
static void check_parts(const struct request *request)
{
    struct slice target = request->target, path = request->path, query = request->query;
    const char *end = target.at + target.len;
    bool absolute = target.at[0] != '/';
    CHECK(query.len == 0 || (query.at[0] == '?' && query.at + query.len == end));
    const char *path_end = query.len > 0 ? query.at : end;
    if (absolute) {
        CHECK(request->host.at - target.at == 7 || request->host.at - target.at == 8);
        CHECK(memcmp(request->host.at - 3, "://", 3) == 0 && authority_is_valid(request->host));
    } else {
        CHECK(path.at == target.at && slice_equal(request->host, SLICE("other.example")));
    }
    if (absolute && request->host.at + request->host.len == path_end)
        CHECK(slice_equal(path, SLICE("/")));
    else
        CHECK(path.at[0] == '/' && path.at + path.len == path_end &&
              (!absolute || path.at == request->host.at + request->host.len));
    CHECK(memchr(path.at, '?', path.len) == NULL);
}

/* GET takes origin-form and absolute-form, OPTIONS the asterisk besides, CONNECT nothing but a host and a port. */
static void check_target(struct slice input)
{
    struct request get, options, connect;
    char *get_memory, *options_memory, *connect_memory;
    bool star = slice_equal(input, SLICE("*"));
    bool is_get = parse(SLICE("GET"), input, &get, &get_memory);
    bool is_options = parse(SLICE("OPTIONS"), input, &options, &options_memory);
    bool is_connect = parse(SLICE("CONNECT"), input, &connect, &connect_memory);
    CHECK(is_options == (is_get || star) && !(is_get && (star || is_connect)));
    CHECK(is_connect == authority_has_port(input));
    if (is_get) {
        CHECK(slice_equal(get.path, options.path) && slice_equal(get.host, options.host));
        check_parts(&get);
    }
    if (star)
        CHECK(options.path.len == 0 && slice_equal(options.host, SLICE("other.example")));
    if (is_connect)
        CHECK(connect.path.len == 0 && slice_equal(connect.host, input));
    free(get_memory);
    free(options_memory);
    free(connect_memory);
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=%:[]", c) != NULL);
}

/* `text` in the place of the host of an absolute target. */
static void check_absolute(struct slice text, bool valid)
{
    struct buffer target;
    struct request request;
    char *memory;
    buffer_init(&target);
    fuzz_put(&target, SLICE("hTTp://"));
    fuzz_put(&target, text);
    fuzz_put(&target, SLICE("?/"));
    bool taken = parse(SLICE("GET"), buffer_bytes(&target), &request, &memory);
    if (valid)
        CHECK(taken && slice_equal(request.host, text) && slice_equal(request.path, SLICE("/")) &&
              slice_equal(request.query, SLICE("?/")));
    free(memory);
    buffer_fini(&target);
}

/* The number of colons behind the host, which is none or one before the port's digits. */
static size_t check_port(struct slice text)
{
    size_t colons = 0;
    uint64_t port = 0, place = 1;
    for (size_t i = text.len; i > 0 && text.at[i - 1] != ']'; i--) {
        char c = text.at[i - 1];
        colons += c == ':';
        if (colons == 0 && c >= '0' && c <= '9' && place < 1000000) {
            port += (uint64_t)(c - '0') * place;
            place *= 10;
        }
    }
    CHECK(colons <= 1 && (colons == 0 || port <= 65535));
    return colons;
}

static void check_authority(struct slice text)
{
    bool valid = authority_is_valid(text);
    CHECK(valid || !authority_has_port(text));
    check_absolute(text, valid);
    if (!valid)
        return;
    for (size_t i = 0; i < text.len; i++)
        CHECK(is_host_byte(text.at[i]));
    size_t colons = check_port(text);
    CHECK(text.len > 0 && text.at[0] != ':');
    CHECK(authority_has_port(text) == (colons == 1 && text.at[text.len - 1] != ':'));
}

void fuzz(struct slice input)
{
    if (input.len > fuzz_limits.line_max / 2)
        return;
    check_target(input);
    check_authority(input);
}
