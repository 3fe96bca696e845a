// The other side of each floor: this executable started again, taken over by a constructor before its main.
#define _GNU_SOURCE
#include "Floor.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void echo(int poller) {
  char message[MESSAGE_SIZE];
  struct epoll_event event;
  for (;;) {
    if (poller >= 0 && epoll_wait(poller, &event, 1, -1) != 1) return;
    if (read(0, message, sizeof message) != sizeof message) return;
    if (write(0, message, sizeof message) != sizeof message) return;
  }
}

static void idle(void) {
  char byte = 1;
  if (write(0, &byte, 1) != 1) return;
  while (read(0, &byte, 1) > 0) continue;
}

static void source(void) {
  static char chunk[128 * 1024];
  int64_t wanted;
  memset(chunk, 'x', sizeof chunk);
  while (read(0, &wanted, sizeof wanted) == sizeof wanted) {
    for (; wanted > 0; wanted -= (int64_t)sizeof chunk) {
      size_t count = wanted < (int64_t)sizeof chunk ? (size_t)wanted : sizeof chunk;
      if (write_all(0, chunk, count) != 0) return;
    }
  }
}

static void send_file(void) {
  static char chunk[128 * 1024];
  char order;
  while (read(0, &order, 1) == 1) {
    off_t position = 0;
    ssize_t count;
    while ((count = pread(3, chunk, sizeof chunk, position)) > 0) {
      if (write_all(0, chunk, (size_t)count) != 0) return;
      position += count;
    }
  }
}

static void measure(void) {
  struct stat status;
  if (fstat(3, &status) != 0) return;
  struct measurement *shared = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
  int poller = poller_of(0);
  if (shared == MAP_FAILED || poller < 0) return;
  char message[MESSAGE_SIZE] = {0};
  // A tenth more than asked for comes first, unmeasured.
  for (int64_t index = -(shared->count / 10); index < shared->count; index++) {
    uint64_t start = now();
    if (exchange(poller, 0, message) != 0) return;
    if (index >= 0) shared->durations[index] = now() - start;
  }
}

// With the highest priority a program may use, so before all other constructors of the executable: a raw child has no
// part in what they do.
__attribute__((constructor(101), used)) static void become_raw_child(int count, char **arguments, char **environment) {
  (void)environment;
  if (count < 1 || strncmp(arguments[0], MARKER, sizeof MARKER - 1) != 0 || getauxval(AT_SECURE)) return;
  const char *role = arguments[0] + sizeof MARKER - 1;
  if (strcmp(role, AMF_ECHO) == 0) echo(poller_of(0));
  if (strcmp(role, AMF_BLOCKING_ECHO) == 0) echo(-1);
  if (strcmp(role, AMF_IDLE) == 0) idle();
  if (strcmp(role, AMF_SOURCE) == 0) source();
  if (strcmp(role, RELAY) == 0) relay(0, 3);
  if (strcmp(role, MEASURE) == 0) measure();
  if (strcmp(role, SEND_FILE) == 0) send_file();
  // Also if the role is unknown: a process with the marker never reaches main.
  _exit(0);
}
