// What programs run as `ssh`: it gives its streams and its words to the router that arranged that, and waits. Nothing of
// what flows goes through it.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// What ssh exits with if it fails itself.
#define FAILED 255
#define STREAMS 3

static int fail(const char *operation) {
  dprintf(2, "ssh: %s: %s\n", operation, strerror(errno));
  return FAILED;
}

// The path may be longer than an address; the directory is of no use to this process.
static int connect_to(char *path) {
  char *name = strrchr(path, '/');
  int number = amt_unix_socket();
  if (number < 0 || !name) return -1;
  *name++ = 0;
  if (chdir(path) || amt_set_nonblocking(number, 0)) return -1;
  int result = amt_unix_connect(number, name);
  errno = -result;
  return result ? -1 : number;
}

static int send_streams(int number, const void *bytes, size_t size) {
  static const int streams[STREAMS] = {0, 1, 2};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof streams)];
  } control = {.bytes = {0}};
  struct iovec piece = {(void *)bytes, size};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof streams);
  memcpy(CMSG_DATA(header), streams, sizeof streams);
  ssize_t sent;
  do sent = sendmsg(number, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)size ? 0 : -1;
}

static int send_all(int number, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = amt_send(number, bytes, size);
    if (sent == -EINTR) continue;
    if (sent < 0) return -1;
    bytes += sent;
    size -= (size_t)sent;
  }
  return 0;
}

int amt_stand_in(int argc, char **argv) {
  prctl(PR_SET_NAME, "ssh");
  // One that was started without a stream gets one, or the next file opened would be it.
  for (int stream = 0; stream < STREAMS; stream++) {
    if (fcntl(stream, F_GETFD) < 0) open("/dev/null", O_RDWR);
  }
  int number = connect_to(argv[1] + sizeof AMT_STAND_IN_MARKER - 1);
  if (number < 0) return fail("the program that started this one cannot be reached");
  uint64_t size = 0;
  for (int index = 2; index < argc; index++) size += strlen(argv[index]) + 1;
  if (send_streams(number, &size, sizeof size)) return fail("sendmsg");
  for (int index = 2; index < argc; index++) {
    // The answer may be that it is too much.
    if (send_all(number, argv[index], strlen(argv[index]) + 1)) break;
  }
  // The other side closes them when they end; nobody would notice if they were open here too.
  for (int stream = 0; stream < STREAMS; stream++) amt_replace_descriptor(stream);
  unsigned char status;
  ssize_t count;
  do count = read(number, &status, 1);
  while (count < 0 && errno == EINTR);
  return count == 1 ? status : FAILED;
}

ssize_t amt_receive_streams(int number, void *bytes, size_t size, int streams[3]) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(STREAMS * sizeof(int))];
  } control;
  struct iovec piece = {bytes, size};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t count;
  do count = recvmsg(number, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  // What else was sent has been closed by the system, for there was no room for it.
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return count;
  int given = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  int found[STREAMS] = {-1, -1, -1};
  memcpy(found, CMSG_DATA(header), (size_t)(given > STREAMS ? STREAMS : given) * sizeof(int));
  for (int stream = 0; stream < STREAMS; stream++) {
    if (streams[stream] >= 0) close(streams[stream]);
    streams[stream] = found[stream];
  }
  return count;
}

int amt_reopen(int descriptor, int writes) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  int number = open(path, (writes ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  return number < 0 ? -errno : number;
}

int amt_is_open_to_account(void) { return prctl(PR_GET_DUMPABLE) == 1; }
