/* What a CPUID instruction takes, in nanoseconds. A virtual machine leaves its guest for each one; glibc, Rust and
 * ring ask for several dozen when a program starts. */
#if defined __x86_64__
#include <cpuid.h>
#include <stdio.h>
#include <time.h>

int main(void)
{
    enum { TIMES = 10000 };
    struct timespec before, after;
    unsigned a, b, c, d;

    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int n = 0; n < TIMES; n++)
        __cpuid_count(7, 0, a, b, c, d);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double took = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
    printf("%.0f\n", took / TIMES);
    return 0;
}
#else
int main(void) { return 1; }
#endif
