#include "storm_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE = 128, LAW_EVERY = 16 };

const char *const sort_names[SORTS] = {"whole", "in part", "by sidecar", "HEAD", "304", "refusals", "mixed in place"};

/* An answer as far as it is understood. */
struct finding {
    const struct question *question;
    const struct answer *answer;
    struct interval interval;
    enum form form;
    uint32_t length;        /* of the whole content, as announced */
    size_t offset;          /* of the body within it */
    struct content content; /* VERSION_NONE: it isn't of one */
    char tag[TAG];
};

/* ---- complaints */

/* Whether the answer shows what there is in this state, be it right or not. */
static bool shows(const struct finding *finding, const struct state *state)
{
    if (finding->answer->status >= 300 && finding->answer->status != 304)
        return state->status == finding->answer->status;
    return finding->content.version != VERSION_NONE && content_same(state->forms[finding->form], finding->content);
}

/* The change that should have been seen: the one that ended the last state of which the answer is; where it is of none,
 * the one that made the state that it should be of. */
static uint64_t missed_state(const struct finding *finding)
{
    const struct history *history = finding->interval.history;
    int page = finding->interval.page;
    uint64_t first = finding->interval.first;
    uint64_t oldest = history->pages[page].begun > HISTORY ? history->pages[page].begun - HISTORY : 0;
    for (uint64_t i = first; i-- > oldest;) {
        if (shows(finding, history_state(history, page, i)))
            return i + 1;
    }
    return first;
}

/* The change that made what the answer shows, which is of one of the states that it may be of. */
static uint64_t shown_state(const struct finding *finding)
{
    const struct history *history = finding->interval.history;
    int page = finding->interval.page;
    uint64_t oldest = history->pages[page].begun > HISTORY ? history->pages[page].begun - HISTORY : 0, shown = oldest;
    for (uint64_t i = oldest + 1; i <= finding->interval.last; i++) {
        if (shows(finding, history_state(history, page, i)) && !shows(finding, history_state(history, page, i - 1)))
            shown = i;
    }
    return shown;
}

static void describe_content(char *text, size_t room, const char *coding, struct content content)
{
    if (content.version != VERSION_NONE)
        snprintf(text, room, " %s version %u of %u bytes", coding ? coding : "plain", content.version, content.length);
}

/* A status, and the contents that go with it. */
static void describe_state(char *text, size_t room, const struct state *state)
{
    snprintf(text, room, "%d", state->status);
    for (int form = 0; form < FORMS; form++) {
        size_t len = strlen(text);
        if (form == FORM_PLAIN || state->served[form] != SERVED_NOT)
            describe_content(text + len, room - len, form_coding((enum form)form), state->forms[form]);
    }
}

/* Where such a fault is counted. */
static struct fault *fault_of(struct judge *judge, int kind, const char *what)
{
    int i = 0;
    while (i < judge->fault_count && (judge->faults[i].kind != kind || strcmp(judge->faults[i].what, what) != 0))
        i++;
    if (i == FAULTS)
        return &judge->faults[FAULTS - 1];
    if (i == judge->fault_count) {
        judge->faults[i] = (struct fault){.kind = kind, .what = what};
        judge->fault_count++;
    }
    return &judge->faults[i];
}

/* That something is wrong that has to do with the change which led to this state. */
static void complain(struct judge *judge, const struct finding *finding, uint64_t of, const char *what)
{
    const struct question *question = finding->question;
    const struct state *state = history_state(&judge->history, question->page, of);
    const struct state *wanted = history_state(&judge->history, question->page, question->floor);
    char want[160], got[80] = "";
    struct fault *fault = fault_of(judge, state->kind, what);
    if (fault->count++ > 0)
        return;
    describe_state(want, sizeof want, wanted);
    describe_content(got, sizeof got, form_coding(finding->form), finding->content);
    snprintf(fault->first, sizeof fault->first,
             "%s %s%s%s%s: got %d%s tag %s, want %s, or one of %d later; asked %.1f ms after that change",
             question->head ? "HEAD" : "GET", pages[question->page].url, question->coded ? ", coded" : "",
             question->ranged ? ", a range" : "", question->conditional ? ", if changed" : "", finding->answer->status,
             got, *finding->tag ? finding->tag : "(none)", want, (int)(finding->interval.last - question->floor),
             ((double)question->sent_us - (double)state->done_us) / 1000);
}

void judge_complain(struct judge *judge, const struct question *question, const char *what)
{
    struct answer nothing = {0};
    struct finding finding = {.question = question, .answer = &nothing};
    finding.interval = history_interval(&judge->history, question->page, question->floor);
    complain(judge, &finding, question->floor, what);
}

void judge_broken_answer(struct judge *judge, const struct question *question)
{
    struct interval interval = history_interval(&judge->history, question->page, question->floor);
    if (interval_is_known(&interval) && !interval_empties(&interval))
        judge_complain(judge, question, "closed in the middle of an answer");
}

