/* Lets calls of the system fail, or ends the process at one of them. Loaded with LD_PRELOAD; told what to do by `arm`.

   Counted are the calls that concern files below a directory, large blocks of memory, and new processes and threads.
   Libraries and their files are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN, WRITE, FSYNC, RENAME, MKDIR, UNLINK, TRUNCATE, MEMORY, CLONE, KINDS };
enum { LARGE = 1 << 16 };

typedef struct {
    long counts[KINDS]; /* calls so far, by kind */
    long fired;         /* how many of them failed */
} Tally;

static struct {
    volatile int armed;
    int kind, number, forever;
    long at;
    char below[4096];
    size_t length;
    Tally *tally;
} plan;

/* Begin to count. `number`: what errno is to be, 0: end the process. `at`: which call (from 1; 0: none). */
void arm(Tally *tally, const char *below, int kind, int number, long at, int forever) {
    plan.tally = tally;
    plan.kind = kind;
    plan.number = number;
    plan.at = at;
    plan.forever = forever;
    strncpy(plan.below, below, sizeof plan.below - 1);
    plan.length = strlen(plan.below);
    plan.armed = 1;
}

void disarm(void) { plan.armed = 0; }

static int hit(int kind) {
    long count = __sync_add_and_fetch(&plan.tally->counts[kind], 1);
    if (kind != plan.kind || plan.at == 0 || !(plan.forever ? count >= plan.at : count == plan.at)) return 0;
    __sync_add_and_fetch(&plan.tally->fired, 1);
    if (plan.number == 0) kill(getpid(), SIGKILL);
    errno = plan.number;
    return 1;
}

static int concerns(const char *path) { return plan.armed && path && strncmp(path, plan.below, plan.length) == 0; }

static int concerns_fd(int fd) {
    if (!plan.armed) return 0;
    static const char digits[] = "0123456789";
    char link[32] = "/proc/self/fd/", path[4096];
    char *end = link + 14;
    char number[12];
    int used = 0;
    do number[used++] = digits[fd % 10];
    while ((fd /= 10) && used < 11);
    while (used) *end++ = number[--used];
    *end = 0;
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return concerns(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MODE(flags)                                   \
    mode_t mode = 0;                                  \
    if ((flags) & (O_CREAT | O_TMPFILE)) {            \
        va_list list;                                 \
        va_start(list, flags);                        \
        mode = va_arg(list, mode_t);                  \
        va_end(list);                                 \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return concerns(path) && hit(OPEN) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    return concerns(path) && hit(OPEN) ? -1 : REAL(open64)(path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return concerns(path) && hit(OPEN) ? -1 : REAL(openat)(at, path, flags, mode);
}
ssize_t write(int fd, const void *data, size_t size) {
    return concerns_fd(fd) && hit(WRITE) ? -1 : REAL(write)(fd, data, size);
}
int fsync(int fd) { return concerns_fd(fd) && hit(FSYNC) ? -1 : REAL(fsync)(fd); }
int rename(const char *old, const char *new) { return concerns(old) && hit(RENAME) ? -1 : REAL(rename)(old, new); }
int renameat(int from, const char *old, int to, const char *new) {
    return concerns(old) && hit(RENAME) ? -1 : REAL(renameat)(from, old, to, new);
}
int mkdir(const char *path, mode_t mode) { return concerns(path) && hit(MKDIR) ? -1 : REAL(mkdir)(path, mode); }
int mkdirat(int at, const char *path, mode_t mode) {
    return concerns(path) && hit(MKDIR) ? -1 : REAL(mkdirat)(at, path, mode);
}
int unlink(const char *path) { return concerns(path) && hit(UNLINK) ? -1 : REAL(unlink)(path); }
int ftruncate(int fd, off_t length) { return concerns_fd(fd) && hit(TRUNCATE) ? -1 : REAL(ftruncate)(fd, length); }
int ftruncate64(int fd, off64_t length) {
    return concerns_fd(fd) && hit(TRUNCATE) ? -1 : REAL(ftruncate64)(fd, length);
}

/* Memory: what Python and NumPy ask for in large pieces; the C library would get it with mmap. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static int lacking(size_t size) { return plan.armed && size >= LARGE && hit(MEMORY); }
void *malloc(size_t size) { return lacking(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) {
    return (size && count > LARGE / size && lacking(LARGE)) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) { return lacking(size) ? NULL : __libc_realloc(block, size); }
void *mmap(void *place, size_t size, int access, int flags, int fd, off_t offset) {
    if ((flags & MAP_ANONYMOUS) && lacking(size)) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, place, size, access, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    if (plan.armed && hit(CLONE)) return plan.number;
    return REAL(pthread_create)(thread, attributes, start, argument);
}
pid_t fork(void) { return plan.armed && hit(CLONE) ? -1 : REAL(fork)(); }
pid_t vfork(void) { return fork(); } /* the real one must not return through a frame of its own */
