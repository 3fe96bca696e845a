// Opening files with the flags that Swift's module lacks.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

int amt_open_at(int directory, const char *name, int kind) {
  static const int flags[] = {
      O_PATH | O_DIRECTORY,
      O_PATH | O_DIRECTORY | O_NOFOLLOW,
      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
      O_RDONLY | O_NONBLOCK | O_NOCTTY,
  };
  int result;
  do {
    result = openat(directory, name, flags[kind] | O_CLOEXEC);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

int amt_make_temporary(char *name) {
  int result = mkostemp(name, O_CLOEXEC);
  return result < 0 ? -errno : result;
}
