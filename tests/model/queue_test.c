#include "model/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { NUMBERS = 2000, TAKERS = 4, ROOM = NUMBERS };

static void what_was_put_first_is_taken_first(void **state)
{
    (void)state;
    struct queue queue;
    assert_int_equal(queue_open(&queue, 4), 0);
    for (int round = 0; round < 10; round++) { /* so that the ring wraps at every place */
        for (int i = 0; i < 3; i++)
            queue_put(&queue, 10 * round + i);
        for (int i = 0; i < 3; i++)
            assert_int_equal(queue_take(&queue), 10 * round + i);
    }
    queue_close(&queue);
}

static void a_shut_queue_gives_nothing_even_if_it_has_something(void **state)
{
    (void)state;
    struct queue queue;
    assert_int_equal(queue_open(&queue, 4), 0);
    queue_put(&queue, 1);
    queue_shut(&queue);
    assert_int_equal(queue_take(&queue), -1);
    queue_close(&queue);
    queue_close(&queue);
}

struct taker {
    struct queue *queue;
    int taken, sum;
};

static void *take_all(void *arg)
{
    struct taker *taker = arg;
    for (int number; (number = queue_take(taker->queue)) >= 0; taker->taken++)
        taker->sum += number;
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
        takers[i].queue = &queue;
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, &takers[i]), 0);
    }
    for (int i = 0; i < NUMBERS; i++)
        queue_put(&queue, i);
    for (int waits = 0; waits < 5000; waits++) {
        pthread_mutex_lock(&queue.lock);
        int left = queue.count;
        pthread_mutex_unlock(&queue.lock);
        if (left == 0)
            break;
        usleep(1000);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_first_is_taken_first),
        cmocka_unit_test(a_shut_queue_gives_nothing_even_if_it_has_something),
        cmocka_unit_test(many_threads_take_each_number_once_and_end_when_it_is_shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
