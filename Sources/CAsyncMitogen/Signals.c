// One signal of the process, told through a descriptor: a handler may do hardly anything.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Written before the handler can run, and never again.
static volatile int told = -1;

static void tell(int signal) {
  (void)signal;
  int before = errno;
  uint64_t one = 1;
  // A full counter means that there is something to read already.
  ssize_t written = write(told, &one, sizeof one);
  (void)written;
  errno = before;
}

int amt_signal_descriptor(int signal) {
  struct sigaction before, action;
  if (told >= 0) return -EBUSY;
  if (sigaction(signal, NULL, &before) != 0) return -errno;
  // Somebody else's handler stays.
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return -EBUSY;
  int descriptor = eventfd(0, EFD_CLOEXEC);
  if (descriptor < 0) return -errno;
  told = descriptor;
  memset(&action, 0, sizeof action);
  action.sa_handler = tell;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(signal, &action, NULL) == 0) return descriptor;
  int error = errno;
  told = -1;
  close(descriptor);
  return -error;
}
