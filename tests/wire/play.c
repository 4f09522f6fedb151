#include "play.h"

#include "answer.h"
#include "pause.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 128, DEADLINE_MS = 30000, PIECE_MS = 3, BYTEWISE_MAX = 2000, TOLD_MAX = 900, VALUE_MAX = 512 };
enum { OVER_MAX = 8192 }; /* bytes that a response in parts may have more than the file */

static const char neighbour[] = "GET /hello.txt HTTP/1.1\r\nHost: neighbour\r\n\r\n";
static const char neighbour_body[] = "hello, world\n";
static const struct expectation neighbourly = {.status = 200, .kind = BODY_ANY};

enum way { WAY_NONE, WAY_WHOLE, WAY_BYTES, WAY_CUT, WAY_COMPANY };

/* One row on one connection. */
struct play {
    const struct row *row;
    enum way way;
    size_t cut;
    char *bytes;                    /* with the neighbours before and behind */
    size_t own_begin, own_end, len; /* where the row's own bytes are; how much is to be sent */
    size_t sent;
    int next_stop;
    long long due; /* nothing is sent before this */
    int fd;
    bool deaf; /* the server takes no more of our bytes */
    char *in;
    size_t in_len, in_room, in_taken;
    int answered, expected_at; /* responses seen; and where we are in what the row expects */
    bool said_close;           /* the last response announced the end */
    bool trailed;              /* the neighbour behind was answered */
    long long begun, last_sent;
    char fault[256];
};

static const char *way_name(enum way way)
{
    static const char *const names[] = {"", "as it stands", "byte by byte", "split", "in company"};
    return names[way];
}

static void fail(struct play *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct play *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!p->fault[0])
        vsnprintf(p->fault, sizeof p->fault, format, arguments);
    va_end(arguments);
}

/* ---- what a response must be */

static void check_file_body(struct play *p, const struct site *site, const struct expectation *e,
                            const struct answer *a)
{
    size_t size;
    char *file = site_read(site, e->body, &size);
    if (!file) {
        fail(p, "the row names a file that can't be read: %s", e->body);
        return;
    }
    size_t last = e->last ? e->last : size ? size - 1 : 0;
    size_t want = size ? last - e->first + 1 : 0;
    if (a->body_len != want)
        fail(p, "a body of %zu bytes, not %zu", a->body_len, want);
    else if (memcmp(a->body, file + e->first, want) != 0)
        fail(p, "the body isn't the file's bytes");
    free(file);
}

static void check_part(struct play *p, const struct answer *part, const struct span *span, const char *file,
                       size_t size, const char *type)
{
    char value[VALUE_MAX] = "", range[VALUE_MAX];
    snprintf(range, sizeof range, "bytes %zu-%zu/%zu", span->first, span->last, size);
    if (answer_field(part, "Content-Range", value, sizeof value) != 1 || strcmp(value, range) != 0)
        fail(p, "a part of %s, not %s", value, range);
    else if (part->body_len != span->last - span->first + 1 ||
             memcmp(part->body, file + span->first, part->body_len) != 0)
        fail(p, "the part %s isn't the file's bytes", range);
    if (answer_field(part, "Content-Type", value, sizeof value) != 1 || strcmp(value, type) != 0)
        fail(p, "a part of type %s, not %s", value, type);
}

/* Whatever ranges are asked for, what is sent is hardly more than the file. */
static void check_parts_body(struct play *p, const struct site *site, const struct expectation *e,
                             const struct answer *a)
{
    struct answer parts[ANSWER_PARTS];
    int count = answer_parts(a, parts, ANSWER_PARTS);
    size_t size;
    char *file = site_read(site, e->body, &size);
    if (!file)
        fail(p, "the row names a file that can't be read: %s", e->body);
    else if (count != e->part_count)
        fail(p, "%d parts, not %d", count, e->part_count);
    else if (a->head_len + a->body_len > size + OVER_MAX)
        fail(p, "%zu bytes for a file of %zu", a->head_len + a->body_len, size);
    for (int i = 0; i < count && !p->fault[0]; i++)
        check_part(p, &parts[i], &e->parts[i], file, size, e->part_type);
    free(file);
}

