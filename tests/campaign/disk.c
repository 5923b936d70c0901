/* Watches what a program writes to the files of one database, and lets its disk run full.
 *
 * Preloaded (LD_PRELOAD) into the real command. DISK_FILES is the path that the database's files
 * begin with; DISK_JOURNAL is a file to which every write, truncation, flush, rename and removal is
 * appended, in order, as soon as it has happened; what is about to change is told before. A crash of
 * the program loses none of it, so the tests can tell what a power cut at that moment would have left:
 * disk.py does.
 * DISK_FULL_FROM, when set, is the number of the first write to the database (from 1) that finds the
 * disk full, 0 for none, -1 for a disk that is full already. It stays full, and so is everything
 * below DISK_FOLDER.
 *
 * A record: kind, path length, offset, data length, path, data; integers in the machine's order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct head { uint64_t kind, path, offset, data; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static long writes, full_from;
static const char *files, *folder;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static int begins(const char *path, const char *start) {
    return start && strncmp(path, start, strlen(start)) == 0;
}

/* The database and its logs; the index beside the log (-shm) is memory, and locks are no data. */
static int watched(const char *path) {
    size_t length = strlen(path);
    if (!begins(path, files)) return 0;
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return 0;
    return !(length > 5 && strcmp(path + length - 5, ".lock") == 0);
}

static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    files = getenv("DISK_FILES");
    folder = getenv("DISK_FOLDER");
    const char *from = getenv("DISK_FULL_FROM"), *to = getenv("DISK_JOURNAL");
    full_from = from ? atol(from) : 0;
    if (to) journal = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Called by whoever forks a command, too, when its environment is in place. */
__attribute__((constructor)) void begin(void) { start(); }

static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint64_t length) {
    struct head head = {(uint64_t)kind, strlen(path), offset, length};
    struct iovec parts[3] = {
        {&head, sizeof head}, {(void *)path, head.path}, {(void *)data, length}};
    if (journal < 0) return;
    if (writev(journal, parts, data ? 3 : 2) < 0) abort();
}

/* Tells what is about to change, up to the end of the file when `length` is REST: whoever is killed
 * before the record that follows may have done all of it, a part, or nothing. */
static const uint64_t REST = UINT64_MAX;
static void intend(const char *path, uint64_t offset, uint64_t length) {
    note('b', path, offset, &length, sizeof length);
}

/* Whether this write finds no room; called under the lock. */
static int no_room(const char *path) {
    if (!full_from) return 0;
    if (watched(path)) writes++;
    return writes >= full_from && begins(path, folder);
}

static ssize_t put(int fd, const void *data, size_t size, off_t offset, int placed) {
    char path[4096];
    if (!real_write) start();
    int known = files && fd != journal && path_of(fd, path, sizeof path);
    if (!known || !(watched(path) || begins(path, folder)))
        return placed ? real_pwrite(fd, data, size, offset) : real_write(fd, data, size);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    if (no_room(path)) {
        errno = ENOSPC;
    } else {
        if (!placed) offset = lseek(fd, 0, SEEK_CUR);
        if (watched(path)) intend(path, (uint64_t)offset, size);
        done = placed ? real_pwrite(fd, data, size, offset) : real_write(fd, data, size);
        if (done > 0 && watched(path)) note('w', path, (uint64_t)offset, data, (uint64_t)done);
    }
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

static int flushed(int fd, int result) {
    char path[4096];
    int kept = errno;
    if (result == 0 && files && path_of(fd, path, sizeof path)) {
        pthread_mutex_lock(&lock);
        note('s', path, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = kept;
    return result;
}

ssize_t write(int fd, const void *data, size_t size) { return put(fd, data, size, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return put(fd, data, size, at, 1); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) { return put(fd, data, size, at, 1); }

int ftruncate64(int fd, off_t size) {
    char path[4096];
    if (!real_ftruncate) start();
    if (!files || !path_of(fd, path, sizeof path) || !watched(path)) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    intend(path, (uint64_t)size, REST);
    int result = real_ftruncate(fd, size), kept = errno;
    if (result == 0) note('t', path, (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
    if (!real_fsync) start();
    return flushed(fd, real_fsync(fd));
}

int fdatasync(int fd) {
    if (!real_fdatasync) start();
    return flushed(fd, real_fdatasync(fd));
}

int unlink(const char *path) {
    if (!real_unlink) start();
    if (!files || !watched(path)) return real_unlink(path);
    pthread_mutex_lock(&lock);
    intend(path, 0, REST);
    int result = real_unlink(path), kept = errno;
    if (result == 0) note('u', path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
    return result;
}

int rename(const char *from, const char *to) {
    if (!real_rename) start();
    int result = real_rename(from, to), kept = errno;
    if (result == 0 && files && (watched(from) || watched(to))) {
        pthread_mutex_lock(&lock);
        note('r', from, 0, to, strlen(to));
        pthread_mutex_unlock(&lock);
    }
    errno = kept;
    return result;
}