/* ---- tags */

static uint64_t key_of(int page, const char *tag)
{
    uint64_t key = 14695981039346656037u ^ (uint64_t)page;
    for (; *tag; tag++)
        key = (key ^ (unsigned char)*tag) * 1099511628211u;
    return key;
}

/* What a tag is known to stand for; VERSION_NONE: that isn't known. */
static struct content tag_content(const struct judge *judge, int page, const char *tag)
{
    uint64_t key = key_of(page, tag);
    const struct tag *known = &judge->tags[key % TAGS];
    return known->key == key ? known->content : (struct content){0};
}

/* Whether two versions may bear one tag. */
static bool are_twins(const struct finding *finding, uint32_t a, uint32_t b)
{
    const struct history *history = finding->interval.history;
    int page = finding->interval.page;
    for (uint64_t i = 0; i < HISTORY && i < history->pages[page].begun; i++) {
        const struct state *state = history_state(history, page, i);
        uint32_t version = state->forms[finding->form].version, twin = state->twins[finding->form];
        if (twin != VERSION_NONE && ((version == a && twin == b) || (version == b && twin == a)))
            return true;
    }
    return false;
}

/* NULL, or that it stood for something else up to now. */
static const char *learn_tag(struct judge *judge, const struct finding *finding)
{
    uint64_t key = key_of(finding->question->page, finding->tag);
    struct content known = tag_content(judge, finding->question->page, finding->tag);
    judge->tags[key % TAGS] = (struct tag){key, finding->content};
    if (known.version == VERSION_NONE || content_same(known, finding->content) ||
        are_twins(finding, known.version, finding->content.version))
        return NULL;
    return "an entity tag that stood for another content";
}

/* ---- what may be */

/* A coded question gets a coded answer where there is one: but while things change, who looks for the file first and
 * for its sidecars then may find neither. */
static bool state_allows(const struct state *state, const struct finding *finding, bool alone)
{
    enum form form = finding->form;
    if (state->status != 200 || !content_same(state->forms[form], finding->content))
        return false;
    if (form != FORM_PLAIN)
        return finding->question->coded && state->served[form] != SERVED_NOT;
    return !finding->question->coded || !alone ||
           (state->served[FORM_GZIP] != SERVED && state->served[FORM_BR] != SERVED);
}

static bool is_of_a_state(const struct finding *finding)
{
    const struct interval *interval = &finding->interval;
    for (uint64_t i = interval->first; i <= interval->last; i++) {
        if (state_allows(history_state(interval->history, interval->page, i), finding,
                         interval->first == interval->last))
            return true;
    }
    return false;
}

/* What is known by its tag alone may be the twin of what is there. */
static bool is_twin_of_a_state(const struct finding *finding)
{
    const struct interval *interval = &finding->interval;
    for (uint64_t i = interval->first; i <= interval->last; i++) {
        const struct state *state = history_state(interval->history, interval->page, i);
        if (state->status == 200 && are_twins(finding, state->forms[finding->form].version, finding->content.version))
            return true;
    }
    return false;
}

static bool is_status_of_a_state(const struct finding *finding)
{
    const struct interval *interval = &finding->interval;
    for (uint64_t i = interval->first; i <= interval->last; i++) {
        if (history_state(interval->history, interval->page, i)->status == finding->answer->status)
            return true;
    }
    return false;
}

/* What was written in place meanwhile may come as it was at any moment, and its head be of another. */
static bool is_mixture(const struct finding *finding)
{
    const struct interval *interval = &finding->interval;
    bool empties = interval_empties(interval);
    uint32_t versions[MIXTURE_MAX], shortest = UINT32_MAX, longest = 0;
    int count = 0;
    if (finding->question->head || finding->form != FORM_PLAIN || !interval_is_in_place(interval))
        return false;
    for (uint64_t i = interval->first; i <= interval->last && count < MIXTURE_MAX; i++) {
        const struct state *state = history_state(interval->history, interval->page, i);
        if (state->status != 200)
            continue;
        struct content content = state->forms[FORM_PLAIN];
        versions[count++] = content.version;
        shortest = content.length < shortest ? content.length : shortest;
        longest = content.length > longest ? content.length : longest;
    }
    return finding->length <= longest && (empties || finding->length >= shortest) &&
           content_is_mixture(finding->question->page, versions, count, empties, finding->answer->body,
                              finding->answer->body_len, finding->offset);
}

/* ---- the kinds of answers */

/* Its announced length, and where in it the body lies. NULL, or what is wrong. */
static const char *read_lengths(struct finding *finding)
{
    char value[VALUE];
    uint32_t first, last;
    if (finding->answer->status == 206) {
        if (answer_field(finding->answer, "Content-Range", value, sizeof value) != 1 ||
            sscanf(value, "bytes %u-%u/%u", &first, &last, &finding->length) != 3)
            return "a part that doesn't say of what";
        finding->offset = first;
        return finding->answer->bodiless || finding->answer->body_len == (size_t)last - first + 1
                   ? NULL
                   : "a part of another length than its range";
    }
    if (answer_field(finding->answer, "Content-Length", value, sizeof value) != 1)
        return "no length";
    finding->length = (uint32_t)strtoul(value, NULL, 10);
    return NULL;
}

