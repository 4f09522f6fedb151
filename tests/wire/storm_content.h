/*
 * storm_content: what the files of a storm hold. Every 16 bytes say the same: of which page this is, in which content
 * coding, and which version. So any piece of a body tells what it is a piece of.
 */
#ifndef WIRE_STORM_CONTENT_H
#define WIRE_STORM_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum form { FORM_PLAIN, FORM_GZIP, FORM_BR, FORMS };

enum {
    RECORD = 16,
    LENGTH_MIN = 20 * RECORD,
    LENGTH_MAX = 131072,
    MIXTURE_MAX = 64,
    VERSION_NONE = 0, /* there is no such content, or it can't be told */
};

/* Two contents with one version differ in length alone: the shorter is the longer's beginning. No two forms, pages or
 * writes share a version. */
struct content {
    uint32_t version;
    uint32_t length; /* a multiple of RECORD */
};

bool content_same(struct content a, struct content b);

/* "gzip", and ".gz"; NULL and "" for FORM_PLAIN. And back, FORMS where it is none. */
const char *form_coding(enum form form);
const char *form_ending(enum form form);
enum form form_of(const char *coding);

void content_record(int page, enum form form, uint32_t version, char record[RECORD]);

/* The whole of it, in `bytes`, which has room for it. */
void content_write(int page, enum form form, struct content content, char *bytes);

/* Of which version all of a piece is that lies at an offset of its content; VERSION_NONE where it isn't of one, isn't
 * of that page and form, or is shorter than a record. */
uint32_t content_version(int page, enum form form, const char *bytes, size_t len, size_t offset);

/* Whether each byte of a piece is that of one of these versions, of which there are at most MIXTURE_MAX, or zero where
 * that may be. Of FORM_PLAIN. */
bool content_is_mixture(int page, const uint32_t *versions, int count, bool zeros, const char *bytes, size_t len,
                        size_t offset);

#endif
