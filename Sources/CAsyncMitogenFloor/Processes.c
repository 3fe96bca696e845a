// Starting, stopping and looking at processes.
#define _GNU_SOURCE
#include "Floor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Descriptors 0, 1 and 3 of the new process are the ones given; where negative, 0 and 1 are ours, as 2 always is. All
// others are closed.
static int spawn(const char *path, char *const arguments[], int input, int output, int extra, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return -error;
  if (input >= 0) error = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (!error && output >= 0) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (!error && extra >= 0) error = posix_spawn_file_actions_adddup2(&actions, extra, 3);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, extra >= 0 ? 4 : 3);
  if (!error) error = posix_spawn(pid, path, &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return -error;
}

int start_role(const char *role, int input, int extra, pid_t *pid) {
  char marked[32];
  snprintf(marked, sizeof marked, MARKER "%s", role);
  char *arguments[] = {marked, NULL};
  return spawn("/proc/self/exe", arguments, input, -1, extra, pid);
}

int amf_start(const char *role, amf_process *process) {
  int ends[2];
  int error = pair(ends);
  if (error) return error;
  error = start_role(role, ends[1], -1, &process->pid);
  close(ends[1]);
  if (error) close(ends[0]);
  process->descriptor = ends[0];
  return error;
}

int amf_start_file(const char *path, amf_process *process) {
  int ends[2];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  int error = pair(ends);
  if (!error) {
    error = start_role(SEND_FILE, ends[1], file, &process->pid);
    close(ends[1]);
    if (error) close(ends[0]);
    process->descriptor = ends[0];
  }
  close(file);
  return error;
}

int amf_start_relays(amf_process *processes, int count) {
  int above[2], below[2];
  int error = pair(above);
  if (error) return error;
  // Only the first is ours to talk to: the others' sockets belong to their neighbours.
  int first = above[0];
  for (int index = 0; index < count && !error; index++) {
    int last = index == count - 1;
    below[0] = below[1] = -1;
    if (!last) error = pair(below);
    if (!error) error = start_role(last ? AMF_ECHO : RELAY, above[1], below[0], &processes[index].pid);
    processes[index].descriptor = index == 0 ? first : -1;
    close(above[1]);
    if (below[0] >= 0) close(below[0]);
    above[1] = below[1];
  }
  if (error) close(first);
  return error;
}

int amf_stop(const amf_process *processes, int count, uint64_t *duration) {
  uint64_t start = now();
  int error = 0;
  for (int index = 0; index < count; index++) {
    if (processes[index].descriptor >= 0) close(processes[index].descriptor);
  }
  for (int index = 0; index < count; index++) {
    while (waitpid(processes[index].pid, NULL, 0) < 0) {
      if (errno == EINTR) continue;
      error = -errno;
      break;
    }
  }
  *duration = now() - start;
  return error;
}

int amf_start_idle(amf_process *processes, int count, uint64_t *duration) {
  uint64_t start = now();
  char byte;
  for (int index = 0; index < count; index++) {
    int error = amf_start(AMF_IDLE, &processes[index]);
    if (error) return error;
  }
  // In order: the last of the first bytes is what counts, and a byte that came earlier is simply there.
  for (int index = 0; index < count; index++) {
    if (read(processes[index].descriptor, &byte, 1) != 1) return -EIO;
  }
  *duration = now() - start;
  return 0;
}

int amf_run_true(uint64_t *duration) {
  char *arguments[] = {"true", NULL};
  pid_t pid;
  uint64_t start = now();
  int error = spawn("/bin/true", arguments, -1, -1, -1, &pid);
  if (!error && waitpid(pid, NULL, 0) < 0) error = -errno;
  *duration = now() - start;
  return error;
}

int amf_run_commands(char *const arguments[], int count, uint64_t *duration) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return -error;
  for (int descriptor = 0; descriptor < 3 && !error; descriptor++) {
    error = posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0);
  }
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t *started = calloc((size_t)count, sizeof *started);
  int running = 0, failed = 0;
  uint64_t start = now();
  while (!error && started && running < count) {
    error = posix_spawnp(&started[running], arguments[0], &actions, NULL, arguments, environ);
    if (!error) running++;
  }
  while (running > 0) {
    int status;
    if (waitpid(started[--running], &status, 0) < 0 || status != 0) failed = 1;
  }
  *duration = now() - start;
  posix_spawn_file_actions_destroy(&actions);
  free(started);
  return error ? -error : !started ? -ENOMEM : failed ? -ECHILD : 0;
}

int amf_start_self(const char *first, const char *second, amf_process *process) {
  int ends[2];
  int error = pair(ends);
  if (error) return error;
  char *arguments[] = {"AsyncMitogenDemo", (char *)first, (char *)second, NULL};
  error = spawn("/proc/self/exe", arguments, ends[1], ends[1], -1, &process->pid);
  close(ends[1]);
  if (error) close(ends[0]);
  process->descriptor = ends[0];
  return error;
}

int amf_read(int descriptor, char *bytes, int capacity) {
  ssize_t got;
  do got = read(descriptor, bytes, (size_t)capacity);
  while (got < 0 && errno == EINTR);
  return result((int)got);
}

int amf_kill_and_wait(const pid_t *processes, int count, int milliseconds, uint64_t *duration) {
  // A pidfd tells the end of a process whoever is its parent, and also when nobody reaps it.
  struct pollfd ends[count];
  int error = 0, opened = 0;
  for (; opened < count && !error; opened++) {
    ends[opened].fd = (int)syscall(SYS_pidfd_open, processes[opened], 0);
    ends[opened].events = POLLIN;
    if (ends[opened].fd < 0) error = -errno;
  }
  uint64_t start = now();
  if (!error && kill(processes[0], SIGKILL) != 0) error = -errno;
  for (int left = count; left > 0 && !error;) {
    int waited = (int)((now() - start) / 1000000);
    int seen = waited > milliseconds ? 0 : poll(ends, (nfds_t)count, milliseconds - waited);
    if (seen == 0) error = -ETIME;
    if (seen < 0 && errno != EINTR) error = -errno;
    for (int index = 0; index < count && seen > 0; index++) {
      if (ends[index].fd < 0 || ends[index].revents == 0) continue;
      close(ends[index].fd);
      ends[index].fd = -1;
      left--;
    }
  }
  *duration = now() - start;
  for (int index = 0; index < opened; index++) {
    if (ends[index].fd >= 0) close(ends[index].fd);
  }
  return error;
}

void amf_kill_all(const pid_t *processes, int count) {
  for (int index = 0; index < count; index++) kill(processes[index], SIGKILL);
}
