// Shared libraries that come as bytes. A static program has no loader: there the functions are not found when it is linked,
// which is no error since the references are weak, and without them the C library's loader is not linked in.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#pragma weak dlopen
#pragma weak dlsym
#pragma weak dlerror

static void *fail(char *reason, size_t size, const char *operation, const char *text) {
  snprintf(reason, size, "%s: %s", operation, text);
  return NULL;
}

int amt_can_load_libraries(void) { return dlopen && dlsym && dlerror; }

void *amt_load_library(const char *name, const void *bytes, size_t count, char *reason, size_t size) {
  if (!amt_can_load_libraries()) return fail(reason, size, "dlopen", "this program is static and has no loader");
  int file = memfd_create(name, MFD_CLOEXEC);
  if (file < 0) return fail(reason, size, "memfd_create", strerror(errno));
  for (size_t written = 0; written < count;) {
    ssize_t result = write(file, (const char *)bytes + written, count - written);
    if (result >= 0) {
      written += (size_t)result;
    } else if (errno != EINTR) {
      fail(reason, size, "write", strerror(errno));
      close(file);
      return NULL;
    }
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  // What it has, others that are loaded later can use.
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    const char *text = dlerror();
    fail(reason, size, "dlopen", text ? text : "it failed");
  }
  close(file);
  return library;
}

void *amt_library_symbol(void *library, const char *name) { return amt_can_load_libraries() ? dlsym(library, name) : NULL; }
