#include "files/entry.h"

#include "http/date.h"
#include "http/head.h"

#include <stdlib.h>

void entry_drop(struct entry *entry)
{
    if (entry == NULL || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int coding = 0; coding < CODINGS; coding++)
        entry_drop(entry->variants[coding]);
    if (entry->fd >= 0)
        closer_close(entry->closer, entry->fd);
    free(entry->image);
    free(entry->marks);
    free(entry);
}

uint64_t entry_bytes(const struct entry *entry)
{
    uint64_t image = entry->head_len + (entry->in_memory ? entry->size : 0) + entry->unmodified.len;
    uint64_t bytes = image + entry->mark_count * sizeof *entry->marks;
    for (int coding = 0; coding < CODINGS; coding++)
        if (entry->variants[coding] != NULL)
            bytes += sizeof *entry + entry_bytes(entry->variants[coding]);
    return bytes;
}

uint32_t entry_files(const struct entry *entry)
{
    uint32_t files = entry->fd >= 0;
    for (int coding = 0; coding < CODINGS; coding++)
        if (entry->variants[coding] != NULL)
            files += entry_files(entry->variants[coding]);
    return files;
}

uint32_t entry_codings(const struct entry *entry)
{
    uint32_t codings = 0;
    for (int coding = 0; coding < CODINGS; coding++)
        codings |= entry->variants[coding] == NULL ? 0 : UINT32_C(1) << coding;
    return codings;
}

struct entry *entry_choose(struct entry *entry, const struct request *request)
{
    if (!entry->varies || request->accept_encoding.at == NULL)
        return entry;
    struct coding_weights weights = coding_read(request);
    enum coding chosen = coding_choose(&weights, entry_codings(entry));
    return chosen == CODING_IDENTITY ? entry : entry->variants[chosen];
}

bool entry_is_untouched(struct entry *entry, const struct changes *changes)
{
    uint32_t epoch = changes_epoch(changes);
    if (epoch == entry->epoch)
        return true;
    if (!changes_none_since(changes, entry->marks, entry->mark_count))
        return false;
    entry->epoch = epoch;
    return true;
}

int entry_put_cache_fields(const struct entry *entry, struct buffer *head)
{
    struct slice etag = entry->validators.etag;
    if (etag.len > 0 && head_field(head, SLICE("ETag"), etag) < 0)
        return -1;
    if (entry->location.len > 0 && head_field(head, SLICE("Content-Location"), entry->location) < 0)
        return -1;
    return entry->varies ? head_field(head, SLICE("Vary"), SLICE("Accept-Encoding")) : 0;
}

int entry_put_fields(const struct entry *entry, struct buffer *head)
{
    if (entry->validators.has_last_modified) {
        char modified[DATE_LEN];
        date_format(entry->validators.last_modified, modified);
        if (head_field(head, SLICE("Last-Modified"), (struct slice){modified, DATE_LEN}) < 0)
            return -1;
    }
    if (entry_put_cache_fields(entry, head) < 0)
        return -1;
    if (entry->coding != CODING_IDENTITY && head_field(head, SLICE("Content-Encoding"), coding_name(entry->coding)) < 0)
        return -1;
    return head_field(head, SLICE("Accept-Ranges"), SLICE("bytes"));
}
