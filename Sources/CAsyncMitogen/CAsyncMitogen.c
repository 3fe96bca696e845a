// The definition must come before any header, which is why these are not inline functions of our header.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int result(int value) { return value < 0 ? -errno : value; }

// MARK: epoll

static uint32_t to_epoll(uint32_t interest) {
  uint32_t events = 0;
  if (interest & AMT_READABLE) events |= EPOLLIN | EPOLLRDHUP;
  if (interest & AMT_WRITABLE) events |= EPOLLOUT;
  if (interest & AMT_EDGE) events |= EPOLLET;
  return events;
}

static int control(int epoll, int operation, int descriptor, uint32_t interest, uint64_t data) {
  struct epoll_event event = {.events = to_epoll(interest), .data = {.u64 = data}};
  return result(epoll_ctl(epoll, operation, descriptor, &event));
}

int amt_epoll_create(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

int amt_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t data) {
  return control(epoll, EPOLL_CTL_ADD, descriptor, interest, data);
}

int amt_epoll_modify(int epoll, int descriptor, uint32_t interest, uint64_t data) {
  return control(epoll, EPOLL_CTL_MOD, descriptor, interest, data);
}

int amt_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

int amt_epoll_wait(int epoll, struct amt_event *events, int capacity, int64_t nanoseconds) {
  struct epoll_event found[128];
  if (capacity > 128) capacity = 128;
  // Rounded up: a timer may not be found before it is due.
  int64_t milliseconds = nanoseconds < 0 ? -1 : (nanoseconds + 999999) / 1000000;
  if (milliseconds > INT_MAX) milliseconds = INT_MAX;
  int count = epoll_wait(epoll, found, capacity, (int)milliseconds);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int index = 0; index < count; index++) {
    uint32_t seen = found[index].events, told = 0;
    if (seen & (EPOLLIN | EPOLLPRI | EPOLLRDHUP)) told |= AMT_READABLE;
    if (seen & EPOLLRDHUP) told |= AMT_ENDED;
    if (seen & EPOLLOUT) told |= AMT_WRITABLE;
    if (seen & (EPOLLHUP | EPOLLERR)) told |= AMT_HANGUP;
    events[index].data = found[index].data.u64;
    events[index].events = told;
  }
  return count;
}

// MARK: descriptors

int amt_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int amt_timerfd(void) { return result(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }

int amt_timerfd_arm(int descriptor, int64_t nanoseconds) {
  struct itimerspec value = {0};
  value.it_value.tv_sec = nanoseconds / 1000000000;
  value.it_value.tv_nsec = nanoseconds % 1000000000;
  return result(timerfd_settime(descriptor, 0, &value, NULL));
}

int amt_socketpair(int descriptors[2], int nonblocking) {
  return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0, descriptors));
}

int amt_pipe(int descriptors[2], int nonblocking) {
  return result(pipe2(descriptors, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0)));
}

