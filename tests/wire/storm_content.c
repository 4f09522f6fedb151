#include "storm_content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_AT = 1, VERSION_AT = 6 }; /* "p0012 000000345\n" */

static const struct {
    const char *coding, *ending;
    char letter;
} forms[FORMS] = {{NULL, "", 'p'}, {"gzip", ".gz", 'g'}, {"br", ".br", 'b'}};

bool content_same(struct content a, struct content b)
{
    return a.version == b.version && a.length == b.length;
}

const char *form_coding(enum form form)
{
    return forms[form].coding;
}

const char *form_ending(enum form form)
{
    return forms[form].ending;
}

enum form form_of(const char *coding)
{
    int form = FORM_PLAIN + 1;
    while (form < FORMS && strcmp(coding, forms[form].coding) != 0)
        form++;
    return (enum form)form;
}

void content_record(int page, enum form form, uint32_t version, char record[RECORD])
{
    char text[64];
    snprintf(text, sizeof text, "%c%04d %09u\n", forms[form].letter, page, version);
    memcpy(record, text, RECORD);
}

void content_write(int page, enum form form, struct content content, char *bytes)
{
    content_record(page, form, content.version, bytes);
    for (size_t done = RECORD; done < content.length;) {
        size_t more = done < content.length - done ? done : content.length - done;
        memcpy(bytes + done, bytes, more);
        done += more;
    }
}

uint32_t content_version(int page, enum form form, const char *bytes, size_t len, size_t offset)
{
    char record[RECORD + 1] = "", same[RECORD];
    if (len < RECORD || memcmp(bytes, bytes + RECORD, len - RECORD) != 0)
        return VERSION_NONE;
    for (size_t i = 0; i < RECORD; i++)
        record[(offset + i) % RECORD] = bytes[i];
    uint32_t version = (uint32_t)strtoul(record + VERSION_AT, NULL, 10);
    content_record(page, form, version, same);
    return memcmp(record, same, RECORD) == 0 ? version : VERSION_NONE;
}

static bool is_of_any(char (*records)[RECORD], int count, size_t place, char byte)
{
    for (int i = 0; i < count; i++) {
        if (records[i][place] == byte)
            return true;
    }
    return false;
}

bool content_is_mixture(int page, const uint32_t *versions, int count, bool zeros, const char *bytes, size_t len,
                        size_t offset)
{
    char records[MIXTURE_MAX][RECORD];
    for (int i = 0; i < count; i++)
        content_record(page, FORM_PLAIN, versions[i], records[i]);
    for (size_t i = 0; i < len; i++) {
        if (!is_of_any(records, count, (offset + i) % RECORD, bytes[i]) && !(zeros && bytes[i] == '\0'))
            return false;
    }
    return true;
}
