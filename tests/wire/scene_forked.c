/* scenes of the forked model: a thread a connection, or a process. */
#include "models.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The server's processes; how many. */
static int list_children(const struct stage *stage, pid_t *children, int most)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)stage->server.pid, (int)stage->server.pid);
    FILE *list = fopen(path, "re");
    while (list && count < most && fscanf(list, "%d", &children[count]) == 1)
        count++;
    if (list)
        fclose(list);
    return count;
}

enum { CHILDREN_MAX = 16 };

static bool has_children_within(const struct stage *stage, int wanted, int timeout_ms)
{
    pid_t children[CHILDREN_MAX];
    for (long long until = now_ms() + timeout_ms; now_ms() < until; pause_ms(10)) {
        if (list_children(stage, children, CHILDREN_MAX) == wanted)
            return true;
    }
    return false;
}

static const char *two_at_a_time(struct stage *stage)
{
    static const char half[] = "GET /hello.txt HTTP/1.1\r\nHo", rest[] = "st: a\r\n\r\n";
    struct client first, second, third, fourth;
    struct answer answer;
    struct report report;
    const char *problem = how_start(stage, &hows[FORKED], OPTIONS("--workers", "2"));
    if (problem)
        return problem;
    EXPECT(client_open(&first, stage->port) && client_send(&first, half, strlen(half)), "could not ask");
    EXPECT(client_open(&second, stage->port) && client_send(&second, half, strlen(half)), "could not ask");
    pause_ms(SILENCE_MS);
    EXPECT(client_open(&third, stage->port) && client_get(&third, "/hello.txt", NULL), "could not ask");
    EXPECT(!client_answer(&third, false, &answer, SILENCE_MS), "a third one is served beside two");
    client_close(&first);
    EXPECT(client_answer(&third, false, &answer, SOON_MS) && answer.status == 200,
           "the third isn't served though the first has ended");
    EXPECT(client_send(&second, rest, strlen(rest)) && client_answer(&second, false, &answer, SOON_MS) &&
               answer.status == 200,
           "the second isn't served beside the third");
    pause_ms(SILENCE_MS); /* now both are idle, and give way */
    EXPECT(client_open(&fourth, stage->port) && client_status(&fourth, "/hello.txt", NULL) == 200,
           "a fourth one isn't served though two are idle");
    client_close(&second);
    client_close(&third);
    client_close(&fourth);
    problem = report_finish(stage, &report);
    if (problem)
        return problem;
    EXPECT(report_count(&report, "conn") == 2, "%d threads", report_count(&report, "conn"));
    EXPECT(report_sum(&report, "", REQUESTS) == 3, "%lld requests", report_sum(&report, "", REQUESTS));
    return NULL;
}

static const char *expect_processes(struct stage *stage, int wanted, const char *when)
{
    EXPECT(has_children_within(stage, wanted, SOON_MS), "not %d processes %s", wanted, when);
    return NULL;
}

static const char *start_three(struct stage *stage, struct client clients[3])
{
    const char *problem = how_start(stage, &hows[PROCESSES], NULL);
    problem = problem ? problem : expect_processes(stage, 0, "before anybody came");
    problem = problem ? problem : crowd_open(stage, clients, 3);
    for (int i = 0; i < 3 && !problem; i++)
        problem = client_asks(stage, &clients[i], "/hello.txt");
    return problem ? problem : expect_processes(stage, 3, "for three connections");
}

static const char *a_process_each(struct stage *stage)
{
    struct client clients[3];
    struct report report;
    const char *problem = start_three(stage, clients);
    if (problem)
        return problem;
    client_close(&clients[1]);
    problem = expect_processes(stage, 2, "after one of three has ended");
    problem = problem ? problem : client_asks(stage, &clients[0], "/hello.txt");
    problem = problem ? problem : client_asks(stage, &clients[2], "/hello.txt");
    client_close(&clients[0]);
    client_close(&clients[2]);
    problem = problem ? problem : expect_processes(stage, 0, "after all have ended");
    problem = problem ? problem : report_finish(stage, &report);
    if (problem)
        return problem;
    EXPECT(report_sum(&report, "processes", REQUESTS) == 5, "%lld of 5 requests",
           report_sum(&report, "processes", REQUESTS));
    EXPECT(report_sum(&report, "processes", VOLUNTARY) > 0, "processes never waited");
    return NULL;
}

