#include "theatre.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct performance {
    const struct theatre *theatre;
    const struct scene *scene;
};

/* Each line a little further right, without empty ones. */
static void print_lines(const char *text)
{
    for (size_t len; *text; text += len + (text[len] != '\0')) {
        len = strcspn(text, "\n");
        if (len > 0)
            printf("   %.*s\n", (int)len, text);
    }
}

/* Nothing is said of a scene that went well and has nothing to say. */
static struct tally perform(const void *context, const struct site *site)
{
    const struct performance *performance = context;
    const struct theatre *theatre = performance->theatre;
    const char *sentence = performance->scene->sentence;
    struct stage stage = {.harness = &theatre->harness, .site = *site, .seconds = theatre->seconds};
    alarm((unsigned)theatre->limit_s);
    const char *verdict = performance->scene->play(&stage);
    if (verdict && stage.skipped) {
        printf("skipped %s: %s\n", sentence, verdict);
        return (struct tally){.skipped = 1};
    }
    if (verdict || *stage.summary)
        printf("%s %s\n", verdict ? "FAILED" : "ok", sentence);
    print_lines(verdict ? verdict : "");
    print_lines(stage.summary);
    return (struct tally){.passed = !verdict, .failed = verdict != NULL};
}

bool theatre_open(struct theatre *theatre, int argc, char **argv)
{
    int at = 2;
    for (; at + 1 < argc && strcmp(argv[at], "--") != 0; at += 2) {
        if (strcmp(argv[at], "-o") == 0)
            theatre->only = argv[at + 1];
        else if (strcmp(argv[at], "-s") == 0 && theatre->seconds > 0)
            theatre->seconds = atoi(argv[at + 1]);
        else
            return false;
    }
    if (argc < 2 || (at < argc && strcmp(argv[at], "--") != 0))
        return false;
    theatre->harness = (struct harness){argv[1], argv + (at < argc ? at + 1 : argc)};
    return true;
}

void theatre_play(struct theatre *theatre, const struct scene *const *tables)
{
    for (; *tables; tables++) {
        for (const struct scene *scene = *tables; scene->play; scene++) {
            if (!theatre->only || strstr(scene->sentence, theatre->only))
                pool_play(&theatre->pool, scene->sentence, perform, &(struct performance){theatre, scene});
        }
    }
}