static void check_body(struct play *p, const struct site *site, const struct expectation *e, const struct answer *a)
{
    if (e->kind == BODY_FILE)
        check_file_body(p, site, e, a);
    else if (e->kind == BODY_PARTS)
        check_parts_body(p, site, e, a);
    else if (e->kind == BODY_PAGE && !answer_is_page(a))
        fail(p, "the body is no short page that names the status");
    else if (e->kind == BODY_TEXT && (a->body_len != e->body_len || memcmp(a->body, e->body, e->body_len) != 0))
        fail(p, "another body");
}

static void check_fields(struct play *p, const struct expectation *e, const struct answer *a)
{
    char value[VALUE_MAX];
    for (int i = 0; i < e->field_count; i++) {
        const struct field_rule *rule = &e->fields[i];
        int count = answer_field(a, rule->name, value, sizeof value);
        if (rule->absent && count)
            fail(p, "%s: %s should not be there", rule->name, value);
        else if (!rule->absent && count != 1)
            fail(p, "%s stands there %d times", rule->name, count);
        else if (!rule->absent && fnmatch(rule->pattern, value, FNM_NOESCAPE) != 0)
            fail(p, "%s: %s, not %s", rule->name, value, rule->pattern);
    }
}

static void check_answer(struct play *p, const struct site *site, const struct expectation *e, const struct answer *a)
{
    char value[VALUE_MAX];
    const char *law = answer_broken_law(a);
    if (a->status != e->status)
        fail(p, "status %d, not %d", a->status, e->status);
    if (law)
        fail(p, "broken: %s", law);
    check_fields(p, e, a);
    if (e != &neighbourly)
        check_body(p, site, e, a);
    else if (a->body_len != sizeof neighbour_body - 1 || memcmp(a->body, neighbour_body, a->body_len) != 0)
        fail(p, "a valid request beside it got another body");
    p->said_close = answer_field(a, "Connection", value, sizeof value) == 1 && strcasecmp(value, "close") == 0;
}

/* ---- which response is next */

/* NULL: none is expected any more. */
static const struct expectation *next_expected(const struct play *p)
{
    if (p->way == WAY_COMPANY && p->answered == 0)
        return &neighbourly;
    if (p->expected_at < p->row->expected_count)
        return &p->row->expected[p->expected_at];
    return NULL;
}

static bool row_is_answered(const struct play *p)
{
    return !next_expected(p);
}

/* After the row's own responses: one more request, unless it went along in the first place. It has its own time: the
 * responses may have taken theirs. */
static void ask_whether_open(struct play *p, long long now)
{
    p->len = p->own_end + sizeof neighbour - 1;
    p->last_sent = now;
}

/* Takes one response from what was received. False when there is none. */
static bool take_answer(struct play *p, const struct site *site)
{
    const struct expectation *e = next_expected(p);
    struct answer a;
    if (p->in_taken == p->in_len)
        return false;
    bool bodiless = e && e->kind == BODY_NONE;
    enum answer_result result = answer_read(p->in + p->in_taken, p->in_len - p->in_taken, bodiless, &a);
    if (result == ANSWER_BROKEN)
        fail(p, "what came is no response");
    if (result != ANSWER_COMPLETE)
        return false;
    while (e && e->optional && a.status != e->status) {
        p->expected_at++;
        e = next_expected(p);
    }
    p->in_taken += a.head_len + a.body_len;
    if (!e && (p->row->end == END_CLOSED || p->trailed)) {
        fail(p, "one response too many, with status %d", a.status);
        return false;
    }
    check_answer(p, site, e ? e : &neighbourly, &a);
    if (!e)
        p->trailed = true;
    else if (e != &neighbourly)
        p->expected_at++;
    p->answered++;
    return !p->fault[0];
}

/* ---- one connection */

static bool connect_play(struct play *p, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fail(p, "connect: %s", strerror(errno));
        return false;
    }
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    fcntl(p->fd, F_SETFL, O_NONBLOCK);
    return true;
}

