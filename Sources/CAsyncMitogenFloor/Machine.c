// What the kernel knows about processes and processors.
#define _GNU_SOURCE
#include "Floor.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int amf_cpu_time(pid_t pid, uint64_t *nanoseconds) {
  clockid_t clock;
  struct timespec time;
  int error = clock_getcpuclockid(pid, &clock);
  if (error) return -error;
  if (clock_gettime(clock, &time) != 0) return -errno;
  *nanoseconds = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
  return 0;
}

int64_t amf_proportional_set_size(pid_t pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -errno;
  long long kibibytes = -1;
  while (kibibytes < 0 && fgets(line, sizeof line, file)) {
    if (sscanf(line, "Pss: %lld kB", &kibibytes) != 1) kibibytes = -1;
  }
  fclose(file);
  return kibibytes < 0 ? -ENODATA : kibibytes * 1024;
}

// Where this process was allowed to run before anything here changed it.
static const cpu_set_t *allowed(void) {
  static cpu_set_t set;
  if (CPU_COUNT(&set) == 0) sched_getaffinity(getpid(), sizeof set, &set);
  return &set;
}

int amf_cores(void) { return CPU_COUNT(allowed()); }

int amf_place(pid_t process, int core) {
  cpu_set_t set = *allowed();
  for (int processor = 0, index = 0; core >= 0 && processor < CPU_SETSIZE; processor++) {
    if (CPU_ISSET(processor, &set) && index++ != core) CPU_CLR(processor, &set);
  }
  // An affinity belongs to a thread: those that are there get it one by one, later ones inherit it.
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", process);
  DIR *threads = opendir(path);
  if (!threads) return -errno;
  int error = 0;
  for (struct dirent *entry; (entry = readdir(threads));) {
    pid_t thread = atoi(entry->d_name);
    // A thread may have ended since.
    if (thread > 0 && sched_setaffinity(thread, sizeof set, &set) != 0 && errno != ESRCH) error = -errno;
  }
  closedir(threads);
  return error;
}
