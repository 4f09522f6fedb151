/*
 *     Accept-Encoding = [ ( codings [ OWS ";" OWS "q=" qvalue ] ) *( OWS "," OWS … ) ]
 *
 * Identity is acceptable unless it is excluded, and nobody says how much. Here it then weighs as little as can be said:
 * who names a coding at all would rather have that.
 */
#include "http/coding.h"

#include "http/field.h"
#include "http/scan.h"

enum { NOT_NAMED = -1, WEIGHT_LEAST = 1 };

/* What may be named beside the codings. */
enum { ANY = CODINGS, NAMES, UNKNOWN = NAMES };

/* Weights, or NOT_NAMED. */
struct reading {
    int of[NAMES];
};

static int identify(struct slice name)
{
    static const struct {
        const char *name;
        int coding;
    } known[] = {
        {"gzip", CODING_GZIP},         {"br", CODING_BR}, {"zstd", CODING_ZSTD},
        {"identity", CODING_IDENTITY}, {"*", ANY},        {"x-gzip", CODING_GZIP},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_equal_fold(name, slice_of(known[i].name)))
            return known[i].coding;
    return UNKNOWN;
}

/* In thousandths, or -1: "0" or "1", and three decimals at most (RFC 9110 12.4.2). */
static int read_qvalue(struct slice text)
{
    if (text.len == 0 || text.len > strlen("0.123") || (text.at[0] != '0' && text.at[0] != '1'))
        return -1;
    if (text.len > 1 && text.at[1] != '.')
        return -1;
    int weight = (text.at[0] - '0') * CODING_WEIGHT_MAX;
    int unit = CODING_WEIGHT_MAX / 10;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        weight += (text.at[i] - '0') * unit;
    }
    return weight <= CODING_WEIGHT_MAX ? weight : -1;
}

/* What stands behind a name; -1 where that can't be read. */
static int read_weight(struct slice text)
{
    text = slice_trim(text);
    if (text.len == 0)
        return CODING_WEIGHT_MAX;
    if (text.at[0] != ';')
        return -1;
    text = slice_trim((struct slice){text.at + 1, text.len - 1});
    if (text.len < 2 || (text.at[0] | 0x20) != 'q' || text.at[1] != '=')
        return -1;
    return read_qvalue((struct slice){text.at + 2, text.len - 2});
}

static void read_list(struct slice list, struct reading *reading)
{
    struct slice element;
    while (slice_next_element(&list, &element)) {
        const char *end = element.at + element.len, *stop = scan_token(element.at, end);
        int coding = identify((struct slice){element.at, (size_t)(stop - element.at)});
        int weight = read_weight((struct slice){stop, (size_t)(end - stop)});
        if (coding != UNKNOWN && weight >= 0)
            reading->of[coding] = weight;
    }
}

static void read_lines(struct slice lines, struct reading *reading)
{
    struct slice value;
    while (field_next_named(&lines, SLICE("accept-encoding"), &value))
        read_list(value, reading);
}

static int conclude(const struct reading *reading, int coding)
{
    if (reading->of[coding] != NOT_NAMED)
        return reading->of[coding];
    if (reading->of[ANY] != NOT_NAMED)
        return reading->of[ANY];
    return coding == CODING_IDENTITY ? WEIGHT_LEAST : 0;
}

struct coding_weights coding_read(const struct request *request)
{
    struct reading reading;
    struct coding_weights weights;
    for (int i = 0; i < NAMES; i++)
        reading.of[i] = NOT_NAMED;
    if (request_repeats(request, REPEATED_ACCEPT_ENCODING))
        read_lines(request->fields, &reading);
    else
        read_list(request->accept_encoding, &reading);
    for (int i = 0; i < CODINGS; i++)
        weights.of[i] = (uint16_t)conclude(&reading, i);
    return weights;
}

enum coding coding_choose(const struct coding_weights *weights, uint32_t available)
{
    int best = CODING_IDENTITY;
    for (int i = CODING_IDENTITY + 1; i < CODINGS; i++)
        if ((available >> i & 1) && weights->of[i] > 0 && weights->of[i] >= weights->of[best])
            best = i;
    return (enum coding)best;
}

struct slice coding_name(enum coding coding)
{
    const struct slice names[CODINGS] = {
        [CODING_GZIP] = SLICE("gzip"), [CODING_ZSTD] = SLICE("zstd"), [CODING_BR] = SLICE("br")};
    return names[coding];
}
