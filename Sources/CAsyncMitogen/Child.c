// How any process becomes a child context before its main runs, and what happens when it crashes.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

// The child's main, in Swift. Weak: a program that links only this target has none.
extern int amt_child_main(int argc, char **argv) __attribute__((weak));

typedef void (*initializer)(int, char **, char **);
extern initializer __init_array_start[] __attribute__((visibility("hidden")));
extern initializer __init_array_end[] __attribute__((visibility("hidden")));

static int child = 0;

int amt_is_child(void) { return child; }

void amt_set_child(int kind) { child = kind; }

static int is_marked(const char *argument) {
  return strncmp(argument, AMT_CHILD_MARKER, sizeof AMT_CHILD_MARKER - 1) == 0;
}

// A shell executes this program by a descriptor of its own, which nobody needs any more.
static void close_executed_descriptor(void) {
  static const char prefix[] = "/proc/self/fd/";
  const char *path = (const char *)getauxval(AT_EXECFN);
  if (!path || strncmp(path, prefix, sizeof prefix - 1) != 0) return;
  int descriptor = atoi(path + sizeof prefix - 1);
  if (descriptor > 2) close(descriptor);
}

// Process listings show the arguments as they lie in memory: the marker takes the place of the program's own name, which
// is a number of a descriptor or of an image, and of what else is before it. What is left over is empty.
static void take_name(char **argv, int index) {
  size_t own = 0, marker = strlen(argv[index]) + 1;
  for (int before = 0; before < index; before++) {
    if (argv[before] != argv[0] + own) return;
    own += strlen(argv[before]) + 1;
  }
  if (argv[index] != argv[0] + own) return;
  memmove(argv[0], argv[index], marker);
  memset(argv[0] + marker, 0, own);
  for (int behind = 1; behind <= index; behind++) argv[behind] = argv[0] + marker - 1;
  // Both point into what has just been written over.
  program_invocation_name = program_invocation_short_name = argv[0];
}

static long preamble_length = 0;

long amt_preamble_length(void) { return preamble_length; }

