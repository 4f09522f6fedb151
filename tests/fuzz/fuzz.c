#include "fuzz/fuzz.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const struct request_limits fuzz_limits = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: this doesn't hold: %s\n", file, line, what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy((struct slice){(const char *)data, size});
    fuzz((struct slice){copy, size});
    free(copy);
    return 0;
}

char *fuzz_take(size_t size)
{
    char *memory = malloc(size);
    CHECK(memory != NULL);
    return memory;
}

char *fuzz_copy(struct slice bytes)
{
    char *copy = fuzz_take(bytes.len);
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    return copy;
}

static void cut(struct slice *input, size_t len)
{
    *input = (struct slice){input->at + len, input->len - len};
}

uint64_t fuzz_number(struct slice *input)
{
    uint64_t number = 0;
    bool minus = input->len > 0 && input->at[0] == '-';
    size_t i = minus;
    for (; i < input->len && input->at[i] >= '0' && input->at[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(input->at[i] - '0');
    cut(input, i + (i < input->len));
    return minus ? 0 - number : number;
}

struct slice fuzz_line(struct slice *input)
{
    const char *end = memchr(input->at, '\n', input->len);
    struct slice line = {input->at, end == NULL ? input->len : (size_t)(end - input->at)};
    cut(input, line.len + (end != NULL));
    return line;
}

/* FNV-1a. */
uint64_t fuzz_seed(struct slice bytes)
{
    uint64_t seed = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes.len; i++)
        seed = (seed ^ (unsigned char)bytes.at[i]) * UINT64_C(1099511628211);
    return seed;
}

/* The low bits of a linear congruence repeat soon, so that the high ones are given. */
uint64_t fuzz_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 32;
}

void fuzz_put(struct buffer *out, struct slice bytes)
{
    CHECK(buffer_append(out, bytes) == 0);
}

static void put_lines(struct buffer *out, struct slice lines)
{
    while (lines.len > 0) {
        struct slice line = fuzz_line(&lines);
        if (line.len > 0) {
            fuzz_put(out, line);
            fuzz_put(out, SLICE("\r\n"));
        }
    }
}

char *fuzz_request(struct slice lines, struct slice more, struct request *request)
{
    struct buffer out;
    size_t length;
    int status;
    buffer_init(&out);
    fuzz_put(&out, SLICE("GET / HTTP/1.1\r\nHost: a\r\n"));
    put_lines(&out, lines);
    fuzz_put(&out, more);
    fuzz_put(&out, SLICE("\r\n"));
    size_t len = buffer_length(&out);
    char *head = fuzz_copy(buffer_bytes(&out));
    buffer_fini(&out);
    if (request_parse((struct slice){head, len}, &fuzz_limits, request, &length, &status) == REQUEST_COMPLETE) {
        CHECK(length == len);
        return head;
    }
    free(head);
    return NULL;
}
