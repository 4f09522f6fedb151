/*
 * One table, in the program and nowhere else: what is served must not depend on which packages a machine has.
 *
 * Types as registered with IANA, else as browsers know them. Text is UTF-8, and says so: the text types, and XML and
 * what else a browser shows as text. JSON has no charset parameter (RFC 8259 11). Sources are shown, not run or
 * downloaded;
 * ".ts" is a video, as everywhere. What is compressed as a file is a file of that type, not a coding of something else.
 */
#include "http/media.h"

#include <stdlib.h>

const struct media media_table[] = {
    /* clang-format off */
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apk", "application/vnd.android.package-archive"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml; charset=utf-8"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/octet-stream"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/plain; charset=utf-8"},
    {"cbor", "application/cbor"},
    {"cc", "text/plain; charset=utf-8"},
    {"cjs", "text/javascript; charset=utf-8"},
    {"conf", "text/plain; charset=utf-8"},
    {"cpp", "text/plain; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"diff", "text/x-diff; charset=utf-8"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"glb", "model/gltf-binary"},
    {"gltf", "model/gltf+json"},
    {"gpx", "application/gpx+xml"},
    {"gz", "application/gzip"},
    {"h", "text/plain; charset=utf-8"},
    {"heic", "image/heic"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"iso", "application/x-iso9660-image"},
    {"jar", "application/java-archive"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonl", "application/jsonl"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"log", "text/plain; charset=utf-8"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"markdown", "text/markdown; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"patch", "text/x-diff; charset=utf-8"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"py", "text/x-python; charset=utf-8"},
    {"rpm", "application/x-rpm"},
    {"rss", "application/rss+xml; charset=utf-8"},
    {"rst", "text/plain; charset=utf-8"},
    {"rtf", "application/rtf"},
    {"sh", "text/x-shellscript; charset=utf-8"},
    {"srt", "application/x-subrip; charset=utf-8"},
    {"svg", "image/svg+xml; charset=utf-8"},
    {"tar", "application/x-tar"},
    {"tex", "text/x-tex; charset=utf-8"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml; charset=utf-8"},
    {"ts", "video/mp2t"},
    {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"ttf", "font/ttf"},
    {"ttl", "text/turtle; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"usdz", "model/vnd.usdz+zip"},
    {"vcf", "text/vcard; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml; charset=utf-8"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml; charset=utf-8"},
    {"xsl", "application/xml; charset=utf-8"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml; charset=utf-8"},
    {"yml", "application/yaml; charset=utf-8"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
    /* clang-format on */
};

const size_t media_count = sizeof media_table / sizeof *media_table;

/* What stands behind the last dot of the last segment; empty when there is no dot. */
static struct slice extension_of(struct slice name)
{
    size_t start = name.len;
    while (start > 0 && name.at[start - 1] != '.' && name.at[start - 1] != '/')
        start--;
    if (start == 0 || name.at[start - 1] == '/')
        return (struct slice){0};
    return (struct slice){name.at + start, name.len - start};
}

/* Of those in the table above that aren't text or a form of XML or JSON. Fonts in TrueType's form aren't compressed
 * yet, and neither is what is made of plain pixels or instructions. */
static const char *const plain[] = {
    "application/javascript",
    "application/json",
    "application/jsonl",
    "application/cbor",
    "application/wasm",
    "application/rtf",
    "application/toml",
    "application/yaml",
    "application/x-subrip",
    "application/vnd.apple.mpegurl",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "application/vnd.ms-fontobject",
};

static bool ends_with(struct slice whole, struct slice end)
{
    return whole.len >= end.len && memcmp(whole.at + whole.len - end.len, end.at, end.len) == 0;
}

bool media_compresses(struct slice type)
{
    const char *parameters = memchr(type.at, ';', type.len);
    struct slice name = {type.at, parameters == NULL ? type.len : (size_t)(parameters - type.at)};
    if (slice_starts_with(name, SLICE("text/")) || ends_with(name, SLICE("+xml")) || ends_with(name, SLICE("+json")) ||
        ends_with(name, SLICE("/xml")))
        return true;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (slice_equal(name, slice_of(plain[i])))
            return true;
    return false;
}

static int compare(const void *extension, const void *row)
{
    return strcmp(extension, ((const struct media *)row)->extension);
}

struct slice media_type(struct slice name)
{
    char low[MEDIA_EXTENSION_MAX + 1] = "";
    struct slice extension = extension_of(name);
    if (extension.len <= MEDIA_EXTENSION_MAX)
        for (size_t i = 0; i < extension.len; i++)
            low[i] =
                (char)(extension.at[i] >= 'A' && extension.at[i] <= 'Z' ? extension.at[i] | 0x20 : extension.at[i]);
    const struct media *found = bsearch(low, media_table, media_count, sizeof *media_table, compare);
    return found == NULL ? SLICE("application/octet-stream") : slice_of(found->type);
}
