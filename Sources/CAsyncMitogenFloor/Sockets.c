// The loops that both sides of the floors run: one message out and in, and a relay.
#define _GNU_SOURCE
#include "Floor.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int pair(int ends[2]) { return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)); }

int write_all(int descriptor, const void *bytes, size_t count) {
  const char *next = bytes;
  while (count > 0) {
    ssize_t written = write(descriptor, next, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    next += written;
    count -= (size_t)written;
  }
  return 0;
}

int poller_of(int descriptor) {
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) return -errno;
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptor}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0) return poller;
  int error = -errno;
  close(poller);
  return error;
}

int exchange(int poller, int descriptor, void *message) {
  if (write(descriptor, message, MESSAGE_SIZE) != MESSAGE_SIZE) return -EIO;
  struct epoll_event event;
  if (epoll_wait(poller, &event, 1, -1) != 1) return -EIO;
  // So few bytes are never split between two reads of a local socket.
  return read(descriptor, message, MESSAGE_SIZE) == MESSAGE_SIZE ? 0 : -EIO;
}

int relay(int first, int second) {
  static char bytes[65536];
  int poller = poller_of(first);
  if (poller < 0) return poller;
  struct epoll_event watched = {.events = EPOLLIN, .data = {.fd = second}};
  int error = result(epoll_ctl(poller, EPOLL_CTL_ADD, second, &watched));
  while (error == 0) {
    struct epoll_event events[2];
    int count = epoll_wait(poller, events, 2, -1);
    if (count < 0 && errno != EINTR) error = -errno;
    for (int index = 0; index < count && error == 0; index++) {
      int source = events[index].data.fd;
      ssize_t got = read(source, bytes, sizeof bytes);
      if (got <= 0) {
        close(poller);
        return got < 0 ? -errno : 0;
      }
      error = write_all(source == first ? second : first, bytes, (size_t)got);
    }
  }
  close(poller);
  return error;
}