// A parent that takes this program for a Python interpreter starts it with Mitogen's bootstrap: -c, a program that runs
// what the next argument holds in base64, that, a name for process listings, and the length of what it will send. Nothing
// else looks so. Returns the length, or 0.
static long python_bootstrap(int argc, char **argv) {
  static const char begin[] = "import sys;sys.path", decode[] = "binascii.a2b_base64(sys.argv[1])";
  if (argc != 6 || strcmp(argv[1], "-c") != 0) return 0;
  if (strncmp(argv[2], begin, sizeof begin - 1) != 0 || !strstr(argv[2], "exec(") || !strstr(argv[2], decode)) return 0;
  size_t size = strlen(argv[3]);
  if (size < 64 || size > 65536 || size % 4 != 0) return 0;
  size_t letters = strspn(argv[3], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  if (size - letters > 2 || strspn(argv[3] + letters, "=") != size - letters) return 0;
  if (!argv[4][0] || strpbrk(argv[4], "/\\")) return 0;
  size_t digits = strspn(argv[5], "0123456789");
  if (digits < 1 || digits > 8 || argv[5][digits]) return 0;
  long length = atol(argv[5]);
  return length <= AMT_PREAMBLE_LIMIT ? length : 0;
}

// In process listings it is what our own children are: the marker and its name.
static void take_python_name(char **argv) {
  size_t own = 0, marker = sizeof AMT_CHILD_MARKER - 1, name = strlen(argv[4]) + 1;
  for (int index = 0; index < 6; index++) {
    if (argv[index] != argv[0] + own) return;
    own += strlen(argv[index]) + 1;
  }
  // There is room: the text in front of the name is longer than the marker.
  memmove(argv[0] + marker, argv[4], name);
  memcpy(argv[0], AMT_CHILD_MARKER, marker);
  memset(argv[0] + marker + name, 0, own - marker - name);
  for (int index = 1; index < 6; index++) argv[index] = argv[0] + marker + name - 1;
  program_invocation_name = program_invocation_short_name = argv[0];
}

__attribute__((constructor)) static void amt_become_child(int argc, char **argv, char **environment) {
  if (argc < 1 || !argv || !argv[0]) return;
  int enters = strcmp(argv[0], AMT_ENTER_MARKER) == 0;
  // A shell cannot choose a program's own name, so it gives the marker as the first argument.
  int follows = argc == 2 && is_marked(argv[1]);
  int serves = strncmp(argv[0], AMT_FORK_MARKER, sizeof AMT_FORK_MARKER - 1) == 0;
  int guards = strcmp(argv[0], AMT_GUARD_MARKER) == 0;
  int stands = argc > 1 && strncmp(argv[1], AMT_STAND_IN_MARKER, sizeof AMT_STAND_IN_MARKER - 1) == 0;
  int ours = enters || serves || follows || guards || stands || is_marked(argv[0]);
  long length = ours ? 0 : python_bootstrap(argc, argv);
  if (!ours && !length) return;
  if (ours && !getenv(AMT_CHILD_VARIABLE)) return;
  // A set-user-id program decides for itself what it is.
  if (getauxval(AT_SECURE)) return;
  if (guards) _exit(amt_guard(argc, argv));
  if (stands) _exit(amt_stand_in(argc, argv));
  if (enters) {
    int status = amt_enter(argc, argv);
    if (status != AMT_ENTERED) _exit(status);
    take_name(argv, 3);
  }
  if (follows) {
    close_executed_descriptor();
    take_name(argv, 1);
  }
  if (length) take_python_name(argv);
  // Otherwise the short name is that of the file: a descriptor's number, a digest, or `exe`.
  const char *file = (const char *)getauxval(AT_EXECFN);
  if (follows || enters || length || (file && strcmp(file, "/proc/self/exe") == 0)) prctl(PR_SET_NAME, "mitogen");
  preamble_length = length;
  child = length ? AMT_AS_PYTHON : AMT_STARTED;
  // Our place in the list of initializers is not ours to choose: run those behind us, for this call never returns.
  // In a static program libdispatch's is among them.
  initializer *next = __init_array_start;
  while (next < __init_array_end && *next != (initializer)amt_become_child) next++;
  for (next = next < __init_array_end ? next + 1 : next; next < __init_array_end; next++) {
    if (*next && *next != (initializer)-1) (*next)(argc, argv, environment);
  }
  if (serves) _exit(amt_serve_forks(argc, argv));
  // A marked process never falls through to main: it would start children in turn.
  if (!amt_child_main) _exit(70);
  _exit(amt_child_main(argc, argv));
}

// MARK: crashes

static int crash_sources[2] = {-1, -1};
static int crash_destination = -1;
static struct sigaction crash_previous[NSIG];
static const int crash_signals[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};

// Only calls that are safe in a signal handler.
static void crash(int signal, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  char buffer[4096];
  // Another thread may have read the reason already and be about to send it: it gets the time to. If this is the one
  // that polls, the watchdog takes its place meanwhile.
  struct timespec pause = {0, 50000000};
  nanosleep(&pause, NULL);
  for (int index = 0; index < 2; index++) {
    ssize_t count;
    while (crash_sources[index] >= 0 && (count = read(crash_sources[index], buffer, sizeof buffer)) > 0) {
      for (ssize_t done = 0; done < count;) {
        ssize_t written = write(crash_destination, buffer + done, (size_t)(count - done));
        if (written <= 0) break;
        done += written;
      }
    }
  }
  sigaction(signal, &crash_previous[signal], NULL);
  raise(signal);
}

void amt_install_crash_drain(int first, int second, int destination) {
  crash_sources[0] = first;
  crash_sources[1] = second;
  crash_destination = destination;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = crash;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (size_t index = 0; index < sizeof crash_signals / sizeof *crash_signals; index++) {
    sigaction(crash_signals[index], &action, &crash_previous[crash_signals[index]]);
  }
}

// MARK: libdispatch's main queue (exported for CFRunLoop; the same three calls)

extern int _dispatch_get_main_queue_handle_4CF(void) __attribute__((weak));
extern void _dispatch_main_queue_callback_4CF(void *) __attribute__((weak));

int amt_main_queue_descriptor(void) {
  return _dispatch_get_main_queue_handle_4CF ? _dispatch_get_main_queue_handle_4CF() : -1;
}

void amt_main_queue_drain(void) {
  if (_dispatch_main_queue_callback_4CF) _dispatch_main_queue_callback_4CF(NULL);
}