/* Its last line is written at once, whoever else writes. */
static const char *processes_with_a_log(struct stage *stage)
{
    enum { CROWD = 12, ROUNDS = 3, ROUNDS_MS = 2000 };
    struct client crowd[CROWD];
    char log[SITE_PATH_MAX];
    snprintf(log, sizeof log, "%.480s/access.log", stage->site.place);
    const char *problem = how_start(stage, &hows[PROCESSES], OPTIONS("--access-log", log));
    long long begin = now_ms();
    for (int i = 0; i < ROUNDS && !problem; i++) {
        problem = crowd_open(stage, crowd, CROWD);
        problem = problem ? problem : crowd_ask(stage, crowd, CROWD, "/hello.txt");
        crowd_close(crowd, CROWD);
        problem = problem ? problem : expect_processes(stage, 0, "after all have ended");
    }
    if (problem)
        return problem;
    EXPECT(now_ms() - begin < ROUNDS_MS, "processes end after %lld ms on average", (now_ms() - begin) / ROUNDS);
    return stage_finish(stage);
}

static const char *a_process_dies(struct stage *stage)
{
    struct client clients[3];
    pid_t children[CHILDREN_MAX];
    int gone = 0;
    const char *problem = start_three(stage, clients);
    if (problem)
        return problem;
    EXPECT(list_children(stage, children, CHILDREN_MAX) == 3, "not three processes");
    kill(children[1], SIGKILL);
    problem = expect_processes(stage, 2, "after one was killed");
    if (problem)
        return problem;
    for (int i = 0; i < 3; i++)
        gone += client_status(&clients[i], "/hello.txt", NULL) != 200;
    EXPECT(gone == 1, "the end of one process ended %d connections", gone);
    EXPECT(stage_get(stage, "/hello.txt") == 200, "the end of one process ends the server");
    crowd_close(clients, 3);
    problem = expect_processes(stage, 0, "after all have ended");
    return problem ? problem : stage_finish(stage);
}

/* Whether a process is gone, or nothing but a name that nobody asks for. */
static bool has_ended(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    fclose(file);
    return state == 'Z' || state == 'X';
}

static const char *the_parent_dies(struct stage *stage)
{
    struct client clients[3];
    pid_t children[CHILDREN_MAX];
    const char *problem = start_three(stage, clients);
    if (problem)
        return problem;
    EXPECT(list_children(stage, children, CHILDREN_MAX) == 3, "not three processes");
    int status = server_stop(&stage->server, SIGKILL), left = 3;
    EXPECT(status == 128 + SIGKILL, "it ended with %d", status);
    for (long long until = now_ms() + SOON_MS; left > 0 && now_ms() < until; pause_ms(10))
        left = !has_ended(children[0]) + !has_ended(children[1]) + !has_ended(children[2]);
    EXPECT(left == 0, "%d processes outlive their parent", left);
    for (int i = 0; i < 3; i++)
        EXPECT(client_wait_closed(&clients[i], SOON_MS) >= 0, "a connection outlives the server");
    return NULL;
}

const struct scene scenes_of_the_forked[] = {
    {"with --workers 2 a third connection waits while two are busy, and gets the place of an idle one", two_at_a_time},
    {"each connection is a process, which ends with it", a_process_each},
    {"processes that have a log end as soon as their connections", processes_with_a_log},
    {"a process that is killed takes its own connection with it, and no other", a_process_dies},
    {"when the server is killed, all its processes end", the_parent_dies},
    {0},
};
