/*
 * vector: bytes that other parsers were tested with, what those make of them, and what we do.
 *
 * A file of vectors has a JSON object a line: "id"; "hex", the bytes; "kind", what those parsers make of them: good,
 * bad, or part (well so far, and not at an end). They judge as parsers, some of them lenient ones. A server is told
 * from outside:
 *
 *     good   each request is answered, none is refused, and a further one on the same connection is served
 *     bad    the last answer is a refusal, and the server closes
 *     part   nothing is said, the connection stays open, and ends without an answer when we say that this was all
 *     late   as bad, but the refusal comes when an empty line ends the last line
 *     more   as good, but the last bytes are the beginning of another request
 *
 * Where we judge otherwise, a file of judgements has a line: the id, our verdict, and why, with tabs between. A line
 * whose id isn't among the vectors, or that says what they say, is a mistake. A line that begins with # is a comment.
 *
 * Many vectors are HTTP/1.1 without a Host, which to those parsers is nobody's affair. To us that alone makes them bad
 * (RFC 9112 3.2); so that there is something to judge, they exist a second time, with a Host behind each HTTP/1.1
 * request line, and our verdict is about that.
 */
#ifndef WIRE_VECTOR_H
#define WIRE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

enum { VECTORS_MAX = 512 };

enum verdict { VERDICT_NONE = 0, VERDICT_GOOD, VERDICT_BAD, VERDICT_PART, VERDICT_LATE, VERDICT_MORE, VERDICTS };

struct bytes {
    char *data; /* with a NUL behind them */
    size_t len;
};

struct vector {
    char *id;
    struct bytes bytes, hosted; /* hosted.data is NULL where nothing is missing */
    enum verdict theirs, ours;  /* the same, unless judged otherwise */
};

struct vectors {
    struct vector all[VECTORS_MAX];
    int count;
};

/* "good"; "neither" for VERDICT_NONE. */
const char *verdict_name(enum verdict verdict);

/* Whether a word stands in the bytes, in any case of letters. */
bool bytes_contain(const struct bytes *bytes, const char *word);

/* Reads a file of vectors, which vectors_close gives back. A mistake in it ends the program with a message. */
void vectors_open(struct vectors *vectors, const char *name);
void vectors_close(struct vectors *vectors);

/* Applies a file of judgements, and tells each mistake in it on stdout: how many there are. */
int vectors_judge(struct vectors *vectors, const char *name);

#endif
