#include "http/media.h"

#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define UTF_8   "; charset=utf-8"
#define UNKNOWN "application/octet-stream"

enum { ROOM = 4096 };

static const struct row {
    const char *name;
    const char *file;
    const char *type;
} rows[] = {
    {"a page", "/index.html", "text/html" UTF_8},
    {"a page with a short extension", "/index.htm", "text/html" UTF_8},
    {"a style sheet", "a.css", "text/css" UTF_8},
    {"a script", "a.js", "text/javascript" UTF_8},
    {"a module", "a.mjs", "text/javascript" UTF_8},
    {"JSON has no charset", "a.json", "application/json"},
    {"a source map", "a.js.map", "application/json"},
    {"a manifest", "a.webmanifest", "application/manifest+json"},
    {"WebAssembly", "a.wasm", "application/wasm"},
    {"an SVG image", "a.svg", "image/svg+xml" UTF_8},
    {"a PNG image", "a.png", "image/png"},
    {"a JPEG image", "a.jpeg", "image/jpeg"},
    {"an AVIF image", "a.avif", "image/avif"},
    {"a WebP image", "a.webp", "image/webp"},
    {"an icon", "/favicon.ico", "image/vnd.microsoft.icon"},
    {"a font", "a.woff2", "font/woff2"},
    {"text", "/robots.txt", "text/plain" UTF_8},
    {"Markdown", "README.md", "text/markdown" UTF_8},
    {"XML", "/sitemap.xml", "application/xml" UTF_8},
    {"a PDF", "a.pdf", "application/pdf"},
    {"a compressed archive is compressed, not coded", "/a.tar.gz", "application/gzip"},
    {"a video", "a.mp4", "video/mp4"},
    {"a piece of a stream is no script", "a.ts", "video/mp2t"},
    {"the first extension of the table", "a.7z", "application/x-7z-compressed"},
    {"the last extension of the table", "a.zst", "application/zstd"},
    {"an extension in upper case", "/A.HTML", "text/html" UTF_8},
    {"an extension in mixed case", "/a.WebManifest", "application/manifest+json"},
    {"the last dot counts", "/a.html.png", "image/png"},
    {"the last segment counts", "/a.html/b", UNKNOWN},
    {"dots in a directory's name", "/v1.2/a.css", "text/css" UTF_8},
    {"no extension", "/Makefile", UNKNOWN},
    {"an unknown extension", "/a.xyzzy", UNKNOWN},
    {"an extension that begins like a known one", "/a.htmlx", UNKNOWN},
    {"an extension that a known one begins with", "/a.webmanifes", UNKNOWN},
    {"an extension longer than any that is known", "/a.webmanifests", UNKNOWN},
    {"an extension much longer than any that is known", "/a.htmlhtmlhtmlhtmlhtmlhtmlhtmlhtmlhtml", UNKNOWN},
    {"an empty extension", "/a.", UNKNOWN},
    {"a slash behind the dot", "/a.html/", UNKNOWN},
    {"a dot alone", ".", UNKNOWN},
    {"nothing", "", UNKNOWN},
    {"what isn't ASCII", "/a.\xc3\xa4", UNKNOWN},
    {"a byte that is an upper-case letter but for one bit", "/a.[tml", UNKNOWN},
};

static void play(void **state)
{
    const struct row *row = *state;
    struct guard guard;
    guard_open(&guard, ROOM);
    struct slice type = media_type(guard_lay(&guard, slice_of(row->file)));
    assert_string_equal(type.at, row->type);
    assert_int_equal(type.len, strlen(row->type));
    guard_close(&guard);
}

static void the_table_is_sorted_and_names_nothing_twice(void **state)
{
    (void)state;
    assert_true(media_count >= 90);
    for (size_t i = 1; i < media_count; i++)
        assert_true(strcmp(media_table[i - 1].extension, media_table[i].extension) < 0);
}

/* What the table says of an extension is what a file with it gets. */
static void every_extension_is_found(void **state)
{
    (void)state;
    size_t longest = 0;
    for (size_t i = 0; i < media_count; i++) {
        char file[MEDIA_EXTENSION_MAX + 4] = "/a.";
        strcat(file, media_table[i].extension);
        assert_string_equal(media_type(slice_of(file)).at, media_table[i].type);
        for (const char *c = media_table[i].extension; *c != '\0'; c++)
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9'));
        size_t len = strlen(media_table[i].extension);
        longest = len > longest ? len : longest;
    }
    assert_int_equal(longest, MEDIA_EXTENSION_MAX);
}

static void all_text_is_utf_8_and_json_says_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < media_count; i++) {
        const char *type = media_table[i].type;
        if (strncmp(type, "text/", 5) == 0)
            assert_non_null(strstr(type, UTF_8));
        if (strstr(type, "json") != NULL)
            assert_null(strchr(type, ';'));
        assert_non_null(strchr(type, '/'));
    }
}

