/* Prints the time (CLOCK_MONOTONIC, ns) as a line, COUNT times, one every PERIOD ms, once
 * somebody has opened the FIFO at GATE for writing:
 * ticker PERIOD COUNT GATE */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    long period_ns = atol(argv[1]) * 1000000L;
    long count = atol(argv[2]);
    struct timespec now, due;
    if (open(argv[3], O_RDONLY) < 0) return 1;
    clock_gettime(CLOCK_MONOTONIC, &due);
    /* Each at a time of its own within the period: processes do not work in step. */
    due.tv_nsec += (getpid() * 1000003L) % period_ns;
    for (long tick = 0; tick < count; tick++) {
        char line[32];
        due.tv_nsec += period_ns;
        while (due.tv_nsec >= 1000000000L) due.tv_nsec -= 1000000000L, due.tv_sec++;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0) {}
        clock_gettime(CLOCK_MONOTONIC, &now);
        int size = snprintf(line, sizeof line, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
        if (write(1, line, size) != size) return 1;
    }
    return 0;
}
