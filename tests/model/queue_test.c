#include "model/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { NUMBERS = 2000, TAKERS = 4, ROOM = NUMBERS, MOST = 16, PATIENCE = 5000 };

/* Two ways to take, one of which waits; where something is there they are the same. */
static int (*const ways[])(struct queue *queue, int *fds, int most) = {queue_wait, queue_take};
enum { WAYS = sizeof ways / sizeof *ways };

static void what_was_put_first_is_taken_first(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        struct queue queue;
        int fd;
        assert_int_equal(queue_open(&queue, 4), 0);
        for (int round = 0; round < 10; round++) { /* so that the ring wraps at every place */
            for (int i = 0; i < 3; i++)
                queue_put(&queue, 10 * round + i);
            for (int i = 0; i < 3; i++) {
                assert_int_equal(ways[way](&queue, &fd, 1), 1);
                assert_int_equal(fd, 10 * round + i);
            }
        }
        queue_close(&queue);
    }
}

static void a_batch_is_what_there_is_and_no_more_than_was_wanted(void **state)
{
    static const struct {
        int put, most, taken;
    } rows[] = {{1, 1, 1}, {1, 3, 1}, {3, 3, 3}, {3, 2, 2}, {8, 3, 3}, {8, 8, 8}, {8, MOST, 8}};
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        struct queue queue;
        assert_int_equal(queue_open(&queue, 8), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            int fds[MOST] = {0}, rest[MOST], left = rows[i].put - rows[i].taken;
            for (int n = 1; n <= rows[i].put; n++)
                queue_put(&queue, n);
            assert_int_equal(queue_length(&queue), rows[i].put);
            assert_int_equal(ways[way](&queue, fds, rows[i].most), rows[i].taken);
            for (int n = 0; n < MOST; n++)
                assert_int_equal(fds[n], n < rows[i].taken ? n + 1 : 0);
            assert_int_equal(queue_length(&queue), left);
            assert_int_equal(queue_take(&queue, rest, MOST), left);
        }
        queue_close(&queue);
    }
}

static void who_puts_the_first_is_told_so(void **state)
{
    (void)state;
    struct queue queue;
    int fds[2];
    assert_int_equal(queue_open(&queue, 4), 0);
    assert_true(queue_put(&queue, 1));
    assert_false(queue_put(&queue, 2));
    assert_int_equal(queue_take(&queue, fds, 1), 1);
    assert_false(queue_put(&queue, 3));
    assert_int_equal(queue_take(&queue, fds, 2), 2);
    assert_true(queue_put(&queue, 4));
    queue_close(&queue);
}

static void an_empty_queue_gives_nothing_to_who_does_not_wait(void **state)
{
    (void)state;
    struct queue queue;
    int fd;
    assert_int_equal(queue_open(&queue, 4), 0);
    assert_int_equal(queue_take(&queue, &fd, 1), 0);
    queue_close(&queue);
}

static void a_shut_queue_gives_nothing_even_if_it_has_something(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        struct queue queue;
        int fd;
        assert_int_equal(queue_open(&queue, 4), 0);
        queue_put(&queue, 1);
        queue_shut(&queue);
        assert_int_equal(ways[way](&queue, &fd, 1), 0);
        queue_close(&queue);
        queue_close(&queue);
    }
}

/* ---- with threads */

struct taker {
    struct queue *queue;
    int most, taken, sum;
};

static void *take_all(void *arg)
{
    struct taker *taker = arg;
    int fds[MOST], count;
    while ((count = queue_wait(taker->queue, fds, taker->most)) > 0) {
        taker->taken += count;
        for (int i = 0; i < count; i++)
            taker->sum += fds[i];
    }
    return NULL;
}

static void many_threads_take_each_number_once_and_end_when_it_is_shut(void **state)
{
    (void)state;
    struct queue queue;
    struct taker takers[TAKERS] = {0};
    pthread_t threads[TAKERS];
    int taken = 0, sum = 0;
    assert_int_equal(queue_open(&queue, ROOM), 0);
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){.queue = &queue, .most = 1 + 5 * i};
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, &takers[i]), 0);
    }
    for (int i = 0; i < NUMBERS; i++)
        queue_put(&queue, i);
    for (int waits = 0; waits < PATIENCE && queue_length(&queue) > 0; waits++)
        usleep(1000);
    queue_shut(&queue);
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(threads[i], NULL);
        taken += takers[i].taken;
        sum += takers[i].sum;
    }
    queue_close(&queue);
    assert_int_equal(taken, NUMBERS);
    assert_int_equal(sum, NUMBERS * (NUMBERS - 1) / 2);
}

static void a_queue_is_behind_when_more_wait_in_it_than_threads_for_them(void **state)
{
    static const struct {
        int threads, put;
        bool behind;
    } rows[] = {{0, 0, false}, {0, 1, true}, {1, 0, false}, {1, 1, false}, {1, 2, true}, {3, 3, false}, {3, 4, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct queue queue;
        assert_int_equal(queue_open(&queue, 4), 0);
        queue.waiting = rows[i].threads; /* as if there were so many, who haven't been woken yet */
        for (int n = 0; n < rows[i].put; n++)
            queue_put(&queue, n);
        assert_int_equal(queue_is_behind(&queue), rows[i].behind);
        queue_close(&queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_first_is_taken_first),
        cmocka_unit_test(a_batch_is_what_there_is_and_no_more_than_was_wanted),
        cmocka_unit_test(who_puts_the_first_is_told_so),
        cmocka_unit_test(an_empty_queue_gives_nothing_to_who_does_not_wait),
        cmocka_unit_test(a_shut_queue_gives_nothing_even_if_it_has_something),
        cmocka_unit_test(many_threads_take_each_number_once_and_end_when_it_is_shut),
        cmocka_unit_test(a_queue_is_behind_when_more_wait_in_it_than_threads_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
