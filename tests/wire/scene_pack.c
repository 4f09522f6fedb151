/*
 * scenes of packing: sidecars are made where they are of use, are what they should be, and appear whole or not at all.
 *
 * What needs the programs themselves is skipped where one isn't installed. Where it matters what a program does and
 * when, a short script stands in for it.
 */
#include "scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PACK_MS = 30000, TEXT_LENGTH = 6000, NOISE_LENGTH = 3000, PROGRAMS = 3, SOME_NANOSECONDS = 123456789 };

static const struct {
    const char *name, *suffix;
} programs[PROGRAMS] = {{"gzip", ".gz"}, {"brotli", ".br"}, {"zstd", ".zst"}};

#define NAME_50 "01234567890123456789012345678901234567890123456789"

static const char *const packed[] = {
    "plain.html",
    "with space.html",
    "-9.css",
    "--help.txt",
    "quo'te\".js",
    "new\nline.json",
    "$(false).xml",
    "`false`;.txt",
    "back\\slash.svg",
    "not\xff\xfeutf8.md",
    "UPPER.HTML",
    "a.tar.txt",
    "deep/er/and deeper/file.csv",
    ".well-known/about.txt",
    NAME_50 NAME_50 NAME_50 NAME_50 NAME_50 "1", /* its end comes below: a name of 255 bytes has no sidecars */
};
enum { PACKED = sizeof packed / sizeof *packed - 1 };

static const char *const passed_over[] = {
    "picture.png",    "archive.txt.gz", "archive.br",    "no-extension", ".hidden.txt",
    ".hidden/in.txt", "deep/.in.txt",   "tiny.txt",      "empty.txt",    "deep/.well-known/in.txt",
    "link.txt",       "fifo.txt",       "linked/in.txt",
};

static void path_of(const struct stage *stage, const char *name, const char *suffix, char path[SITE_PATH_MAX])
{
    char whole[SITE_PATH_MAX];
    snprintf(whole, sizeof whole, "pack/%s%s", name, suffix);
    site_path(&stage->site, whole, path);
}

static bool look(const struct stage *stage, const char *name, const char *suffix, struct stat *st)
{
    char path[SITE_PATH_MAX];
    path_of(stage, name, suffix, path);
    return lstat(path, st) == 0;
}

static void make_directories(const struct stage *stage, const char *name)
{
    char path[SITE_PATH_MAX];
    path_of(stage, name, "", path);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

/* Text that gets smaller, and differs by its seed; or bytes that don't. */
static void fill(char *bytes, size_t len, bool noise, unsigned seed)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog and ";
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        bytes[i] = noise         ? (char)(seed >> 16)
                   : i % 13 == 0 ? (char)('a' + (seed >> 16) % 26)
                                 : words[i % (sizeof words - 1)];
    }
}

/* Writes a file anew, with a time that no clock would give it. */
static void put(const struct stage *stage, const char *name, size_t len, bool noise, time_t second)
{
    char path[SITE_PATH_MAX], bytes[TEXT_LENGTH];
    const struct timespec times[2] = {{second, SOME_NANOSECONDS}, {second, SOME_NANOSECONDS}};
    path_of(stage, name, "", path);
    make_directories(stage, name);
    fill(bytes, len, noise, (unsigned)second);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || futimens(fd, times) < 0) {
        perror(path);
        exit(2); /* the test itself broke */
    }
    close(fd);
}