static const char *read_form(struct finding *finding)
{
    char coding[VALUE] = "";
    if (answer_field(finding->answer, "Content-Encoding", coding, sizeof coding) == 0)
        return NULL;
    finding->form = form_of(coding);
    if (finding->form == FORMS) {
        finding->form = FORM_PLAIN;
        return "a coding that there is none of";
    }
    return NULL;
}

/* The head of a 200 or 206: its body is read by its own words, or of the content that its tag stands for. */
static const char *read_content(const struct judge *judge, struct finding *finding)
{
    const struct answer *answer = finding->answer;
    int page = finding->question->page;
    const char *wrong = read_form(finding);
    if (!wrong)
        wrong = read_lengths(finding);
    if (wrong)
        return wrong;
    if (answer->bodiless)
        finding->content = tag_content(judge, page, finding->tag);
    else
        finding->content = (struct content){
            content_version(page, finding->form, answer->body, answer->body_len, finding->offset), finding->length};
    if (answer->bodiless && finding->content.version != VERSION_NONE && finding->content.length != finding->length)
        return "a head with the tag of one version and the length of another";
    return NULL;
}

static enum sort sort_of(const struct finding *finding)
{
    if (finding->question->head)
        return SORT_HEAD;
    if (finding->form != FORM_PLAIN)
        return SORT_CODED;
    return finding->answer->status == 206 ? SORT_PART : SORT_WHOLE;
}

/* What a right answer with a body, or the head of one, makes known. */
static void learn(struct judge *judge, const struct finding *finding, struct given *given)
{
    judge->sorts[sort_of(finding)]++;
    if (finding->question->head)
        return;
    judge->pages[finding->question->page]++;
    if (!*finding->tag || interval_is_in_place(&finding->interval))
        return;
    const char *wrong = learn_tag(judge, finding);
    if (wrong)
        complain(judge, finding, shown_state(finding), wrong);
    *given = (struct given){.form = finding->form, .content = finding->content};
    memcpy(given->tag, finding->tag, TAG);
}

static const char *judge_content(struct judge *judge, struct finding *finding, struct given *given)
{
    const char *wrong = read_content(judge, finding);
    if (wrong)
        return wrong;
    if (finding->question->head && finding->content.version == VERSION_NONE) {
        judge->unjudged++; /* its tag is new to us */
        return NULL;
    }
    if (finding->content.version != VERSION_NONE && is_of_a_state(finding)) {
        learn(judge, finding, given);
        return NULL;
    }
    if (finding->question->head && is_twin_of_a_state(finding)) {
        judge->unjudged++;
        return NULL;
    }
    if (is_mixture(finding)) {
        judge->sorts[SORT_MIXED]++;
        return NULL;
    }
    if (finding->content.version == VERSION_NONE)
        return "a body that is not of one version";
    return finding->question->head ? "a head with a tag of what was there" : "not what is there";
}

static const char *judge_unchanged(struct judge *judge, struct finding *finding)
{
    finding->form = finding->question->given.form;
    finding->content = finding->question->given.content;
    if (!finding->question->conditional || (!is_of_a_state(finding) && !is_twin_of_a_state(finding)))
        return "304, and it has changed";
    judge->sorts[SORT_UNCHANGED]++;
    return NULL;
}

/* A range that lies behind the end of a file which is empty for a moment. */
static bool is_out_of_range(const struct finding *finding)
{
    return finding->answer->status == 416 && finding->question->ranged && interval_empties(&finding->interval);
}

static const char *judge_status(struct judge *judge, struct finding *finding, struct given *given)
{
    switch (finding->answer->status) {
    case 200:
    case 206:
        return judge_content(judge, finding, given);
    case 304:
        return judge_unchanged(judge, finding);
    default:
        if (!is_status_of_a_state(finding) && !is_out_of_range(finding))
            return "not what is there";
        judge->sorts[SORT_REFUSED]++;
        return NULL;
    }
}

void judge_answer(struct judge *judge, const struct question *question, const struct answer *answer,
                  struct given *given)
{
    struct finding finding = {.question = question, .answer = answer};
    finding.interval = history_interval(&judge->history, question->page, question->floor);
    if (!interval_is_known(&finding.interval)) {
        judge->unjudged++;
        return;
    }
    answer_field(answer, "ETag", finding.tag, sizeof finding.tag);
    const char *wrong = judge_status(judge, &finding, given);
    if (!wrong && question->sent_us % LAW_EVERY == 0)
        wrong = answer_broken_law(answer);
    if (wrong)
        complain(judge, &finding, missed_state(&finding), wrong);
}
