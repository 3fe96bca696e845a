// Our side of each floor, with its clock.
#define _GNU_SOURCE
#include "Floor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int amf_round_trips(amf_process process, uint64_t *durations, int count) {
  int poller = poller_of(process.descriptor);
  if (poller < 0) return poller;
  char message[MESSAGE_SIZE] = {0};
  int error = 0;
  for (int index = 0; index < count && !error; index++) {
    uint64_t start = now();
    error = exchange(poller, process.descriptor, message);
    durations[index] = now() - start;
  }
  close(poller);
  return error;
}

int amf_pipelined_round_trips(amf_process process, int count) {
  // As many as the default buffers of a local socket surely hold in one direction: with more, both sides could come to
  // wait for room at the same time.
  enum { window = 128 };
  char message[MESSAGE_SIZE] = {0};
  int sent = 0;
  for (int received = 0; received < count; received++) {
    for (; sent < count && sent < received + window; sent++) {
      if (write(process.descriptor, message, sizeof message) != sizeof message) return -EIO;
    }
    if (read(process.descriptor, message, sizeof message) != sizeof message) return -EIO;
  }
  return 0;
}

int amf_sibling_round_trips(uint64_t *durations, int count) {
  size_t size = sizeof(struct measurement) + (size_t)count * sizeof(uint64_t);
  int memory = memfd_create("durations", MFD_CLOEXEC);
  if (memory < 0) return -errno;
  struct measurement *shared = MAP_FAILED;
  int error = result(ftruncate(memory, (off_t)size));
  if (!error) {
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (shared == MAP_FAILED) error = -errno;
  }
  int ours[2] = {-1, -1};
  amf_process echo = {0, -1}, measuring = {0, -1};
  if (!error) {
    shared->count = count;
    error = amf_start(AMF_ECHO, &echo);
  }
  if (!error) {
    error = pair(ours);
    if (!error) error = start_role(MEASURE, ours[1], memory, &measuring.pid);
    if (ours[1] >= 0) close(ours[1]);
    measuring.descriptor = ours[0];
    // Ends when the measuring one has ended, and with it its socket.
    if (!error) error = relay(measuring.descriptor, echo.descriptor);
    if (ours[0] >= 0) close(ours[0]);
    if (measuring.pid > 0) waitpid(measuring.pid, NULL, 0);
    close(echo.descriptor);
    waitpid(echo.pid, NULL, 0);
  }
  if (shared != MAP_FAILED) {
    memcpy(durations, shared->durations, (size_t)count * sizeof(uint64_t));
    munmap(shared, size);
  }
  close(memory);
  return error;
}

int amf_fan_out(const amf_process *processes, int count, uint64_t *duration) {
  char message[MESSAGE_SIZE] = {0};
  struct epoll_event events[128];
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) return -errno;
  int error = 0;
  for (int index = 0; index < count && !error; index++) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = processes[index].descriptor}};
    error = result(epoll_ctl(poller, EPOLL_CTL_ADD, processes[index].descriptor, &event));
  }
  uint64_t start = now();
  for (int index = 0; index < count && !error; index++) {
    error = write_all(processes[index].descriptor, message, sizeof message);
  }
  for (int left = count; left > 0 && !error;) {
    int seen = epoll_wait(poller, events, 128, -1);
    if (seen < 0 && errno != EINTR) error = -errno;
    for (int index = 0; index < seen && !error; index++) {
      if (read(events[index].data.fd, message, sizeof message) != sizeof message) error = -EIO;
      left--;
    }
  }
  *duration = now() - start;
  close(poller);
  return error;
}

int amf_receive(amf_process process, int64_t bytes, int chunk, uint64_t *duration) {
  char *buffer = malloc((size_t)chunk);
  if (!buffer) return -ENOMEM;
  int poller = poller_of(process.descriptor);
  int error = poller < 0 ? poller : 0;
  uint64_t start = now();
  if (!error) error = write_all(process.descriptor, &bytes, sizeof bytes);
  while (bytes > 0 && !error) {
    struct epoll_event event;
    if (epoll_wait(poller, &event, 1, -1) < 0 && errno != EINTR) error = -errno;
    ssize_t got = read(process.descriptor, buffer, (size_t)chunk);
    if (got <= 0) error = got < 0 ? -errno : -EIO;
    bytes -= got;
  }
  *duration = now() - start;
  if (poller >= 0) close(poller);
  free(buffer);
  return error;
}

int amf_copy_file(amf_process process, int64_t bytes, int chunk, const char *path, uint64_t *duration) {
  char *buffer = malloc((size_t)chunk);
  if (!buffer) return -ENOMEM;
  int poller = poller_of(process.descriptor);
  uint64_t start = now();
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int error = poller < 0 ? poller : file < 0 ? -errno : 0;
  if (!error) error = write_all(process.descriptor, "x", 1);
  while (bytes > 0 && !error) {
    struct epoll_event event;
    if (epoll_wait(poller, &event, 1, -1) < 0 && errno != EINTR) error = -errno;
    ssize_t got = read(process.descriptor, buffer, (size_t)chunk);
    if (got <= 0) error = got < 0 ? -errno : -EIO;
    if (!error) error = write_all(file, buffer, (size_t)got);
    bytes -= got;
  }
  if (file >= 0) close(file);
  *duration = now() - start;
  if (poller >= 0) close(poller);
  free(buffer);
  return error;
}