/* A program of ours in a directory that is all of PATH, but for what the script itself needs. */
static void stand_in(const struct stage *stage, const char *name, const char *script)
{
    char path[SITE_PATH_MAX], places[SITE_PATH_MAX + 32];
    snprintf(path, sizeof path, "%.400s/bin", stage->site.place);
    mkdir(path, 0755);
    setenv("PATH", path, 1);
    snprintf(places, sizeof places, "%.400s/bin/%s", stage->site.place, name);
    int fd = open(places, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    dprintf(fd, "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\n%s\n", script);
    close(fd);
}

static bool have_programs(void)
{
    const char *path = getenv("PATH");
    for (int i = 0; i < PROGRAMS; i++) {
        bool found = false;
        for (const char *at = path; at && *at && !found; at += strcspn(at, ":"), at += *at == ':') {
            char place[SITE_PATH_MAX];
            snprintf(place, sizeof place, "%.*s/%s", (int)strcspn(at, ":"), at, programs[i].name);
            found = access(place, X_OK) == 0;
        }
        if (!found)
            return false;
    }
    return true;
}

static void pack_begin(struct stage *stage, const char *option)
{
    char root[SITE_PATH_MAX];
    site_path(&stage->site, "pack", root);
    server_spawn(&stage->server, stage->harness,
                 &(struct server_setup){.options = option ? OPTIONS("pack", option) : OPTIONS("pack"),
                                        .root = root,
                                        .listens_itself = true});
}

/* Its exit status. */
static int pack(struct stage *stage, const char *option)
{
    pack_begin(stage, option);
    int status = server_wait(&stage->server, PACK_MS);
    if (status < 0)
        server_stop(&stage->server, SIGKILL);
    return status;
}

/* How many names in a directory of the tree begin so. */
static int count_names(const struct stage *stage, const char *directory, const char *beginning)
{
    char path[SITE_PATH_MAX];
    int count = 0;
    path_of(stage, directory, "", path);
    DIR *names = opendir(path);
    for (struct dirent *entry; names && (entry = readdir(names));)
        count += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    if (names)
        closedir(names);
    return count;
}

/* Whether the sidecar, unpacked by the program that made it, is the original. */
static bool unpacks(const struct stage *stage, const char *name, int program)
{
    char path[SITE_PATH_MAX], whole[SITE_PATH_MAX], got[TEXT_LENGTH + 1];
    size_t len = 0, size;
    int ends[2], status = -1;
    path_of(stage, name, programs[program].suffix, path);
    snprintf(whole, sizeof whole, "pack/%s", name);
    char *original = site_read(&stage->site, whole, &size);
    if (!original || pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        dup2(open(path, O_RDONLY | O_CLOEXEC), STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        execlp(programs[program].name, programs[program].name, "-d", "-c", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t n; len < sizeof got && (n = read(ends[0], got + len, sizeof got - len)) > 0;)
        len += (size_t)n;
    close(ends[0]);
    waitpid(child, &status, 0);
    bool same = status == 0 && len == size && memcmp(got, original, size) == 0;
    free(original);
    return same;
}

/* NULL, or what is wrong with a file's sidecars. */
static const char *check_sidecars(struct stage *stage, const char *name)
{
    struct stat original, sidecar;
    EXPECT(look(stage, name, "", &original), "%s is gone", name);
    for (int i = 0; i < PROGRAMS; i++) {
        const char *suffix = programs[i].suffix;
        EXPECT(look(stage, name, suffix, &sidecar), "%s has no %s", name, suffix);
        EXPECT(S_ISREG(sidecar.st_mode) && sidecar.st_size < original.st_size, "%s: its %s isn't smaller", name,
               suffix);
        EXPECT(sidecar.st_mtim.tv_sec == original.st_mtim.tv_sec && sidecar.st_mtim.tv_nsec == original.st_mtim.tv_nsec,
               "%s: its %s has another time", name, suffix);
        EXPECT(sidecar.st_mode == original.st_mode && sidecar.st_uid == original.st_uid &&
                   sidecar.st_gid == original.st_gid,
               "%s: its %s is for others to read: %o", name, suffix, (unsigned)sidecar.st_mode);
        EXPECT(unpacks(stage, name, i), "%s: its %s doesn't unpack to the same", name, suffix);
    }
    return NULL;
}

static const char *names(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    struct stat st;
    if (!have_programs())
        return stage_skip(stage, "gzip, brotli or zstd is not installed");
    for (int i = 0; i < PACKED; i++)
        put(stage, packed[i], TEXT_LENGTH, false, 1000000000 + i);
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
        put(stage, passed_over[i], TEXT_LENGTH, false, 1000000000);
    put(stage, "tiny.txt", 200, false, 1000000000);
    put(stage, "empty.txt", 0, false, 1000000000);
    put(stage, "noise.txt", NOISE_LENGTH, true, 1000000000);
    snprintf(path, sizeof path, "%.250s.txt", packed[PACKED]);
    put(stage, path, TEXT_LENGTH, false, 1000000000);
    path_of(stage, "link.txt", "", path);
    EXPECT(unlink(path) == 0 && symlink("plain.html", path) == 0, "no link");
    path_of(stage, "fifo.txt", "", path);
    EXPECT(unlink(path) == 0 && mkfifo(path, 0644) == 0, "no fifo");
    path_of(stage, "linked", "", path);
    char elsewhere[SITE_PATH_MAX];
    path_of(stage, "../elsewhere", "", elsewhere);
    EXPECT(rename(path, elsewhere) == 0 && symlink("../elsewhere", path) == 0, "no linked directory");
    path_of(stage, packed[0], "", path);
    chmod(path, 0640);
    path_of(stage, packed[1], "", path);
    EXPECT(geteuid() != 0 || chown(path, 1234, 5678) == 0, "no other owner");
    int status = pack(stage, NULL);
    EXPECT(status == 0 && !*stage->server.said, "exit status %d: %.800s", status, stage->server.said);
    EXPECT(fnmatch("packed 14 files: gzip 84.0 kB to *.? kB, brotli 84.0 kB to *.? kB, zstd 84.0 kB to *.? kB; "
                   "1 would not get smaller\n",
                   stage->server.printed, 0) == 0,
           "it says: %.800s", stage->server.printed);
    for (int i = 0; i < PACKED; i++) {
        const char *problem = check_sidecars(stage, packed[i]);
        if (problem)
            return problem;
    }
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
        for (int n = 0; n < PROGRAMS; n++)
            EXPECT(!look(stage, passed_over[i], programs[n].suffix, &st), "%s has a %s", passed_over[i],
                   programs[n].suffix);
    for (int n = 0; n < PROGRAMS; n++)
        EXPECT(!look(stage, "noise.txt", programs[n].suffix, &st), "noise has a %s", programs[n].suffix);
    EXPECT(count_names(stage, ".", ".pack-") == 0, "it left something behind");
    return NULL;
}

static const char *twice(struct stage *stage)
{
    struct stat before[PROGRAMS], after;
    if (!have_programs())
        return stage_skip(stage, "gzip, brotli or zstd is not installed");
    put(stage, "a.html", TEXT_LENGTH, false, 1000000000);
    put(stage, "b.html", TEXT_LENGTH, false, 1000000001);
    EXPECT(pack(stage, NULL) == 0, "it said: %.800s", stage->server.said);
    for (int i = 0; i < PROGRAMS; i++)
        EXPECT(look(stage, "a.html", programs[i].suffix, &before[i]), "no %s", programs[i].suffix);
    for (int i = 0; i < PROGRAMS; i++)
        stand_in(stage, programs[i].name, "exit 1");
    EXPECT(pack(stage, NULL) == 0, "the second time it said: %.800s", stage->server.said);
    EXPECT(strcmp(stage->server.printed, "packed 0 files; 2 were up to date\n") == 0,
           "the second time it printed %.800s", stage->server.printed);
    for (int i = 0; i < PROGRAMS; i++)
        EXPECT(look(stage, "a.html", programs[i].suffix, &after) && after.st_ino == before[i].st_ino &&
                   after.st_ctim.tv_sec == before[i].st_ctim.tv_sec &&
                   after.st_ctim.tv_nsec == before[i].st_ctim.tv_nsec,
               "its %s is another", programs[i].suffix);
    return NULL;
}

static const char *changes(struct stage *stage)
{
    struct stat st;
    if (!have_programs())
        return stage_skip(stage, "gzip, brotli or zstd is not installed");
    put(stage, "newer.html", TEXT_LENGTH, false, 1000000000);
    put(stage, "older.html", TEXT_LENGTH, false, 1000000000);
    put(stage, "same.html", TEXT_LENGTH, false, 1000000000);
    put(stage, "spoilt.html", TEXT_LENGTH, false, 1000000000);
    EXPECT(pack(stage, NULL) == 0, "it said: %.800s", stage->server.said);
    put(stage, "newer.html", TEXT_LENGTH, false, 1000000001);
    put(stage, "older.html", TEXT_LENGTH, false, 999999999);
    put(stage, "spoilt.html", NOISE_LENGTH, true, 1000000001);
    EXPECT(pack(stage, NULL) == 0, "the second time it said: %.800s", stage->server.said);
    EXPECT(fnmatch("packed 2 files: gzip 12.0 kB to *; 1 was up to date, 1 would not get smaller\n",
                   stage->server.printed, 0) == 0,
           "it printed: %.800s", stage->server.printed);
    const char *problem = check_sidecars(stage, "newer.html");
    if (!problem)
        problem = check_sidecars(stage, "older.html");
    for (int i = 0; i < PROGRAMS && !problem; i++)
        EXPECT(!look(stage, "spoilt.html", programs[i].suffix, &st), "what didn't get smaller has still its %s",
               programs[i].suffix);
    return problem;
}

/* Stands in for a program that does its work. */
#define WORKS "head -c 100"

static const char *failures(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    struct stat st;
    stand_in(stage, "gzip", WORKS);
    put(stage, "fine.txt", TEXT_LENGTH, false, 1000000000);
    put(stage, "unreadable.txt", TEXT_LENGTH, false, 1000000000);
    put(stage, "closed/in.txt", TEXT_LENGTH, false, 1000000000);
    put(stage, "read-only/in.txt", TEXT_LENGTH, false, 1000000000);
    put(stage, "taken.txt", TEXT_LENGTH, false, 1000000000);
    make_directories(stage, "taken.txt.gz/");
    path_of(stage, "unreadable.txt", "", path);
    chmod(path, 0);
    path_of(stage, "closed", "", path);
    chmod(path, 0);
    path_of(stage, "read-only", "", path);
    chmod(path, 0555);
    int status = pack(stage, "--quiet");
    const char *said = stage->server.said;
    EXPECT(status == 1, "exit status %d: %.800s", status, said);
    EXPECT(text_lines(said) == 4 && strstr(said, "shunt: pack unreadable.txt: Permission denied\n") &&
               strstr(said, "shunt: pack closed: Permission denied\n") &&
               strstr(said, "shunt: pack read-only/in.txt: make a file beside it: Permission denied\n") &&
               strstr(said, "shunt: pack taken.txt: write its .gz: Is a directory\n"),
           "it said: %.900s", said);
    EXPECT(look(stage, "fine.txt", ".gz", &st) && st.st_size == 100, "what could be packed isn't");
    EXPECT(count_names(stage, ".", ".pack-") == 0, "it left something behind");
    return NULL;
}

static const struct {
    const char *sentence, *script, *says;
} broken[] = {
    {"a program that fails", "echo the disk is full >&2; echo and more >&2; head -c 100; exit 3",
     "shunt: pack a.txt: gzip failed with 3: the disk is full\n"},
    {"a program that is killed", "head -c 100; kill -KILL $$", "shunt: pack a.txt: gzip was ended by signal 9\n"},
    {"a program that makes nothing", "exit 0", "shunt: pack a.txt: gzip made nothing of it\n"},
    {"a program that complains at length, and works", "head -c 200000 /dev/zero >&2 2>/dev/null; " WORKS, ""},
    {"a file that grows meanwhile", "echo more >>pack/a.txt; " WORKS,
     "shunt: pack a.txt: it was changed meanwhile: pack again when that is done\n"},
    {"a file that is replaced meanwhile", "cp -p pack/a.txt pack/b.png && mv pack/b.png pack/a.txt; " WORKS,
     "shunt: pack a.txt: it was changed meanwhile: pack again when that is done\n"},
    {"a file that goes meanwhile", "rm pack/a.txt; " WORKS,
     "shunt: pack a.txt: it was changed meanwhile: pack again when that is done\n"},
};

static const char *breaks(struct stage *stage)
{
    struct stat st;
    EXPECT(chdir(stage->site.root) == 0, "no root");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        put(stage, "a.txt", TEXT_LENGTH, false, 1000000000);
        put(stage, "a.txt.gz", 50, false, 900000000);
        stand_in(stage, "gzip", broken[i].script);
        bool works = !*broken[i].says;
        int status = pack(stage, "-q");
        EXPECT(status == !works && fnmatch(broken[i].says, stage->server.said, 0) == 0,
               "%s: exit status %d; it said: %.700s", broken[i].sentence, status, stage->server.said);
        EXPECT(look(stage, "a.txt", ".gz", &st) && st.st_size == (works ? 100 : 50), "%s: what was there is gone",
               broken[i].sentence);
        EXPECT(count_names(stage, ".", ".pack-") == 0, "%s: it left something behind", broken[i].sentence);
    }
    return NULL;
}

static const char *many_failures(struct stage *stage)
{
    char name[32];
    EXPECT(chdir(stage->site.root) == 0, "no root");
    stand_in(stage, "gzip", "exit 1");
    stand_in(stage, "zstd", ">tried; exit 1");
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "%d.txt", i);
        put(stage, name, TEXT_LENGTH, false, 1000000000);
    }
    int status = pack(stage, "-j1");
    EXPECT(status == 1 && strcmp(stage->server.printed, "packed 0 files; 30 failed\n") == 0, "%d: it printed: %.800s",
           status, stage->server.printed);
    EXPECT(text_lines(stage->server.said) == 22, "it said: %.900s", stage->server.said);
    EXPECT(access("tried", F_OK) < 0, "where one program has failed, the next one is tried");
    return NULL;
}

