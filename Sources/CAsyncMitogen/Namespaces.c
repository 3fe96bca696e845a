// Becoming a process of a container: before there are threads, for only a process of one thread may enter all kinds.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// The status of a shell that cannot run what it found.
#define FAILED 126
#define KINDS 6
#define MAXIMUM_GROUPS 256

static int fail(const char *operation, const char *subject) {
  dprintf(2, "setns: %s(%s): %s\n", operation, subject, strerror(errno));
  return FAILED;
}

// Opens the namespaces of a process that this one is not in, all of them before the first is entered: /proc is another
// one afterwards.
static int open_namespaces(const char *leader, const char *const kinds[KINDS], int descriptors[KINDS]) {
  for (int index = 0; index < KINDS; index++) {
    char theirs[64], ours[64];
    struct stat their_status, our_status;
    descriptors[index] = -1;
    snprintf(theirs, sizeof theirs, "/proc/%s/ns/%s", leader, kinds[index]);
    snprintf(ours, sizeof ours, "/proc/self/ns/%s", kinds[index]);
    if (stat(theirs, &their_status)) {
      // A kernel without this kind.
      if (errno == ENOENT && !access("/proc/self/ns", F_OK) && access(ours, F_OK)) continue;
      return fail("stat", theirs);
    }
    if (!stat(ours, &our_status) && our_status.st_dev == their_status.st_dev && our_status.st_ino == their_status.st_ino)
      continue;
    descriptors[index] = open(theirs, O_RDONLY | O_CLOEXEC);
    if (descriptors[index] < 0) return fail("open", theirs);
  }
  return 0;
}

static int enter(const char *leader, int *enters_processes) {
  // The user's last: the rights to enter the others may be lost with it.
  static const char *const kinds[KINDS] = {"ipc", "uts", "net", "pid", "mnt", "user"};
  int descriptors[KINDS];
  char root[64];
  int status = open_namespaces(leader, kinds, descriptors);
  if (status) return status;
  // The root of a container need not be that of its namespace of mounts.
  snprintf(root, sizeof root, "/proc/%s/root", leader);
  if (chdir(root)) return fail("chdir", root);
  if (chroot(".")) return fail("chroot", root);
  if (chdir("/")) return fail("chdir", "/");
  for (int index = 0; index < KINDS; index++) {
    if (descriptors[index] >= 0 && setns(descriptors[index], 0)) return fail("setns", kinds[index]);
    if (descriptors[index] >= 0 && !strcmp(kinds[index], "pid")) *enters_processes = 1;
  }
  return 0;
}

// root, or a number, where the container's files know nothing of it: they may not even be there.
static int guess_account(const char *name, struct passwd *account) {
  char *end;
  errno = 0;
  unsigned long number = strcmp(name, "root") ? strtoul(name, &end, 10) : (end = "", 0);
  if (*end || !*name || errno || number > INT32_MAX) {
    errno = ENOENT;
    return fail("getpwnam", name);
  }
  account->pw_uid = account->pw_gid = (uid_t)number;
  account->pw_dir = "/";
  account->pw_shell = "/bin/sh";
  return 0;
}

// The container's account, from its own files: its name service may be another program than ours knows.
static int find_account(const char *name, struct passwd *account) {
  FILE *file = fopen("/etc/passwd", "re");
  if (!file) return guess_account(name, account);
  struct passwd *entry;
  while ((entry = fgetpwent(file)) && strcmp(entry->pw_name, name)) {
  }
  if (entry) {
    *account = *entry;
    account->pw_dir = strdup(entry->pw_dir);
    account->pw_shell = strdup(entry->pw_shell);
  }
  fclose(file);
  if (entry && account->pw_dir && account->pw_shell) return 0;
  return guess_account(name, account);
}

static int find_groups(const char *name, gid_t own, gid_t groups[MAXIMUM_GROUPS]) {
  int count = 0;
  groups[count++] = own;
  FILE *file = fopen("/etc/group", "re");
  if (!file) return count;
  for (struct group *entry; count < MAXIMUM_GROUPS && (entry = fgetgrent(file));) {
    for (char **member = entry->gr_mem; *member; member++) {
      if (!strcmp(*member, name) && entry->gr_gid != own) {
        groups[count++] = entry->gr_gid;
        break;
      }
    }
  }
  fclose(file);
  return count;
}

static int become(const char *name) {
  struct passwd account;
  gid_t groups[MAXIMUM_GROUPS];
  int status = find_account(name, &account);
  if (status) return status;
  int count = find_groups(name, account.pw_gid, groups);
  if (setgroups((size_t)count, groups)) return fail("setgroups", name);
  if (setregid(account.pw_gid, account.pw_gid)) return fail("setregid", name);
  if (setreuid(account.pw_uid, account.pw_uid)) return fail("setreuid", name);
  setenv("HOME", account.pw_dir, 1);
  setenv("SHELL", *account.pw_shell ? account.pw_shell : "/bin/sh", 1);
  setenv("LOGNAME", name, 1);
  setenv("USER", name, 1);
  if (!access(account.pw_dir, X_OK) && chdir(account.pw_dir)) return fail("chdir", account.pw_dir);
  return 0;
}

// A process of a container can open the program of any other there, also ours, which lies outside: were it the file
// itself, root in the container could write to it once we have ended. So we run a copy that nobody can write to.
static int run_sealed(char **argv) {
  int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (program < 0) return fail("open", "/proc/self/exe");
  int seals = fcntl(program, F_GET_SEALS);
  if (seals >= 0 && seals & F_SEAL_WRITE) {
    close(program);
    return 0;
  }
  struct stat status;
  if (fstat(program, &status)) return fail("stat", "/proc/self/exe");
  // MFD_EXEC, which newer systems want to be told.
  int copy = memfd_create("mitogen", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10);
  if (copy < 0 && errno == EINVAL) copy = memfd_create("mitogen", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0) return fail("memfd_create", "mitogen");
  for (off_t done = 0; done < status.st_size;) {
    ssize_t count = sendfile(copy, program, &done, (size_t)(status.st_size - done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("sendfile", "/proc/self/exe");
  }
  if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
    return fail("seal", "mitogen");
  fexecve(copy, argv, environ);
  return fail("exec", "mitogen");
}

// A process that enters a namespace of processes is not in it, only its children are. It ends as its child does.
static int wait_for(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail("wait", "mitogen");
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  signal(WTERMSIG(status), SIG_DFL);
  raise(WTERMSIG(status));
  return 128 + WTERMSIG(status);
}

// Goes on as a context of the container: it needs no shell, no file and no program in there.
static int become_child(char **argv) {
  int enters_processes = 0, status = run_sealed(argv);
  if (!status) status = enter(argv[1], &enters_processes);
  if (status) return status;
  pid_t child = enters_processes ? fork() : 0;
  if (child < 0) return fail("fork", "mitogen");
  if (child > 0) return wait_for(child);
  status = become(argv[2]);
  if (status) return status;
  // After the change of account, which takes it back. Whoever kills the process in front means this one.
  if (enters_processes) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return AMT_ENTERED;
}

int amt_enter(int argc, char **argv) {
  if (argc < 4) return FAILED;
  if (argc == 4 && !strncmp(argv[3], AMT_CHILD_MARKER, sizeof AMT_CHILD_MARKER - 1)) return become_child(argv);
  int enters_processes = 0, status = enter(argv[1], &enters_processes);
  if (!status) status = become(argv[2]);
  if (status) return status;
  unsetenv(AMT_CHILD_VARIABLE);
  execvp(argv[3], argv + 3);
  return fail("exec", argv[3]);
}
