// What the files of the floors share.
#ifndef FLOOR_H
#define FLOOR_H

#include "CAsyncMitogenFloor.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#define MARKER "amt-floor:"
#define MESSAGE_SIZE 64
// Roles that only the floors themselves start; descriptor 3 is their other socket, or the memory they answer in.
#define RELAY "relay"
#define MEASURE "measure"
#define SEND_FILE "file"

// What the measuring one of two siblings shares with the process that started it.
struct measurement {
  int64_t count;
  uint64_t durations[];
};

static inline int result(int value) { return value < 0 ? -errno : value; }

static inline uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// A socket pair whose ends are closed on exec.
int pair(int ends[2]);
// Starts this executable in a role with descriptor 0, and 3 if the second is not negative.
int start_role(const char *role, int input, int extra, pid_t *pid);
// Writes all of it, however many calls that takes.
int write_all(int descriptor, const void *bytes, size_t count);
// An epoll instance that watches one descriptor for input.
int poller_of(int descriptor);
// One message out, and one in after epoll_wait.
int exchange(int poller, int descriptor, void *message);
// Passes on what comes from either descriptor to the other, until one of them ends.
int relay(int first, int second);

#endif