static const char *missing(struct stage *stage)
{
    char path[SITE_PATH_MAX];
    struct stat st;
    put(stage, "a.txt", TEXT_LENGTH, false, 1000000000);
    stand_in(stage, "zstd", WORKS);
    stand_in(stage, "brotli", WORKS);
    snprintf(path, sizeof path, "%.400s/bin/brotli", stage->site.place);
    chmod(path, 0644); /* is no program */
    int status = pack(stage, NULL);
    EXPECT(status == 0 && strcmp(stage->server.said, "shunt: pack: gzip is not installed, and no .gz is made\n"
                                                     "shunt: pack: brotli is not installed, and no .br is made\n") == 0,
           "exit status %d: %.800s", status, stage->server.said);
    EXPECT(strcmp(stage->server.printed, "packed 1 file: zstd 6.0 kB to 100 bytes\n") == 0, "it printed %.800s",
           stage->server.printed);
    EXPECT(look(stage, "a.txt", ".zst", &st) && !look(stage, "a.txt", ".gz", &st), "other sidecars than it says");
    status = pack(stage, "-q");
    EXPECT(status == 0 && !*stage->server.said && !*stage->server.printed,
           "-q: exit status %d, and it says %.400s%.400s", status, stage->server.said, stage->server.printed);
    setenv("PATH", "/nonexistent", 1);
    status = pack(stage, "-q");
    EXPECT(status == 1 && strstr(stage->server.said, "install"), "exit status %d: %.800s", status, stage->server.said);
    return NULL;
}

