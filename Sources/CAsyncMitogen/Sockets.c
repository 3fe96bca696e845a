// Sockets whose address is a path: to Swift the address is a tuple of 108 numbers, and credentials are not in its module.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == AMT_UNIX_PATH_SIZE, "the size of an address");

static int address_of(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  strcpy(address->sun_path, path);
  return 0;
}

int amt_unix_socket(void) {
  int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return number < 0 ? -errno : number;
}

int amt_unix_bind(int number, const char *path, unsigned mode) {
  struct sockaddr_un address;
  int error = address_of(path, &address);
  if (error) return error;
  // What is bound gets the mode of the socket, as far as the process's mask allows: never more than asked for.
  if (fchmod(number, mode) != 0) return -errno;
  return bind(number, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

int amt_unix_connect(int number, const char *path) {
  struct sockaddr_un address;
  int error = address_of(path, &address);
  if (error) return error;
  int result;
  do result = connect(number, (struct sockaddr *)&address, sizeof address);
  while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

int amt_unix_connect_waiting(int number, const char *path, int milliseconds) {
  // How long a socket may take to send is also how long it waits for its turn to connect.
  struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000}, none = {0, 0};
  if (setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) return -errno;
  int result = amt_set_nonblocking(number, 0);
  if (!result) result = amt_unix_connect(number, path);
  if (!result) result = amt_set_nonblocking(number, 1);
  if (!result && setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none) != 0) result = -errno;
  return result;
}

int amt_listen(int number, int backlog) { return listen(number, backlog) < 0 ? -errno : 0; }

int amt_accept(int number) {
  int accepted;
  do accepted = accept4(number, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
  return accepted < 0 ? -errno : accepted;
}

int amt_peer_credentials(int number, struct amt_credentials *credentials) {
  struct ucred found;
  socklen_t size = sizeof found;
  if (getsockopt(number, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return -errno;
  credentials->process = found.pid;
  credentials->user = found.uid;
  credentials->group = found.gid;
  return 0;
}

int amt_finish_writing(int number) { return shutdown(number, SHUT_WR) < 0 ? -errno : 0; }

int amt_change_mode_at(int directory, const char *name, unsigned mode) {
  return fchmodat(directory, name, mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int amt_replace_descriptor(int number) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0) {
    // Without such a file: the end of a pipe that nobody holds the other end of.
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    close(ends[1]);
    nothing = ends[0];
  }
  int result = dup3(nothing, number, O_CLOEXEC) < 0 ? -errno : 0;
  close(nothing);
  return result;
}
