// Pseudo-terminals.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

// Bytes pass as they are, in both directions, and are not echoed: what is typed must not come back.
static int make_raw(int descriptor) {
  struct termios mode;
  if (tcgetattr(descriptor, &mode)) return -errno;
  mode.c_iflag &= ~(tcflag_t)(IMAXBEL | IXOFF | INPCK | BRKINT | PARMRK | ISTRIP | INLCR | ICRNL | IXON | IGNPAR | IGNBRK);
  mode.c_oflag &= ~(tcflag_t)OPOST;
  mode.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL | ICANON | ISIG | IEXTEN | NOFLSH | TOSTOP);
  mode.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
  mode.c_cflag |= CS8 | CREAD;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  while (tcsetattr(descriptor, TCSAFLUSH, &mode)) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}

// Where the file system of terminals is mounted badly, grantpt may not change an owner that is right already.
static int unlock(int descriptor) {
  int off = 0;
  if (grantpt(descriptor) && errno != EPERM && errno != EACCES) return -errno;
  if (unlockpt(descriptor) && ioctl(descriptor, TIOCSPTLCK, &off)) return -errno;
  return 0;
}

static int slave_name(int descriptor, char *slave, size_t size) {
  unsigned number;
  int error = ptsname_r(descriptor, slave, size);
  if (!error) return 0;
  if (ioctl(descriptor, TIOCGPTN, &number)) return -error;
  int length = snprintf(slave, size, "/dev/pts/%u", number);
  return length > 0 && (size_t)length < size ? 0 : -ERANGE;
}

int amt_openpty(char *slave, size_t size) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 && errno == EPERM) master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return -errno;
  int error = unlock(master);
  if (!error) error = slave_name(master, slave, size);
  // On Linux both ends have one mode, which lasts as long as the master.
  if (!error) error = make_raw(master);
  if (error) {
    close(master);
    return error;
  }
  return master;
}

void amt_leave_terminal(int guarded) {
  struct sigaction hang_up;
  if (sigaction(SIGHUP, NULL, &hang_up) == 0 && hang_up.sa_handler == SIG_DFL) signal(SIGHUP, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, 0);
  if (setsid() >= 0) return;
  // Who leads a group cannot begin a session. The way out is through the parent's group, if that is of the same session.
  pid_t group = getpgid(getppid());
  if (group > 0 && setpgid(0, group) == 0 && !guarded) {
    if (setsid() >= 0) return;
    // Others are left in the group, who keep its number.
    setpgid(0, 0);
  }
  // A session of its own would have the group's old number, and a program that guards that group, as sudo does, would
  // kill it at the end; the program's own group is safe.
  int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return;
  ioctl(terminal, TIOCNOTTY);
  close(terminal);
}