/* How many lines a file of the site has. */
static int count_written(const struct stage *stage, const char *name)
{
    size_t size;
    char *text = site_read(&stage->site, name, &size);
    if (!text)
        return 0;
    text[size] = '\0';
    int lines = text_lines(text);
    free(text);
    return lines;
}

/* Ends by the signal, after the programs; nothing is left of what they were at. */
static const char *interrupted_by(struct stage *stage, int signal_number)
{
    struct stat st;
    size_t size;
    long child = 0;
    unlink("pids");
    unlink("pack/1.txt.gz");
    pack_begin(stage, "-j2");
    for (int i = 0; i < 1000 && (!look(stage, "1.txt", ".gz", &st) || count_written(stage, "pids") < 2); i++)
        pause_ms(10);
    EXPECT(count_names(stage, ".", ".pack-") == 2, "it doesn't begin");
    int status = server_stop(&stage->server, signal_number);
    EXPECT(status == 128 + signal_number, "signal %d: it ended with %d: %.800s", signal_number, status,
           stage->server.said);
    EXPECT(text_lines(stage->server.said) == 2 &&
               strcmp(stage->server.printed, "packed 1 file: gzip 6.0 kB to 100 bytes\n") == 0,
           "it said: %.400s%.400s", stage->server.said, stage->server.printed);
    EXPECT(count_names(stage, ".", ".pack-") == 0, "signal %d: it left something behind", signal_number);
    char *pids = site_read(&stage->site, "pids", &size);
    EXPECT(pids, "no program began");
    pids[size] = '\0';
    for (char *at = pids; (child = strtol(at, &at, 10)) > 0;)
        EXPECT(kill((pid_t)child, 0) < 0 && errno == ESRCH, "a program goes on");
    free(pids);
    return NULL;
}