int amt_set_nonblocking(int descriptor, int nonblocking) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  return result(fcntl(descriptor, F_SETFL, nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

ssize_t amt_write(int descriptor, const struct iovec *pieces, int count, int is_socket) {
  ssize_t written;
  if (is_socket) {
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};
    written = sendmsg(descriptor, &message, MSG_NOSIGNAL);
    return written < 0 ? -errno : written;
  }
  // A pipe has no flag for this: the signal is held back, and taken if the write raised it.
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  int was_pending = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  written = writev(descriptor, pieces, count);
  ssize_t outcome = written < 0 ? -errno : written;
  if (outcome == -EPIPE && !was_pending) {
    struct timespec none = {0, 0};
    sigtimedwait(&pipe_signal, NULL, &none);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return outcome;
}

ssize_t amt_send(int descriptor, const void *bytes, size_t size) {
  ssize_t written = send(descriptor, bytes, size, MSG_NOSIGNAL);
  return written < 0 ? -errno : written;
}

ssize_t amt_read(int descriptor, void *first, size_t first_size, void *second, size_t second_size) {
  ssize_t count;
  if (second_size == 0) {
    count = read(descriptor, first, first_size);
  } else {
    struct iovec pieces[2] = {{first, first_size}, {second, second_size}};
    count = readv(descriptor, pieces, 2);
  }
  return count < 0 ? -errno : count;
}

int amt_is_socket(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
}

int amt_set_send_buffer(int descriptor, int size) {
  return result(setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
}

int amt_duplicate(int descriptor) { return result(fcntl(descriptor, F_DUPFD_CLOEXEC, 3)); }

// MARK: processes

int amt_pidfd_open(pid_t pid) { return result((int)syscall(SYS_pidfd_open, pid, 0)); }

int amt_pidfd_kill(int pidfd, int signal) {
  return result((int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int amt_spawn(const struct amt_spawn_request *request, pid_t *pid, int *pidfd) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  sigset_t none, most;
  int error = posix_spawnattr_init(&attributes);
  if (error) return error;
  error = posix_spawn_file_actions_init(&actions);
  if (error) {
    posix_spawnattr_destroy(&attributes);
    return error;
  }
  sigemptyset(&none);
  sigfillset(&most);
  sigdelset(&most, SIGKILL);
  sigdelset(&most, SIGSTOP);
  // A process group of its own: a terminal's interrupt goes to the master, which ends its children in order.
  short group = request->terminal ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &most);
  posix_spawnattr_setpgroup(&attributes, 0);
  // Ours are above 2 (amt_duplicate sees to it), so no duplicate overwrites one that is still needed.
  // The leader of a new session that opens a terminal is controlled by it.
  if (!error && request->terminal) error = posix_spawn_file_actions_addopen(&actions, 2, request->terminal, O_RDWR, 0);
  const int given[] = {request->input, request->output, request->error};
  for (int number = 0; number < 3 && !error; number++) {
    int source = given[number] < 0 && request->terminal ? 2 : given[number];
    if (source != number) error = posix_spawn_file_actions_adddup2(&actions, source, number);
  }
  int kept = 3;
  if (!error && request->life >= kept) error = posix_spawn_file_actions_adddup2(&actions, request->life, kept++);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, kept);
  if (!error) error = posix_spawnp(pid, request->path, &actions, &attributes, request->arguments, request->environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error) return error;
  // Nobody else reaps our children, so the number cannot have been given to another process yet.
  *pidfd = amt_pidfd_open(*pid);
  return *pidfd < 0 ? -*pidfd : 0;
}

int amt_reap(int pidfd, int *kind, int *status) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int done = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
  if (done < 0) return errno == EINTR ? 0 : -errno;
  if (info.si_pid == 0) return 0;
  *kind = info.si_code == CLD_EXITED ? 0 : 1;
  *status = info.si_status;
  return 1;
}

// MARK: threads, time, limits

void amt_futex_wait(uint32_t *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void amt_futex_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

struct thread_start {
  void (*body)(void *);
  void *argument;
  // As long as the system lets it be.
  char name[16];
};

static void *thread_main(void *opaque) {
  struct thread_start start = *(struct thread_start *)opaque;
  free(opaque);
  // Each for itself: to name another one takes three system calls, and it may be gone.
  prctl(PR_SET_NAME, start.name);
  start.body(start.argument);
  return NULL;
}

int amt_thread(const char *name, void (*body)(void *), void *argument) {
  struct thread_start *start = malloc(sizeof *start);
  if (!start) return ENOMEM;
  start->body = body;
  start->argument = argument;
  snprintf(start->name, sizeof start->name, "%s", name);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, thread_main, start);
  pthread_attr_destroy(&attributes);
  if (error) free(start);
  return error;
}

void amt_line_buffer_output(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

void amt_flush_output(void) { fflush(NULL); }

// glibc gives every block above a threshold pages of its own, and takes freed memory above twice the threshold back to
// the system; each block of 128 KiB then costs 32 page faults. The threshold rises to the largest block that has been
// freed, so freeing one, which is never touched, is enough.
void amt_keep_freed_memory(void) {
  void *volatile block = malloc(2u << 20);
  free(block);
}

uint64_t amt_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t amt_coarse_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t amt_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  return limit.rlim_cur;
}

// MARK: the image

struct image_search {
  uintptr_t address;
  struct amt_image *image;
  int found;
};

static int visit_image(struct dl_phdr_info *info, size_t size, void *opaque) {
  (void)size;
  struct image_search *search = opaque;
  struct amt_image image = {.base = info->dlpi_addr};
  int contains = 0;
  for (int index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[index];
    uintptr_t start = info->dlpi_addr + header->p_vaddr, end = start + header->p_memsz;
    if (header->p_type == PT_LOAD) {
      if (search->address >= start && search->address < end) contains = 1;
      if (header->p_flags & PF_X) {
        image.code_start = start;
        image.code_end = end;
      }
    } else if (header->p_type == PT_NOTE) {
      const uint8_t *note = (const uint8_t *)start;
      while (note + sizeof(ElfW(Nhdr)) <= (const uint8_t *)end) {
        const ElfW(Nhdr) *nhdr = (const ElfW(Nhdr) *)note;
        const uint8_t *name = note + sizeof *nhdr;
        const uint8_t *description = name + ((nhdr->n_namesz + 3) & ~3u);
        if (nhdr->n_type == NT_GNU_BUILD_ID && nhdr->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
          image.build_id = description;
          image.build_id_size = nhdr->n_descsz;
        }
        note = description + ((nhdr->n_descsz + 3) & ~3u);
      }
    }
  }
  if (!contains) return 0;
  *search->image = image;
  search->found = 1;
  return 1;
}

int amt_image_of(const void *address, struct amt_image *image) {
  struct image_search search = {.address = (uintptr_t)address, .image = image};
  dl_iterate_phdr(visit_image, &search);
  return search.found;
}

struct content_search {
  uintptr_t anchor, address, end;
  int found;
};

static int visit_content(struct dl_phdr_info *info, size_t size, void *opaque) {
  (void)size;
  struct content_search *search = opaque;
  int contains = 0, inside = 0;
  for (int index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[index];
    uintptr_t start = info->dlpi_addr + header->p_vaddr, end = start + header->p_memsz;
    if (header->p_type == PT_LOAD && search->anchor >= start && search->anchor < end) contains = 1;
    // Only what comes from the file: function records are constant, though some linkers put them beside variables.
    if (header->p_type == PT_LOAD && search->address >= start && search->end <= start + header->p_filesz) inside = 1;
  }
  if (!contains) return 0;
  search->found = inside;
  return 1;
}

int amt_image_contains(uintptr_t anchor, uintptr_t address, size_t size) {
  struct content_search search = {.anchor = anchor, .address = address, .end = address + size};
  if (search.end < address) return 0;
  dl_iterate_phdr(visit_content, &search);
  return search.found;
}