static bool start_play(struct play *p, const struct row *row, enum way way, size_t cut, int port)
{
    size_t lead = way == WAY_COMPANY ? sizeof neighbour - 1 : 0, tail = sizeof neighbour - 1;
    *p = (struct play){
        .row = row, .way = way, .cut = cut, .fd = -1, .begun = now_ms(), .bytes = malloc(lead + row->len + tail)};
    memcpy(p->bytes, neighbour, lead);
    memcpy(p->bytes + lead, row->bytes, row->len);
    memcpy(p->bytes + lead + row->len, neighbour, tail);
    p->own_begin = lead;
    p->own_end = lead + row->len;
    p->len = p->own_end + (way == WAY_COMPANY ? tail : 0);
    p->last_sent = p->begun;
    return connect_play(p, port);
}

/* How far the next send may go, and how long to wait behind it. */
static size_t next_piece(const struct play *p, int *wait_ms)
{
    size_t to = p->len;
    *wait_ms = 0;
    if (p->way == WAY_BYTES && p->sent < p->own_end) {
        to = p->sent + 1;
        *wait_ms = 1;
    }
    if (p->way == WAY_CUT && p->sent < p->own_begin + p->cut) {
        to = p->own_begin + p->cut;
        *wait_ms = PIECE_MS;
    }
    if (p->next_stop < p->row->stop_count && p->own_begin + p->row->stops[p->next_stop].at <= to) {
        to = p->own_begin + p->row->stops[p->next_stop].at;
        *wait_ms = p->row->stops[p->next_stop].ms;
    }
    return to;
}

static void finish_sending(struct play *p)
{
    if (p->row->finish == FINISH_FIN)
        shutdown(p->fd, SHUT_WR);
}

static void send_more(struct play *p, long long now)
{
    if (p->deaf || now < p->due || p->sent >= p->len)
        return;
    int wait_ms;
    size_t to = next_piece(p, &wait_ms);
    ssize_t sent = to > p->sent ? send(p->fd, p->bytes + p->sent, to - p->sent, MSG_NOSIGNAL) : 0;
    if (sent < 0) {
        p->deaf = errno != EAGAIN && errno != EINTR;
        return;
    }
    p->sent += (size_t)sent;
    p->last_sent = now;
    if (p->sent == to && wait_ms) {
        p->due = now + wait_ms;
        p->next_stop += p->next_stop < p->row->stop_count && p->sent == p->own_begin + p->row->stops[p->next_stop].at;
    }
    if (p->sent == p->len)
        finish_sending(p);
}