static const char *interrupts(struct stage *stage)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    EXPECT(chdir(stage->site.root) == 0, "no root");
    /* The largest works; all others begin, and never end. */
    stand_in(stage, "gzip",
             "size=$(wc -c); head -c 100 /dev/zero; [ $size -eq 6000 ] && exit 0\n"
             "echo $$ >>pids; exec sleep 600");
    put(stage, "1.txt", TEXT_LENGTH, false, 1000000000);
    put(stage, "2.txt", TEXT_LENGTH - 1, false, 1000000000);
    put(stage, "3.txt", TEXT_LENGTH - 1, false, 1000000000);
    put(stage, "4.txt", TEXT_LENGTH - 1, false, 1000000000);
    const char *problem = NULL;
    for (size_t i = 0; i < sizeof signals / sizeof *signals && !problem; i++)
        problem = interrupted_by(stage, signals[i]);
    return problem;
}

static const char *at_once(struct stage *stage)
{
    char name[32];
    size_t size;
    EXPECT(chdir(stage->site.root) == 0 && mkdir("run", 0755) == 0, "no root");
    stand_in(stage, "gzip", ">run/$$; ls run | wc -l >>counts; sleep 0.3; rm run/$$; " WORKS);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "%d.txt", i);
        put(stage, name, TEXT_LENGTH, false, 1000000000);
    }
    EXPECT(pack(stage, "--jobs=3") == 0, "it said %.800s", stage->server.said);
    char *counts = site_read(&stage->site, "counts", &size);
    EXPECT(counts, "no program began");
    counts[size] = '\0';
    long most = 0, count;
    for (char *at = counts; (count = strtol(at, &at, 10)) > 0;)
        most = count > most ? count : most;
    free(counts);
    EXPECT(most == 3, "%ld ran at once, not 3", most);
    return NULL;
}

