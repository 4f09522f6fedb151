/*
 * The request parser, with what it is made of: target and field.
 *
 * Every row is parsed whole, in every prefix, and with another request behind it, each time laid against a page that
 * can't be read. A good head is PARTIAL in every prefix. The text of a bad one ends with the byte that shows it, so
 * that it too is PARTIAL in every prefix, and refused in the same way whatever follows.
 */
#include "http/request.h"

#include "http/field.h"
#include "http/scan.h"
#include "lib/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }
#define FIRST "GET / HTTP/1.1\r\n"
#define HOST  "Host: a\r\n"
#define POST  "POST / HTTP/1.1\r\n" HOST
#define NEXT  "GET /next HTTP/1.1\r\nHost: next\r\n\r\n"

static const struct request_limits usual = {REQUEST_LINE_MAX, REQUEST_HEAD_MAX, REQUEST_FIELDS_MAX};

enum { ROOM = REQUEST_HEAD_MAX + 4096 };

/* What a good head says. Texts that are left out are "absent"; the path is then "/". */
static const struct good {
    const char *name;
    struct slice head;
    enum request_method method; /* 0: GET */
    const char *path, *query, *host;
    int minor_zero, close, chunked, expect;
    uint64_t length;
    uint32_t repeated;
    const char *range, *if_range, *if_match, *if_none_match, *if_modified_since, *if_unmodified_since;
    const char *accept_encoding, *referer, *user_agent;
} goods[] = {
    {"the shortest of HTTP/1.1", TEXT("GET / HTTP/1.1\r\nHost:a\r\n\r\n"), .host = "a"},
    {"the shortest of HTTP/1.0", TEXT("GET / HTTP/1.0\r\n\r\n"), .minor_zero = 1, .close = 1},
    {"HEAD", TEXT("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"), METHOD_HEAD, "/x", .host = "a"},
    {"methods that are known and not served", TEXT("POST / HTTP/1.1\r\n" HOST "\r\n"), METHOD_OTHER, .host = "a"},
    {"PUT is known", TEXT("PUT / HTTP/1.1\r\n" HOST "\r\n"), METHOD_OTHER, .host = "a"},
    {"DELETE is known", TEXT("DELETE / HTTP/1.1\r\n" HOST "\r\n"), METHOD_OTHER, .host = "a"},
    {"TRACE is known", TEXT("TRACE / HTTP/1.1\r\n" HOST "\r\n"), METHOD_OTHER, .host = "a"},
    {"PATCH is known", TEXT("PATCH / HTTP/1.1\r\n" HOST "\r\n"), METHOD_OTHER, .host = "a"},
    {"OPTIONS", TEXT("OPTIONS / HTTP/1.1\r\n" HOST "\r\n"), METHOD_OPTIONS, .host = "a"},
    {"methods are case-sensitive", TEXT("get / HTTP/1.1\r\n" HOST "\r\n"), METHOD_UNKNOWN, .host = "a"},
    {"a method of all the bytes that tokens have", TEXT("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n" HOST "\r\n"),
     METHOD_UNKNOWN, .host = "a"},
    {"a method that begins like another", TEXT("GETS / HTTP/1.1\r\n" HOST "\r\n"), METHOD_UNKNOWN, .host = "a"},
    {"a higher minor version is served as 1", TEXT("GET / HTTP/1.9\r\n" HOST "\r\n"), .host = "a"},

    {"one empty line before", TEXT("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), .host = "a"},
    {"two empty lines before", TEXT("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), .host = "a"},

    {"a path and a query", TEXT("GET /a/b.html?c=d&e HTTP/1.1\r\n" HOST "\r\n"), .path = "/a/b.html", .query = "?c=d&e",
     .host = "a"},
    {"an empty query", TEXT("GET /a? HTTP/1.1\r\n" HOST "\r\n"), .path = "/a", .query = "?", .host = "a"},
    {"a query with question marks and slashes", TEXT("GET /a?b?c/../d HTTP/1.1\r\n" HOST "\r\n"), .path = "/a",
     .query = "?b?c/../d", .host = "a"},
    {"a path with a colon and slashes at its start", TEXT("GET //a:80/b HTTP/1.1\r\n" HOST "\r\n"), .path = "//a:80/b",
     .host = "a"},
    {"a path stays encoded", TEXT("GET /%2e%2e/%zz HTTP/1.1\r\n" HOST "\r\n"), .path = "/%2e%2e/%zz", .host = "a"},
    {"what browsers send without encoding it", TEXT("GET /\"<>\\^`{|}' HTTP/1.1\r\n" HOST "\r\n"),
     .path = "/\"<>\\^`{|}'", .host = "a"},
    {"the first and the last byte of a target", TEXT("GET /!~ HTTP/1.1\r\n" HOST "\r\n"), .path = "/!~", .host = "a"},
    {"an absolute target's host counts", TEXT("GET http://b:81/x?y HTTP/1.1\r\n" HOST "\r\n"), .path = "/x",
     .query = "?y", .host = "b:81"},
    {"an absolute target without a path", TEXT("GET http://b HTTP/1.1\r\n" HOST "\r\n"), .host = "b"},
    {"an absolute target with a query and no path", TEXT("GET http://b?x HTTP/1.1\r\n" HOST "\r\n"), .query = "?x",
     .host = "b"},
    {"a scheme in any case", TEXT("GET hTTP://b/ HTTP/1.1\r\n" HOST "\r\n"), .host = "b"},
    {"an absolute target in HTTP/1.0", TEXT("GET http://b/ HTTP/1.0\r\n\r\n"), .host = "b", .minor_zero = 1,
     .close = 1},
    {"an asterisk for OPTIONS", TEXT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), METHOD_OPTIONS, "", .host = "a"},
    {"an authority for CONNECT", TEXT("CONNECT b:443 HTTP/1.1\r\n" HOST "\r\n"), METHOD_OTHER, "", .host = "b:443"},

    {"a host with a port", TEXT(FIRST "Host: www.example.com:8080\r\n\r\n"), .host = "www.example.com:8080"},
    {"a host with an empty port", TEXT(FIRST "Host: a:\r\n\r\n"), .host = "a:"},
    {"a host that is an IPv6 address", TEXT(FIRST "Host: [2001:db8::1]:80\r\n\r\n"), .host = "[2001:db8::1]:80"},
    {"a host with odd bytes that names may have", TEXT(FIRST "Host: A-b_c.~!$&'()*+,;=%41\r\n\r\n"),
     .host = "A-b_c.~!$&'()*+,;=%41"},
    {"an empty Host in HTTP/1.0", TEXT("GET / HTTP/1.0\r\nHost:\r\n\r\n"), .host = "", .minor_zero = 1, .close = 1},

    {"names in any case, blanks around values", TEXT(FIRST "hOsT: \t a \t \r\nuser-AGENT:b\r\n\r\n"), .host = "a",
     .user_agent = "b"},
    {"an empty value", TEXT(FIRST HOST "X:\r\nReferer: \t\r\n\r\n"), .host = "a", .referer = ""},
    {"blanks inside a value, and bytes beyond ASCII", TEXT(FIRST HOST "User-Agent: a \t b\xc3\xa4\x80\xff\r\n\r\n"),
     .host = "a", .user_agent = "a \t b\xc3\xa4\x80\xff"},
    {"a tab in each of eight places",
     TEXT(FIRST HOST "Referer: \ta\tbc\tdef\tghij\tklmno\tpqrstu\tvwxyz01\t23456789\t\r\n\r\n"), .host = "a",
     .referer = "a\tbc\tdef\tghij\tklmno\tpqrstu\tvwxyz01\t23456789"},
    {"a name of all the bytes that tokens have", TEXT(FIRST HOST "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"), .host = "a"},
    {"names that are nearly known",
     TEXT(FIRST HOST "Hosts: x/y\r\nHos: /\r\nRange2: x\r\nContent_Length: x\r\nTransfer_Encoding: x\r\n\r\n"),
     .host = "a"},
    {"everything that is kept",
     TEXT(FIRST HOST "Range: r\r\nIf-Range: ir\r\nIf-Match: im\r\nIf-None-Match: inm\r\nIf-Modified-Since: ims\r\n"
                     "If-Unmodified-Since: ius\r\nAccept-Encoding: ae\r\nReferer: re\r\nUser-Agent: ua\r\n\r\n"),
     .host = "a", .range = "r", .if_range = "ir", .if_match = "im", .if_none_match = "inm", .if_modified_since = "ims",
     .if_unmodified_since = "ius", .accept_encoding = "ae", .referer = "re", .user_agent = "ua"},
    {"fields that came twice are told, and the last one counts",
     TEXT(FIRST HOST "Range: 1\r\nIf-Range: 1\r\nIf-Match: 1\r\nIf-None-Match: 1\r\nRange: 2\r\nIf-Range: 2\r\n"
                     "If-Match: 2\r\nIf-None-Match: 2\r\nReferer: 1\r\nReferer: 2\r\n\r\n"),
     .host = "a", .range = "2", .if_range = "2", .if_match = "2", .if_none_match = "2", .referer = "2",
     .repeated = REPEATED_RANGE | REPEATED_IF_RANGE | REPEATED_IF_MATCH | REPEATED_IF_NONE_MATCH},
    {"and these too",
     TEXT(FIRST HOST "If-Modified-Since:\r\nIf-Unmodified-Since:\r\nAccept-Encoding:\r\nIf-Modified-Since: 2\r\n"
                     "If-Unmodified-Since: 2\r\nAccept-Encoding: 2\r\n\r\n"),
     .host = "a", .if_modified_since = "2", .if_unmodified_since = "2", .accept_encoding = "2",
     .repeated = REPEATED_IF_MODIFIED_SINCE | REPEATED_IF_UNMODIFIED_SINCE | REPEATED_ACCEPT_ENCODING},

    {"HTTP/1.1 says close", TEXT(FIRST HOST "Connection: close\r\n\r\n"), .host = "a", .close = 1},
    {"in any case, in a list", TEXT(FIRST HOST "Connection: x, CLOSE,y\r\n\r\n"), .host = "a", .close = 1},
    {"HTTP/1.0 says keep-alive", TEXT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), .minor_zero = 1},
    {"close outweighs keep-alive", TEXT(FIRST HOST "Connection: close\r\nConnection: keep-alive\r\n\r\n"), .host = "a",
     .close = 1},
    {"keep-alive doesn't outweigh close in HTTP/1.0", TEXT("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
     .minor_zero = 1, .close = 1},
    {"an option that only begins like close", TEXT(FIRST HOST "Connection: closed\r\n\r\n"), .host = "a"},

    {"a length", TEXT(POST "Content-Length: 1234\r\n\r\n"), METHOD_OTHER, .host = "a", .length = 1234},
    {"a length with blanks around it", TEXT(POST "Content-Length: \t7 \r\n\r\n"), METHOD_OTHER, .host = "a",
     .length = 7},
    {"a length of nothing", TEXT(POST "Content-Length: 0\r\n\r\n"), METHOD_OTHER, .host = "a"},
    {"the largest length", TEXT(POST "Content-Length: 9223372036854775807\r\n\r\n"), METHOD_OTHER, .host = "a",
     .length = INT64_MAX},
    {"a length in HTTP/1.0", TEXT("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n"), METHOD_OTHER, .minor_zero = 1,
     .close = 1, .length = 5},
    {"chunked", TEXT(POST "Transfer-Encoding: chunked\r\n\r\n"), METHOD_OTHER, .host = "a", .chunked = 1},
    {"chunked in any case", TEXT(POST "transfer-encoding:\tChunKED \r\n\r\n"), METHOD_OTHER, .host = "a", .chunked = 1},
    {"an expectation", TEXT(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"), METHOD_OTHER, .host = "a",
     .expect = 1, .length = 1},
    {"an expectation in HTTP/1.0 is ignored", TEXT("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), .minor_zero = 1,
     .close = 1},

    {"as curl sends it",
     TEXT("GET /a HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"), .path = "/a",
     .host = "localhost:8080", .user_agent = "curl/7.88.1"},
    {"as ab sends it",
     TEXT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\nUser-Agent: ab\r\nAccept: */*\r\n\r\n"), .host = "a",
     .minor_zero = 1, .user_agent = "ab"},
};

static const struct bad {
    const char *name;
    int status;
    struct slice head; /* up to the byte that shows it */
} bads[] = {
    {"a TLS client's first byte", 400, TEXT("\x16")},
    {"a NUL", 400, TEXT("\0")},
    {"a bare LF before the request line", 400, TEXT("\n")},
    {"a bare CR before the request line", 400, TEXT("\rG")},
    {"three empty lines before the request line", 400, TEXT("\r\n\r\n\r")},
    {"a space before the method", 400, TEXT(" ")},
    {"a method with a byte that tokens can't have", 400, TEXT("GE(")},
    {"a tab behind the method", 400, TEXT("GET\t")},
    {"a method and nothing else", 400, TEXT("GET\r")},
    {"two spaces behind the method", 400, TEXT("GET  ")},
    {"a target with a tab", 400, TEXT("GET /\t")},
    {"a target with a NUL", 400, TEXT("GET /\0")},
    {"a target with DEL", 400, TEXT("GET /abcdefghijk\x7f")},
    {"a target with a byte beyond ASCII", 400, TEXT("GET /abcdefghijk\x80")},
    {"a target with a fragment", 400, TEXT("GET /a?b#")},
    {"a target with a bare LF", 400, TEXT("GET /\n")},
    {"a request of HTTP/0.9", 400, TEXT("GET /\r")},
    {"two spaces behind the target", 400, TEXT("GET /  ")},
    {"a space in the target", 400, TEXT("GET /a b")},
    {"a version in lower case", 400, TEXT("GET / h")},
    {"a version of another protocol", 400, TEXT("GET / HTTPS")},
    {"a version without a dot", 400, TEXT("GET / HTTP/11")},
    {"a version with a comma", 400, TEXT("GET / HTTP/1,")},
    {"a version with a letter", 400, TEXT("GET / HTTP/1.x")},
    {"a minor version of two digits", 400, TEXT("GET / HTTP/1.10")},
    {"a major version of two digits", 400, TEXT("GET / HTTP/10")},
    {"a space behind the version", 400, TEXT("GET / HTTP/1.1 ")},
    {"a bare LF behind the version", 400, TEXT("GET / HTTP/1.1\n")},
    {"a bare CR behind the version", 400, TEXT("GET / HTTP/1.1\rH")},
    {"HTTP/2.0", 505, TEXT("GET / HTTP/2.0\r\n")},
    {"HTTP/2's preface", 505, TEXT("PRI * HTTP/2.0\r\n")},
    {"HTTP/0.9 by name", 505, TEXT("GET / HTTP/0.9\r\n")},
    {"HTTP/3.0", 505, TEXT("GET / HTTP/3.0\r\n")},
    {"HTTP/9.9", 505, TEXT("GET / HTTP/9.9\r\n")},

    {"a target that is no path", 400, TEXT("GET index.html HTTP/1.1\r\n")},
    {"an asterisk for GET", 400, TEXT("GET * HTTP/1.1\r\n")},
    {"an asterisk and more", 400, TEXT("OPTIONS ** HTTP/1.1\r\n")},
    {"an authority for GET", 400, TEXT("GET a:80 HTTP/1.1\r\n")},
    {"a path for CONNECT", 400, TEXT("CONNECT / HTTP/1.1\r\n")},
    {"an authority without a port for CONNECT", 400, TEXT("CONNECT a HTTP/1.1\r\n")},
    {"an authority with an empty port for CONNECT", 400, TEXT("CONNECT a: HTTP/1.1\r\n")},
    {"an absolute target for CONNECT", 400, TEXT("CONNECT http://a:80 HTTP/1.1\r\n")},
    {"another scheme", 400, TEXT("GET ftp://a/ HTTP/1.1\r\n")},
    {"a scheme that is not spoken here", 421, TEXT("GET https://a/ HTTP/1.1\r\n")},
    {"the same in any case", 421, TEXT("GET hTTPs://a/ HTTP/1.1\r\n")},
    {"a scheme with one slash", 400, TEXT("GET http:/a/ HTTP/1.1\r\n")},
    {"an absolute target without a host", 400, TEXT("GET http:///x HTTP/1.1\r\n")},
    {"an absolute target with a port alone", 400, TEXT("GET http://:80/x HTTP/1.1\r\n")},
    {"an absolute target with user information", 400, TEXT("GET http://me@a/x HTTP/1.1\r\n")},
    {"an absolute target with a bad port", 400, TEXT("GET http://a:8o/x HTTP/1.1\r\n")},
    {"an absolute target without Host", 400, TEXT("GET http://a/ HTTP/1.1\r\n\r\n")},

    {"a bare LF at the end of a field", 400, TEXT(FIRST "Host: a\n")},
    {"a bare CR in a value", 400, TEXT(FIRST "Host: a\rX")},
    {"two CRs", 400, TEXT(FIRST "Host: a\r\r")},
    {"a bare LF for the end", 400, TEXT(FIRST HOST "\n")},
    {"a bare CR for the end", 400, TEXT(FIRST HOST "\rX")},
    {"a NUL in a value", 400, TEXT(FIRST HOST "X: abcdefghijk\0")},
    {"a control byte in a value", 400, TEXT(FIRST HOST "X: abcdefghijk\x1f")},
    {"a vertical tab in a value", 400, TEXT(FIRST HOST "X: chunked\v")},
    {"DEL in a value", 400, TEXT(FIRST HOST "X: abcdefghijk\x7f")},
    {"a tab and a control byte in eight bytes", 400, TEXT(FIRST HOST "X: \tabc\x01")},
    {"a space before the colon", 400, TEXT(FIRST "Host ")},
    {"a tab before the colon", 400, TEXT(FIRST "Host\t")},
    {"a folded field", 400, TEXT(FIRST HOST "X: a\r\n ")},
    {"a field folded with a tab", 400, TEXT(FIRST HOST "X: a\r\n\t")},
    {"a space before the first field", 400, TEXT(FIRST " ")},
    {"a field without a colon", 400, TEXT(FIRST HOST "X\r")},
    {"a field without a name", 400, TEXT(FIRST ":")},
    {"a name with a byte beyond ASCII", 400, TEXT(FIRST "X\xe4")},
    {"a name with a quote", 400, TEXT(FIRST "\"")},
    {"a name with a slash", 400, TEXT(FIRST "X/")},
    {"a name with a NUL", 400, TEXT(FIRST "Host\0")},

    {"no Host", 400, TEXT(FIRST "\r\n")},
    {"an empty Host", 400, TEXT(FIRST "Host:\r\n")},
    {"two Hosts", 400, TEXT(FIRST "Host: a\r\nHost: a\r\n")},
    {"two Hosts in HTTP/1.0", 400, TEXT("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n")},
    {"two Hosts in HTTP/1.0, the first one empty", 400, TEXT("GET / HTTP/1.0\r\nHost:\r\nHost: a\r\n")},
    {"a malformed Host in HTTP/1.0", 400, TEXT("GET / HTTP/1.0\r\nHost: a b\r\n")},
    {"a malformed Host beside an absolute target", 400, TEXT("GET http://a/ HTTP/1.1\r\nHost: a/b\r\n")},
    {"a Host with a path", 400, TEXT(FIRST "Host: a/b\r\n")},
    {"a Host with user information", 400, TEXT(FIRST "Host: me@a\r\n")},
    {"a Host that is a list", 400, TEXT(FIRST "Host: a, b\r\n")},

    {"two lengths that agree", 400, TEXT(POST "Content-Length: 5\r\nContent-Length: 5\r\n")},
    {"two lengths of zero", 400, TEXT(POST "Content-Length: 0\r\nContent-Length: 0\r\n")},
    {"two lengths that don't agree", 400, TEXT(POST "Content-Length: 5\r\ncontent-length: 6\r\n")},
    {"a list of lengths", 400, TEXT(POST "Content-Length: 5, 5\r\n")},
    {"a length with a comma", 400, TEXT(POST "Content-Length: 5,\r\n")},
    {"a length with a plus", 400, TEXT(POST "Content-Length: +5\r\n")},
    {"a length with a minus", 400, TEXT(POST "Content-Length: -0\r\n")},
    {"an empty length", 400, TEXT(POST "Content-Length:\r\n")},
    {"a length with a zero before it", 400, TEXT(POST "Content-Length: 010\r\n")},
    {"two zeros for a length", 400, TEXT(POST "Content-Length: 00\r\n")},
    {"two types", 400, TEXT(POST "Content-Type: a/b\r\ncontent-type: a/b\r\n")},
    {"a length in hexadecimal", 400, TEXT(POST "Content-Length: 0x5\r\n")},
    {"a length with an underscore", 400, TEXT(POST "Content-Length: 1_0\r\n")},
    {"a length with a space in it", 400, TEXT(POST "Content-Length: 1 0\r\n")},
    {"a length with a fraction", 400, TEXT(POST "Content-Length: 1.0\r\n")},
    {"a length with an exponent", 400, TEXT(POST "Content-Length: 1e3\r\n")},
    {"a length with digits beyond ASCII", 400, TEXT(POST "Content-Length: \xd9\xa5\r\n")},
    {"a length of 2^63", 400, TEXT(POST "Content-Length: 9223372036854775808\r\n")},
    {"a length of 2^64", 400, TEXT(POST "Content-Length: 18446744073709551616\r\n")},
    {"a length of 2^64 + 5", 400, TEXT(POST "Content-Length: 18446744073709551621\r\n")},
    {"a length of forty digits", 400, TEXT(POST "Content-Length: 1000000000000000000000000000000000000005\r\n")},
    {"a length before chunked", 400, TEXT(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
    {"a length behind chunked", 400, TEXT(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
    {"a length of zero beside chunked", 400, TEXT(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n")},
    {"a length beside a coding that isn't known", 400, TEXT(POST "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n")},
    {"chunked twice", 400, TEXT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
    {"chunked twice in one field", 400, TEXT(POST "Transfer-Encoding: chunked, chunked\r\n")},
    {"chunked and then another", 400, TEXT(POST "Transfer-Encoding: chunked, gzip\r\n")},
    {"chunked in HTTP/1.0", 400, TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n")},
    {"another coding in HTTP/1.0", 400, TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n")},
    {"an empty coding", 400, TEXT(POST "Transfer-Encoding:\r\n")},
    {"chunked behind a comma", 400, TEXT(POST "Transfer-Encoding: ,chunked\r\n")},
    {"chunked before a comma", 400, TEXT(POST "Transfer-Encoding: chunked,\r\n")},
    {"chunked in quotes", 400, TEXT(POST "Transfer-Encoding: \"chunked\"\r\n")},
    {"chunked with a byte beyond ASCII", 400, TEXT(POST "Transfer-Encoding: chunked\xa0\r\n")},
    {"gzip before chunked", 501, TEXT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n")},
    {"gzip with a parameter before chunked", 501, TEXT(POST "Transfer-Encoding: gzip;a=b, chunked\r\n\r\n")},
    {"gzip alone", 501, TEXT(POST "Transfer-Encoding: gzip\r\n\r\n")},
    {"identity", 501, TEXT(POST "Transfer-Encoding: identity\r\n\r\n")},
    {"a coding that begins like chunked", 501, TEXT(POST "Transfer-Encoding: chunkedx\r\n\r\n")},
    {"a coding that ends like chunked", 501, TEXT(POST "Transfer-Encoding: xchunked\r\n\r\n")},
    {"chunked with a parameter", 400, TEXT(POST "Transfer-Encoding: chunked;a=b\r\n")},
    {"chunked with a parameter behind a space", 400, TEXT(POST "Transfer-Encoding: gzip, Chunked ;a=b\r\n")},
    {"gzip, and chunked in a line of its own", 400,
     TEXT(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")},
    {"gzip and a length", 400, TEXT(POST "Transfer-Encoding: gzip\r\nContent-Length: 1\r\n")},
    {"a length and gzip", 400, TEXT(POST "Content-Length: 1\r\nTransfer-Encoding: gzip\r\n")},
    {"an expectation that nobody knows", 417, TEXT(FIRST HOST "Expect: miracles\r\n")},
    {"a list of expectations", 417, TEXT(FIRST HOST "Expect: 100-continue, 100-continue\r\n")},
    {"an empty expectation", 417, TEXT(FIRST HOST "Expect:\r\n")},
    {"an unknown expectation in HTTP/1.0", 417, TEXT("GET / HTTP/1.0\r\nExpect: miracles\r\n")},
};

enum { GOODS = sizeof goods / sizeof *goods, BADS = sizeof bads / sizeof *bads };

static enum request_result parse(struct slice bytes, struct request *request, size_t *length, int *status)
{
    return request_parse(bytes, &usual, request, length, status);
}

static void assert_partial_prefixes(const struct guard *guard, struct slice head)
{
    for (size_t len = 0; len < head.len; len++) {
        struct request request;
        size_t length;
        int status = 0;
        enum request_result result = parse(guard_lay(guard, (struct slice){head.at, len}), &request, &length, &status);
        if (result != REQUEST_PARTIAL)
            fail_msg("%zu bytes of %zu: result %d, status %d", len, head.len, result, status);
        assert_null(request.fields.at);
    }
}

static struct slice join(struct slice a, struct slice b, char *room)
{
    memcpy(room, a.at, a.len);
    memcpy(room + a.len, b.at, b.len);
    return (struct slice){room, a.len + b.len};
}

static void assert_text(struct slice slice, const char *expected)
{
    if (expected == NULL) {
        assert_null(slice.at);
        assert_int_equal(slice.len, 0);
        return;
    }
    assert_int_equal(slice.len, strlen(expected));
    assert_memory_equal(slice.at == NULL ? "" : slice.at, expected, slice.len);
}

static void assert_kept(const struct request *request, const struct good *good)
{
    assert_text(request->range, good->range);
    assert_text(request->if_range, good->if_range);
    assert_text(request->if_match, good->if_match);
    assert_text(request->if_none_match, good->if_none_match);
    assert_text(request->if_modified_since, good->if_modified_since);
    assert_text(request->if_unmodified_since, good->if_unmodified_since);
    assert_text(request->accept_encoding, good->accept_encoding);
    assert_text(request->referer, good->referer);
    assert_text(request->user_agent, good->user_agent);
    assert_int_equal(request->repeated, good->repeated);
}

/* The line and the target are the first bytes of the head that aren't line ends. */
static void assert_line(const struct request *request, struct slice head)
{
    while (*head.at == '\r' || *head.at == '\n')
        head.at++;
    const char *target = strchr(head.at, ' ') + 1;
    assert_int_equal(request->line.len, strcspn(head.at, "\r"));
    assert_memory_equal(request->line.at, head.at, request->line.len);
    assert_int_equal(request->target.len, strcspn(target, " "));
    assert_memory_equal(request->target.at, target, request->target.len);
}

/* The fields are all that stands between the request line and the empty line. */
static void assert_fields(const struct request *request, struct slice head)
{
    size_t behind = strlen("\r\n"), length = (size_t)(request->line.at - head.at) + request->line.len + behind;
    assert_ptr_equal(request->fields.at, head.at + length);
    assert_int_equal(request->fields.len, head.len - length - behind);
}

static void assert_request(const struct request *request, const struct good *good)
{
    assert_int_equal(request->method, good->method == 0 ? METHOD_GET : good->method);
    assert_int_equal(request->minor, !good->minor_zero);
    assert_line(request, good->head);
    assert_text(request->path, good->path == NULL ? "/" : *good->path == '\0' ? NULL : good->path);
    assert_text(request->query, good->query);
    assert_text(request->host, good->host);
    assert_int_equal(request->keep_alive, !good->close);
    assert_int_equal(request->chunked, good->chunked);
    assert_int_equal(request->expect_continue, good->expect);
    assert_int_equal(request->content_length, good->length);
    assert_kept(request, good);
}

static void assert_complete(struct slice bytes, const struct good *good)
{
    struct request request;
    size_t length = 0;
    int status = 0;
    assert_int_equal(parse(bytes, &request, &length, &status), REQUEST_COMPLETE);
    assert_int_equal(length, good->head.len);
    assert_request(&request, good);
    assert_fields(&request, (struct slice){bytes.at, length});
}

static void play_good(void **state)
{
    const struct good *good = *state;
    struct guard guard;
    char room[ROOM];
    guard_open(&guard, ROOM);
    assert_partial_prefixes(&guard, good->head);
    assert_complete(guard_lay(&guard, good->head), good);
    struct slice both = join(good->head, SLICE(NEXT), room);
    for (size_t len = good->head.len; len <= both.len; len++)
        assert_complete(guard_lay(&guard, (struct slice){both.at, len}), good);
    guard_close(&guard);
}

static void assert_refused(struct slice bytes, const struct request_limits *limits, int expected)
{
    struct request request;
    size_t length;
    int status = 0;
    assert_int_equal(request_parse(bytes, limits, &request, &length, &status), REQUEST_INVALID);
    assert_int_equal(status, expected);
    assert_true(request.line.len <= limits->line_max);
    assert_true(request.target.len <= request.line.len);
}

static void play_bad(void **state)
{
    const struct bad *bad = *state;
    struct guard guard;
    char room[ROOM];
    guard_open(&guard, ROOM);
    assert_partial_prefixes(&guard, bad->head);
    struct slice more = join(bad->head, SLICE(" HTTP/1.1\r\nHost: a\r\n\r\n" NEXT), room);
    for (size_t len = bad->head.len; len <= more.len; len++)
        assert_refused(guard_lay(&guard, (struct slice){more.at, len}), &usual, bad->status);
    guard_close(&guard);
}

/* Limits, each played with a head that reaches it exactly and one that exceeds it. */

static const struct limit {
    const char *name;
    struct request_limits limits;
    int status; /* 0: complete */
    struct slice head;
} limits[] = {
    {"a request line of exactly the limit", {18, 99, 9}, 0, TEXT("GET /5678 HTTP/1.1\r\n" HOST "\r\n")},
    {"a request line of one byte more", {17, 99, 9}, 414, TEXT("GET /5678 HTTP/1.")},
    {"empty lines don't count as the request line", {18, 99, 9}, 0, TEXT("\r\n\r\nGET /5678 HTTP/1.1\r\n" HOST "\r\n")},
    {"a target without an end", {17, 99, 9}, 414, TEXT("GET /678901234567")},
    {"a method without an end", {17, 99, 9}, 400, TEXT("GGGGGGGGGGGGGGGGG")},
    {"a line that is wrong before it is too long", {17, 99, 9}, 400, TEXT("GET /67890123456#")},
    {"a head of exactly the limit", {99, 27, 9}, 0, TEXT(FIRST HOST "\r\n")},
    {"a head of one byte more", {99, 26, 9}, 431, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r")},
    {"a head of much more", {99, 26, 9}, 431, TEXT("GET / HTTP/1.1\r\nHost: abcd")},
    {"empty lines count as the head", {99, 30, 9}, 431, TEXT("\r\n\r\n" FIRST HOST "\r")},
    {"a field that is wrong before the head is too large", {99, 26, 9}, 400, TEXT(FIRST HOST "(")},
    {"fields of exactly the limit", {99, 99, 3}, 0, TEXT(FIRST HOST "X: 2\r\nX: 3\r\n\r\n")},
    {"one field more", {99, 99, 2}, 431, TEXT(FIRST HOST "X: 2\r\nX")},
};

enum { LIMITS = sizeof limits / sizeof *limits };

static void play_limit(void **state)
{
    const struct limit *row = *state;
    struct guard guard;
    struct request request;
    size_t length = 0;
    int status = 0;
    guard_open(&guard, ROOM);
    for (size_t len = 0; len < row->head.len; len++)
        assert_int_equal(request_parse(guard_lay(&guard, (struct slice){row->head.at, len}), &row->limits, &request,
                                       &length, &status),
                         REQUEST_PARTIAL);
    struct slice whole = guard_lay(&guard, row->head);
    if (row->status != 0) {
        assert_refused(whole, &row->limits, row->status);
    } else {
        assert_int_equal(request_parse(whole, &row->limits, &request, &length, &status), REQUEST_COMPLETE);
        assert_int_equal(length, row->head.len);
    }
    guard_close(&guard);
}

/* `count` fields of one byte behind a good beginning. */
static struct slice many_fields(char *room, int count)
{
    size_t len = (size_t)sprintf(room, FIRST HOST);
    for (int i = 1; i < count; i++)
        len += (size_t)sprintf(room + len, "X:\r\n");
    len += (size_t)sprintf(room + len, "\r\n");
    return (struct slice){room, len};
}

static void a_hundred_fields_are_read_and_one_more_is_not(void **state)
{
    (void)state;
    char room[ROOM];
    struct request request;
    size_t length;
    int status;
    struct slice head = many_fields(room, REQUEST_FIELDS_MAX);
    assert_int_equal(parse(head, &request, &length, &status), REQUEST_COMPLETE);
    assert_int_equal(length, head.len);
    assert_refused(many_fields(room, REQUEST_FIELDS_MAX + 1), &usual, 431);
}

static void a_refused_line_is_told_as_far_as_it_was_read(void **state)
{
    (void)state;
    struct request request;
    size_t length;
    int status;
    assert_int_equal(parse(SLICE("GET /a\x01 HTTP/1.1\r\n"), &request, &length, &status), REQUEST_INVALID);
    assert_text(request.line, "GET /a");
    assert_text(request.target, "/a");
    assert_int_equal(parse(SLICE("HEAD /b HTTP/3.0\r\n"), &request, &length, &status), REQUEST_INVALID);
    assert_text(request.line, "HEAD /b HTTP/3.0");
    assert_text(request.target, "/b");
    assert_int_equal(request.method, METHOD_HEAD);
}

/* Each byte in each kind of place: refused exactly where the grammar has no room for it. */

static bool is_allowed(const char *before, char byte, const char *behind)
{
    char head[128] = "";
    struct request request;
    size_t length;
    int status;
    size_t len = (size_t)sprintf(head, "%s", before);
    head[len++] = byte;
    len += (size_t)sprintf(head + len, "%s", behind);
    return parse((struct slice){head, len}, &request, &length, &status) == REQUEST_COMPLETE;
}

static void every_byte_in_every_place(void **state)
{
    (void)state;
    static const char tokens[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < 256; i++) {
        bool token = i != 0 && strchr(tokens, i) != NULL, visible = i > 0x20 && i < 0x7f;
        assert_int_equal(is_allowed("G", (char)i, "T / HTTP/1.1\r\n" HOST "\r\n"), token);
        assert_int_equal(is_allowed(FIRST HOST "X", (char)i, "Y: z\r\n\r\n"), token || i == ':');
        assert_int_equal(is_allowed("GET /", (char)i, " HTTP/1.1\r\n" HOST "\r\n"), visible && i != '#');
        assert_int_equal(is_allowed("GET /12345678", (char)i, "12345678 HTTP/1.1\r\n" HOST "\r\n"),
                         visible && i != '#');
        assert_int_equal(is_allowed(FIRST HOST "X: a", (char)i, "b\r\n\r\n"),
                         visible || i >= 0x80 || i == ' ' || i == '\t');
        assert_int_equal(is_allowed(FIRST HOST "X: 1234567", (char)i, "12345678\r\n\r\n"),
                         visible || i >= 0x80 || i == ' ' || i == '\t');
    }
}

/* Heads, and what field_next() finds in them: a name and a value in brackets each. */
static const struct list {
    const char *name;
    struct slice head;
    const char *fields;
} lists[] = {
    {"a head without fields", TEXT("GET / HTTP/1.0\r\n\r\n"), ""},
    {"one field", TEXT(FIRST HOST "\r\n"), "[Host][a]"},
    {"known and unknown ones in their order", TEXT(FIRST "X: 1\r\n" HOST "Range: r\r\nY: 2\r\n\r\n"),
     "[X][1][Host][a][Range][r][Y][2]"},
    {"a name that comes again", TEXT(FIRST HOST "X: 1\r\nx: 2\r\nX: 3\r\n\r\n"), "[Host][a][X][1][x][2][X][3]"},
    {"blanks around values, and in them", TEXT(FIRST "Host:a\r\nX: \t b \t c \t \r\n\r\n"), "[Host][a][X][b \t c]"},
    {"empty values", TEXT(FIRST HOST "X:\r\nY: \t \r\nZ: \r\n\r\n"), "[Host][a][X][][Y][][Z][]"},
    {"colons and bytes beyond ASCII in values", TEXT(FIRST HOST "X: a:b: c\r\nY::\r\nZ:\xff\r\n\r\n"),
     "[Host][a][X][a:b: c][Y][:][Z][\xff]"},
    {"empty lines before", TEXT("\r\n\r\n" FIRST HOST "\r\n"), "[Host][a]"},
};

enum { LISTS = sizeof lists / sizeof *lists };

static void play_list(void **state)
{
    const struct list *list = *state;
    struct request request;
    struct slice name, value;
    struct guard guard;
    size_t length, len = 0;
    int status;
    char room[ROOM];
    guard_open(&guard, ROOM);
    assert_int_equal(parse(guard_lay(&guard, list->head), &request, &length, &status), REQUEST_COMPLETE);
    for (struct slice lines = request.fields; field_next(&lines, &name, &value);)
        len += (size_t)snprintf(room + len, sizeof room - len, "[%.*s][%.*s]", (int)name.len, name.at, (int)value.len,
                                value.at);
    assert_text((struct slice){room, len}, list->fields);
    guard_close(&guard);
}

/* Words that are compared without regard to case, where another byte in any place makes another word. */
static const struct word {
    const char *before, *word, *behind;
    enum scan_class class; /* of the bytes that it might have instead */
} words[] = {
    {"", "host", ": b", SCAN_TOKEN},
    {"", "range", ": r", SCAN_TOKEN},
    {"", "expect", ": 100-continue", SCAN_TOKEN},
    {"", "referer", ": r", SCAN_TOKEN},
    {"", "if-range", ": r", SCAN_TOKEN},
    {"", "if-match", ": m", SCAN_TOKEN},
    {"", "connection", ": close", SCAN_TOKEN},
    {"", "user-agent", ": u", SCAN_TOKEN},
    {"", "if-none-match", ": m", SCAN_TOKEN},
    {"", "content-length", ": 1", SCAN_TOKEN},
    {"", "accept-encoding", ": a", SCAN_TOKEN},
    {"", "if-modified-since", ": s", SCAN_TOKEN},
    {"", "transfer-encoding", ": chunked", SCAN_TOKEN},
    {"", "if-unmodified-since", ": s", SCAN_TOKEN},
    {"Connection: ", "close", "", SCAN_VALUE},
    {"Expect: ", "100-continue", "", SCAN_VALUE},
    {"Transfer-Encoding: ", "chunked", "", SCAN_VALUE},
};

/* What a head came to, as far as one of the words alone can make the difference. */
struct sense {
    int status;
    bool keep_alive, chunked, expect;
    uint64_t length;
    bool kept[9];
};

static struct sense make_sense(const struct guard *guard, const struct word *word, const char *spelling)
{
    char text[128];
    struct request r;
    size_t length;
    struct sense sense = {0};
    int len = snprintf(text, sizeof text, FIRST HOST "%s%s%s\r\n\r\n", word->before, spelling, word->behind);
    parse(guard_lay(guard, (struct slice){text, (size_t)len}), &r, &length, &sense.status);
    const struct slice kept[] = {r.range,           r.if_range,          r.if_match,
                                 r.if_none_match,   r.if_modified_since, r.if_unmodified_since,
                                 r.accept_encoding, r.referer,           r.user_agent};
    sense.keep_alive = r.keep_alive;
    sense.chunked = r.chunked;
    sense.expect = r.expect_continue;
    sense.length = r.content_length;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        sense.kept[i] = kept[i].at != NULL;
    return sense;
}

static bool is_same_sense(const struct sense *a, const struct sense *b)
{
    return a->status == b->status && a->keep_alive == b->keep_alive && a->chunked == b->chunked &&
           a->expect == b->expect && a->length == b->length && memcmp(a->kept, b->kept, sizeof a->kept) == 0;
}

static void another_byte_in_any_place_of_a_word_makes_another_word(void **state)
{
    (void)state;
    struct guard guard;
    guard_open(&guard, ROOM);
    for (const struct word *word = words; word < words + sizeof words / sizeof *words; word++) {
        const struct sense known = make_sense(&guard, word, word->word);
        for (size_t place = 0; word->word[place] != '\0'; place++) {
            char spelling[32];
            strcpy(spelling, word->word);
            for (int byte = 1; byte < 256; byte++) {
                spelling[place] = (char)byte;
                const struct sense sense = make_sense(&guard, word, spelling);
                if (scan_is((char)byte, word->class) &&
                    is_same_sense(&sense, &known) != (strcasecmp(spelling, word->word) == 0))
                    fail_msg("%s%s%s", word->before, spelling, word->behind);
            }
        }
    }
    guard_close(&guard);
}

static struct CMUnitTest test(const char *name, CMUnitTestFunction play, const void *row)
{
    return (struct CMUnitTest){name, play, NULL, NULL, (void *)(uintptr_t)row};
}

int main(void)
{
    struct CMUnitTest good[GOODS], bad[BADS], limit[LIMITS], fields[LISTS];
    for (int i = 0; i < GOODS; i++)
        good[i] = test(goods[i].name, play_good, &goods[i]);
    for (int i = 0; i < BADS; i++)
        bad[i] = test(bads[i].name, play_bad, &bads[i]);
    for (int i = 0; i < LIMITS; i++)
        limit[i] = test(limits[i].name, play_limit, &limits[i]);
    for (int i = 0; i < LISTS; i++)
        fields[i] = test(lists[i].name, play_list, &lists[i]);
    const struct CMUnitTest told[] = {
        cmocka_unit_test(another_byte_in_any_place_of_a_word_makes_another_word),
        cmocka_unit_test(a_hundred_fields_are_read_and_one_more_is_not),
        cmocka_unit_test(a_refused_line_is_told_as_far_as_it_was_read),
        cmocka_unit_test(every_byte_in_every_place),
    };
    return cmocka_run_group_tests(good, NULL, NULL) + cmocka_run_group_tests(bad, NULL, NULL) +
           cmocka_run_group_tests(limit, NULL, NULL) + cmocka_run_group_tests(fields, NULL, NULL) +
           cmocka_run_group_tests(told, NULL, NULL);
}
