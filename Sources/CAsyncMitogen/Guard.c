// A process in front of a program, which ends it when nobody wants it any more: whoever started it may have been killed.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

// The statuses of a shell that cannot run what it found, and of one that found nothing.
#define FAILED 126
#define NOT_FOUND 127
// How long a program may take to end when it is asked to.
#define PATIENCE_MILLISECONDS 2000
// What follows the marker.
#define DIRECTORY 1
#define LEAVINGS 2
#define PROGRAM 3

__attribute__((noreturn)) static void run(char **argv, pid_t guard, int has_terminal, const sigset_t *mask) {
  // Whoever kills the process in front means this one.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(FAILED);
  setpgid(0, 0);
  // What wants to read from the terminal has to be in front there.
  if (has_terminal) tcsetpgrp(0, getpid());
  sigprocmask(SIG_SETMASK, mask, NULL);
  if (*argv[DIRECTORY] && chdir(argv[DIRECTORY]) && chdir("/")) _exit(FAILED);
  execvp(argv[PROGRAM], argv + PROGRAM);
  int error = errno;
  dprintf(2, "%s: %s\n", argv[PROGRAM], strerror(error));
  _exit(error == ENOENT ? NOT_FOUND : FAILED);
}

// Removes a directory with the files in it, for whoever made it is gone perhaps.
static void remove_directory(const char *path) {
  DIR *directory = opendir(path);
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) unlinkat(dirfd(directory), entry->d_name, 0);
  }
  closedir(directory);
  rmdir(path);
}

// Ends as the program did.
static int end_as(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  int number = WTERMSIG(status);
  sigset_t none;
  // The program has left its memory to be looked at, if it was to; this process has nothing to show.
  prctl(PR_SET_DUMPABLE, 0);
  signal(number, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  raise(number);
  return 128 + number;
}

int amt_guard(int argc, char **argv) {
  sigset_t held, before;
  int status = 0;
  if (argc <= PROGRAM) return FAILED;
  unsetenv(AMT_CHILD_VARIABLE);
  prctl(PR_SET_NAME, "mitogen");
  fcntl(AMT_GUARD_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
  sigemptyset(&held);
  sigaddset(&held, SIGCHLD);
  // Told to who takes the terminal without being in front.
  sigaddset(&held, SIGTTOU);
  sigprocmask(SIG_BLOCK, &held, &before);
  sigdelset(&held, SIGTTOU);
  int ends = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  pid_t front = tcgetpgrp(0), guard = getpid();
  int terminal = front >= 0 ? fcntl(0, F_DUPFD_CLOEXEC, AMT_GUARD_DESCRIPTOR + 1) : -1;
  pid_t program = ends < 0 ? -1 : fork();
  if (program == 0) run(argv, guard, terminal >= 0, &before);
  if (program < 0) {
    dprintf(2, "%s: %s\n", argv[PROGRAM], strerror(errno));
    return FAILED;
  }
  setpgid(program, program);
  // Who waits for the end of what the program prints would wait for this process.
  for (int number = 0; number < 3; number++) amt_replace_descriptor(number);
  struct pollfd watched[2] = {{.fd = ends, .events = POLLIN}, {.fd = AMT_GUARD_DESCRIPTOR, .events = 0}};
  int patience = -1;
  while (waitpid(program, &status, WNOHANG) == 0) {
    int count = poll(watched, 2, patience);
    if (count == 0) kill(-program, SIGKILL);
    if (count == 0) patience = -1;
    if (count <= 0) continue;
    struct signalfd_siginfo told;
    while (read(ends, &told, sizeof told) > 0) {
    }
    if (!watched[1].revents) continue;
    // One that is stopped has to go on to hear it.
    kill(-program, SIGTERM);
    kill(-program, SIGCONT);
    watched[1].fd = -1;
    patience = PATIENCE_MILLISECONDS;
  }
  // What it has started ends with it if nobody wants it; otherwise it may stay, as after a log-out.
  if (watched[1].fd < 0) {
    kill(-program, SIGKILL);
    if (*argv[LEAVINGS]) remove_directory(argv[LEAVINGS]);
  }
  if (terminal >= 0 && tcgetpgrp(terminal) == program) tcsetpgrp(terminal, front);
  return end_as(status);
}