/* A directory becomes a link that leads out while we are at another. */
static const char *swapped(struct stage *stage)
{
    struct stat st;
    EXPECT(chdir(stage->site.root) == 0, "no root");
    put(stage, "first.txt", TEXT_LENGTH, false, 1000000000);
    put(stage, "dir/in.txt", TEXT_LENGTH - 1, false, 1000000000);
    put(stage, "../outside/in.txt", TEXT_LENGTH - 1, false, 1000000000);
    stand_in(stage, "gzip", "[ -h pack/dir ] || { mv pack/dir pack/was; ln -s ../outside pack/dir; }; " WORKS);
    int status = pack(stage, "-j1");
    EXPECT(status == 1 && strstr(stage->server.said, "shunt: pack dir/in.txt: "), "exit status %d: %.800s", status,
           stage->server.said);
    EXPECT(!look(stage, "../outside/in.txt", ".gz", &st) && count_names(stage, "../outside", ".pack-") == 0,
           "it wrote outside");
    EXPECT(look(stage, "first.txt", ".gz", &st), "it packed nothing");
    return NULL;
}

static const struct {
    const char *sentence, *arguments[4];
    int status;
    const char *words;
} wrong[] = {
    {"no directory", {0}, 2, "*which directory*./pack*"},
    {"two directories", {"a", "b"}, 2, "*b: one directory*"},
    {"an option that isn't known", {"--frobnicate", "."}, 2, "*--frobnicate*"},
    {"an option without its value", {".", "--jobs"}, 2, "*--jobs: needs a value*"},
    {"no jobs", {"-j0", "."}, 2, "*--jobs 0: must be a number from 1 to 256*"},
    {"a number that is none", {"--jobs", "many", "."}, 2, "*--jobs many*"},
    {"a directory that isn't there", {"missing-directory"}, 1, "*missing-directory: No such*"},
    {"a directory that is a file", {"hello.txt"}, 1, "*hello.txt: Not a directory*"},
};

static const char *mistakes(struct stage *stage)
{
    EXPECT(chdir(stage->site.root) == 0, "no root");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const *words = wrong[i].arguments;
        server_spawn(
            &stage->server, stage->harness,
            &(struct server_setup){.options = OPTIONS("pack", words[0], words[1], words[2]), .listens_itself = true});
        int status = server_wait(&stage->server, PACK_MS);
        const char *said = stage->server.said;
        EXPECT(status == wrong[i].status, "%s: exit status %d; %.700s", wrong[i].sentence, status, said);
        EXPECT(text_is_one_line(said) && fnmatch(wrong[i].words, said, 0) == 0, "%s is told so: %.700s",
               wrong[i].sentence, said);
    }
    return NULL;
}

const struct scene scenes_of_packing[] = {
    {"what gains from it is packed, whatever its name, and unpacks to the same bytes", names},
    {"what is packed already is left alone", twice},
    {"what has changed is packed anew, and what doesn't get smaller has no sidecar", changes},
    {"what can't be packed is told in a line each, and the rest is packed", failures},
    {"where a program or a file breaks, what was there stays", breaks},
    {"of many failures some are told", many_failures},
    {"a program that isn't installed is told once, and that none is, is an error", missing},
    {"interrupted, it ends its programs and leaves nothing behind", interrupts},
    {"as many programs run at once as it is told", at_once},
    {"a directory that becomes a link leads nowhere", swapped},
    {"mistakes of packing are told in one line that names them", mistakes},
    {0},
};