/* False at the end of what the server sends. */
static bool receive_more(struct play *p)
{
    if (p->in_room - p->in_len < 65536) {
        p->in_room = p->in_room * 2 + 131072;
        p->in = realloc(p->in, p->in_room);
    }
    ssize_t got = recv(p->fd, p->in + p->in_len, p->in_room - p->in_len, 0);
    if (got > 0)
        p->in_len += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The server closed: was that to come, now? */
static void judge_close(struct play *p, long long now)
{
    const struct row *row = p->row;
    long long after = now - p->last_sent;
    while (next_expected(p) && next_expected(p)->optional)
        p->expected_at++;
    if (!row_is_answered(p))
        fail(p, "closed after %d responses", p->answered);
    else if (p->in_taken != p->in_len)
        fail(p, "bytes behind the last response");
    else if (row->end == END_OPEN && !p->trailed && row->finish != FINISH_FIN)
        fail(p, "closed, though it should stay open");
    else if (row->end == END_CLOSED && (after < row->closed_from_ms || after > row->closed_to_ms))
        fail(p, "closed after %lld ms, not %d to %d", after, row->closed_from_ms, row->closed_to_ms);
    else if (row->finish == FINISH_NOT && row->expected_count && !p->trailed && !p->said_close && !row->closed_from_ms)
        fail(p, "closed without Connection: close in the last response");
}

/* One turn for one connection. True when it is over. */
static bool run_play(struct play *p, const struct site *site)
{
    long long now = now_ms();
    send_more(p, now);
    bool more = receive_more(p);
    while (take_answer(p, site)) {
    }
    if (p->fault[0] || p->trailed)
        return true;
    if (p->row->finish == FINISH_RESET && (p->sent == p->len || p->deaf))
        return true;
    if (!more) {
        judge_close(p, now);
        return true;
    }
    if (row_is_answered(p) && p->row->end != END_CLOSED && p->row->finish == FINISH_NOT && p->sent == p->own_end)
        ask_whether_open(p, now);
    if (now - p->begun > DEADLINE_MS || (row_is_answered(p) && now - p->last_sent > p->row->closed_to_ms + 2000))
        fail(p, "nothing more after %d responses, and %s", p->answered,
             row_is_answered(p) ? "not closed" : "more expected");
    return p->fault[0];
}

static void end_play(struct play *p)
{
    if (p->fd >= 0) {
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        close(p->fd);
    }
    free(p->bytes);
    free(p->in);
    p->row = NULL;
}

/* ---- all of them */

static void print_bytes(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && i < TOLD_MAX; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\r')
            printf("\\r");
        else if (c == '\n')
            printf("\\n\n      ");
        else if (c < ' ' || c > '~')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    printf(len > TOLD_MAX ? "... (%zu bytes)\n" : "\n", len);
}

static void tell_failure(const struct play *p, const char *file)
{
    printf("FAILED %s:%d: %s (%s", file, p->row->line, p->row->sentence, way_name(p->way));
    if (p->way == WAY_CUT)
        printf(" at %zu", p->cut);
    printf(")\n   %s\n   sent %zu of\n      ", p->fault, p->sent);
    print_bytes(p->bytes, p->len);
    printf("   received %zu bytes, from the last response on\n      ", p->in_len);
    size_t from = p->in_taken < p->in_len ? p->in_taken : 0;
    print_bytes(p->in + from, p->in_len - from);
}

/* All the plays of a file, one after the other: rows, their ways, their cuts. */
struct programme {
    const struct row_file *file;
    int row;
    enum way way;
    size_t cut;
    int cuts;
};

static bool way_fits(const struct row *row, enum way way)
{
    if (way == WAY_WHOLE)
        return true;
    if (row->once || row->finish == FINISH_RESET || row->stop_count)
        return false;
    if (way == WAY_BYTES)
        return row->len <= BYTEWISE_MAX;
    return way == WAY_CUT ? row->len >= 2 : row->finish == FINISH_NOT;
}

static size_t cut_step(const struct row *row, int cuts)
{
    size_t step = row->len / (size_t)cuts;
    return step ? step : 1;
}

/* The next play to start; false when there is none left. */
static bool next_in_programme(struct programme *g)
{
    for (;;) {
        if (g->row >= g->file->count)
            return false;
        const struct row *row = &g->file->rows[g->row];
        if (g->way == WAY_CUT && way_fits(row, WAY_CUT) && g->cut + cut_step(row, g->cuts) < row->len) {
            g->cut += cut_step(row, g->cuts);
            return true;
        }
        g->cut = 0;
        if (g->way == WAY_COMPANY) {
            g->way = WAY_NONE;
            g->row++;
            continue;
        }
        g->way++;
        if (g->way != WAY_CUT && way_fits(row, g->way))
            return true;
    }
}

struct tally play_rows(const struct play_stage *stage, const struct row_file *file)
{
    struct programme programme = {.file = file, .cuts = stage->cuts};
    struct play *plays = calloc(AT_ONCE, sizeof *plays);
    bool(*failed)[WAY_COMPANY + 1] = calloc(ROW_MAX, sizeof *failed);
    bool(*played)[WAY_COMPANY + 1] = calloc(ROW_MAX, sizeof *played);
    int active = 0;
    bool more = true;
    do {
        for (int i = 0; i < AT_ONCE; i++) {
            struct play *p = &plays[i];
            if (!p->row && more && (more = next_in_programme(&programme))) {
                active++;
                played[programme.row][programme.way] = true;
                start_play(p, &file->rows[programme.row], programme.way, programme.cut, stage->port);
            }
            if (!p->row || (!p->fault[0] && !run_play(p, stage->site)))
                continue;
            bool *known = &failed[p->row - file->rows][p->way];
            if (p->fault[0] && !*known)
                tell_failure(p, file->name);
            *known |= p->fault[0] != '\0';
            end_play(p);
            active--;
        }
        pause_ms(1);
    } while (active || more);

    struct tally tally = {0};
    for (int row = 0; row < file->count; row++) {
        for (int way = WAY_WHOLE; way <= WAY_COMPANY; way++) {
            tally.failed += failed[row][way];
            tally.passed += played[row][way] && !failed[row][way];
        }
    }
    free(plays);
    free(failed);
    free(played);
    return tally;
}