/* ---- what is worth compressing */

static const struct compresses_row {
    const char *extension;
    bool compresses;
} compressing[] = {
    {"html", true},  {"css", true},     {"js", true},          {"mjs", true},   {"txt", true},   {"md", true},
    {"csv", true},   {"ics", true},     {"vtt", true},         {"srt", true},   {"json", true},  {"map", true},
    {"jsonl", true}, {"geojson", true}, {"webmanifest", true}, {"gltf", true},  {"xml", true},   {"xhtml", true},
    {"svg", true},   {"rss", true},     {"atom", true},        {"gpx", true},   {"mpd", true},   {"m3u8", true},
    {"yaml", true},  {"toml", true},    {"rtf", true},         {"wasm", true},  {"cbor", true},  {"tar", false},
    {"ttf", true},   {"otf", true},     {"eot", true},         {"bmp", true},   {"ico", true},   {"png", false},
    {"apng", false}, {"jpg", false},    {"gif", false},        {"webp", false}, {"avif", false}, {"jxl", false},
    {"woff", false}, {"woff2", false},  {"mp3", false},        {"ogg", false},  {"mp4", false},  {"webm", false},
    {"ts", false},   {"gz", false},     {"tgz", false},        {"zst", false},  {"xz", false},   {"bz2", false},
    {"br", false},   {"zip", false},    {"7z", false},         {"jar", false},  {"docx", false}, {"odt", false},
    {"epub", false}, {"usdz", false},   {"deb", false},        {"rpm", false},  {"apk", false},  {"pdf", false},
    {"bin", false},  {"iso", false},    {"unheard-of", false},
};

/* Beside what lies a text's variant, and beside what nobody looks for one. */
static void what_is_made_like_text_is_worth_compressing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof compressing / sizeof *compressing; i++) {
        char file[32];
        snprintf(file, sizeof file, "/a.%s", compressing[i].extension);
        if (media_compresses(media_type(slice_of(file))) != compressing[i].compresses)
            fail_msg("%s is worth compressing, or isn't", compressing[i].extension);
    }
}

/* The name counts, without its parameters, and all of it. */
static void a_type_is_read_whole_and_without_its_parameters(void **state)
{
    static const struct {
        const char *type;
        bool compresses;
    } types[] = {
        {"text/anything", true},
        {"text/anything; charset=utf-8", true},
        {"application/anything+json", true},
        {"application/anything+xml; charset=utf-8", true},
        {"application/json", true},
        {"application/json; charset=utf-8", true},
        {"application/wasm", true},
        {"application/xml; charset=utf-8", true},
        {"application/octet-stream", false},
        {"application/octet-stream; like=text/plain", false},
        {"application/x-anything; of=application/json", false},
        {"application/json-like", false},
        {"application/jso", false},
        {"application/xml-like", false},
        {"application/anything+xml2", false},
        {"application/anything+jso", false},
        {"image/text/plain", false},
        {"text", false},
        {"", false},
    };
    struct guard guard;
    (void)state;
    guard_open(&guard, ROOM);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (media_compresses(guard_lay(&guard, slice_of(types[i].type))) != types[i].compresses)
            fail_msg("\"%s\" is worth compressing, or isn't", types[i].type);
    guard_close(&guard);
}

/* Whatever is added to the table. */
static void all_text_is_worth_compressing_and_no_sound_nor_film(void **state)
{
    (void)state;
    for (size_t i = 0; i < media_count; i++) {
        const char *type = media_table[i].type;
        bool compresses = media_compresses(slice_of(type));
        if (strstr(type, "text/") == type || strstr(type, "json") != NULL || strstr(type, UTF_8) != NULL)
            assert_true(compresses);
        if (strstr(type, "audio/") == type || strstr(type, "video/") == type || strstr(type, "zip") != NULL)
            assert_false(compresses);
    }
}

enum { ROWS = sizeof rows / sizeof *rows };

int main(void)
{
    struct CMUnitTest played[ROWS];
    for (int i = 0; i < ROWS; i++)
        played[i] = (struct CMUnitTest){rows[i].name, play, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest told[] = {
        cmocka_unit_test(the_table_is_sorted_and_names_nothing_twice),
        cmocka_unit_test(every_extension_is_found),
        cmocka_unit_test(all_text_is_utf_8_and_json_says_nothing),
        cmocka_unit_test(what_is_made_like_text_is_worth_compressing),
        cmocka_unit_test(a_type_is_read_whole_and_without_its_parameters),
        cmocka_unit_test(all_text_is_worth_compressing_and_no_sound_nor_film),
    };
    return cmocka_run_group_tests(played, NULL, NULL) + cmocka_run_group_tests(told, NULL, NULL);
}
