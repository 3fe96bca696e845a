// The router's side of a fork server: the socket, and what goes through it.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

// A stream, where errors go, and the working directory.
#define GIVEN 3

int amt_fork_sockets(int descriptors[2]) {
  int result = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, descriptors);
  // Whatever a request may be long.
  int size = 2 * AMT_FORK_PACKET_SIZE;
  if (!result) setsockopt(descriptors[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  return result < 0 ? -errno : 0;
}

int amt_working_directory(void) {
  int number = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return number < 0 ? -errno : number;
}

int amt_send_fork_request(int number, const void *bytes, size_t size, const int *given, int count) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(GIVEN * sizeof(int))];
  } control = {.bytes = {0}};
  struct iovec piece = {(void *)bytes, size};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  if (count > GIVEN) return -EINVAL;
  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), given, (size_t)count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(number, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : 0;
}

ssize_t amt_receive_fork_reply(int number, struct amt_fork_reply *reply, char *text, size_t capacity, int *descriptor) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec pieces[2] = {{reply, sizeof *reply}, {text, capacity}};
  struct msghdr message = {
    .msg_iov = pieces, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  *descriptor = -1;
  ssize_t size;
  do size = recvmsg(number, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  if (size < 0) return -errno;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
  if (size == 0) return 0;
  return size < (ssize_t)sizeof *reply ? -EPROTO : size - (ssize_t)sizeof *reply + 1;
}
