// What a fork knows of the program's pages. It shares the memory of the process that it is forked of, but of files that
// are only read it is not told where in memory they are: it stops at each few pages that it comes to, to look them up. That
// would be a third of what it does until it is up.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

// Writes what is there already to the first byte of each segment that is only read. One page of it is this process's own
// from then on, and so the system passes on to forks where all pages of that segment are.
static int touch_image(struct dl_phdr_info *info, size_t size, void *opaque) {
  (void)size;
  int memory = *(int *)opaque;
  // The system's own part of each process is no file.
  if (info->dlpi_addr == getauxval(AT_SYSINFO_EHDR)) return 0;
  for (int index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[index];
    char byte;
    off_t start = (off_t)(info->dlpi_addr + header->p_vaddr);
    if (header->p_type != PT_LOAD || header->p_flags & PF_W) continue;
    if (pread(memory, &byte, 1, start) != 1 || pwrite(memory, &byte, 1, start) != 1) return 1;
  }
  return 0;
}

void amt_share_pages(void) {
  int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (memory < 0) return;
  dl_iterate_phdr(touch_image, &memory);
  close(memory);
}
