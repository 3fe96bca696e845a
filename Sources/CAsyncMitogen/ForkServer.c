// The fork server: a process of this program that has one thread and no Swift run time at work, and is forked for every
// context that is to begin where it stands.
#define _GNU_SOURCE
#include "CAsyncMitogen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILED 71
#define TEXT_SIZE 4096
// A stream, where errors go, and the working directory.
#define STREAM 0
#define ERRORS 1
#define DIRECTORY 2
#define GIVEN 3

// All three are in Swift. Weak: a program that links only this target has none.
extern int amt_child_main(int argc, char **argv) __attribute__((weak));
extern void amt_warm_up(void) __attribute__((weak));
extern int amt_run_hook(const uint8_t *hook, size_t size, char *text, size_t capacity) __attribute__((weak));

// libdispatch's, which does not ask to be told of forks by itself: its main queue belongs to this thread from then on.
extern void dispatch_atfork_child(void) __attribute__((weak));

struct server {
  int control;
  int ends;
  // What signals were held back before this process held back one.
  sigset_t mask;
  // The memory that process listings show.
  char *title;
  size_t title_size;
};

struct request {
  struct amt_fork_request head;
  const uint8_t *name, *hook, *environment;
  int given[GIVEN];
  int given_count;
};

static struct server server = {.control = -1, .ends = -1};
static uint8_t packet[AMT_FORK_PACKET_SIZE];

// MARK: being told that nobody waits

static int watched = -1;

// Only calls that are safe in a signal handler.
static void end_if_abandoned(int signal) {
  (void)signal;
  int before = errno;
  struct pollfd link = {.fd = watched, .events = 0};
  if (poll(&link, 1, 0) > 0 && link.revents & (POLLHUP | POLLERR | POLLNVAL)) _exit(0);
  errno = before;
}

// Whatever the program does here, and however long: this process ends when the other side of a socket is gone.
static void watch(int descriptor) {
  struct sigaction action = {.sa_handler = end_if_abandoned, .sa_flags = SA_RESTART};
  watched = descriptor;
  sigaction(SIGIO, &action, NULL);
  fcntl(descriptor, F_SETOWN, getpid());
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_ASYNC);
  end_if_abandoned(SIGIO);
}

static void stop_watching(void) {
  fcntl(watched, F_SETFL, fcntl(watched, F_GETFL) & ~O_ASYNC);
  fcntl(watched, F_SETOWN, 0);
  // What is pending goes with the first of them: the second would end this process with it.
  signal(SIGIO, SIG_IGN);
  signal(SIGIO, SIG_DFL);
}

// MARK: answers

// Answers; with a descriptor if it is not negative. If nobody is there to read it, there is nothing left to do.
static void answer(struct amt_fork_reply reply, const char *text, int descriptor) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.bytes = {0}};
  reply.text_size = text ? (uint32_t)strnlen(text, TEXT_SIZE) : 0;
  struct iovec pieces[2] = {{&reply, sizeof reply}, {(void *)text, reply.text_size}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = reply.text_size ? 2 : 1};
  if (descriptor >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent;
  do sent = sendmsg(server.control, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) _exit(errno == EPIPE ? 0 : FAILED);
}

static void refuse(uint64_t number, int code, const char *text) {
  answer((struct amt_fork_reply){.number = number, .kind = AMT_FORK_REFUSED, .code = code}, text, -1);
}

static void reap(void) {
  int status;
  for (pid_t process; (process = waitpid(-1, &status, WNOHANG)) > 0;)
    answer((struct amt_fork_reply){.kind = AMT_FORK_ENDED, .process = process, .code = status}, NULL, -1);
}

// MARK: the new process

// The strings are those of the packet, one behind the other. What they replace stays: whoever has asked for a variable
// may have kept the answer.
static void take_environment(const uint8_t *strings, size_t size) {
  char *memory = malloc(size);
  size_t count = 0;
  for (size_t index = 0; index < size; index++) count += strings[index] == 0;
  char **list = calloc(count + 1, sizeof *list);
  if (!memory || !list) return;
  memcpy(memory, strings, size);
  for (size_t index = 0, start = 0; index < count; index++) {
    list[index] = memory + start;
    start += strlen(memory + start) + 1;
  }
  environ = list;
}

static void take_title(const uint8_t *name, size_t size) {
  if (!server.title) return;
  memset(server.title, 0, server.title_size);
  memcpy(server.title, name, size < server.title_size ? size : server.title_size - 1);
  program_invocation_name = program_invocation_short_name = server.title;
  prctl(PR_SET_NAME, "mitogen");
}

// What would be the same numbers in every process that is forked here.
static void seed(void) {
  unsigned seeds[2];
  if (getrandom(seeds, sizeof seeds, GRND_NONBLOCK) != sizeof seeds) return;
  srandom(seeds[0]);
  srand48((long)seeds[1]);
}

static void run_on_fork(const struct request *request) {
  char text[TEXT_SIZE] = "this program has no such function";
  if (!request->head.hook_size) return;
  watch(request->given[STREAM]);
  if (!amt_run_hook || amt_run_hook(request->hook, request->head.hook_size, text, sizeof text)) {
    fflush(NULL);
    dprintf(2, "onFork: %s\n", text);
    _exit(FAILED);
  }
  stop_watching();
  // What it printed, before there is another place to print to.
  fflush(NULL);
}

__attribute__((noreturn)) static void become_context(const struct request *request) {
  const int *given = request->given;
  close(server.control);
  close(server.ends);
  if (dispatch_atfork_child) dispatch_atfork_child();
  // A group of its own, as every child has.
  setpgid(0, 0);
  if (fchdir(given[DIRECTORY])) dprintf(given[ERRORS], "fchdir: %s\n", strerror(errno));
  if (request->head.environment_size) take_environment(request->environment, request->head.environment_size);
  take_title(request->name, request->head.name_size);
  seed();
  dup2(given[ERRORS], 1);
  dup2(given[ERRORS], 2);
  close(given[ERRORS]);
  close(given[DIRECTORY]);
  pthread_sigmask(SIG_SETMASK, &server.mask, NULL);
  run_on_fork(request);
  dup2(given[STREAM], 0);
  dup2(given[STREAM], 1);
  close(given[STREAM]);
  amt_set_child(AMT_FORKED);
  _exit(amt_child_main ? amt_child_main(0, NULL) : 70);
}

struct fork_call {
  const struct request *request;
  pid_t process;
  int error;
};

static void *fork_here(void *opaque) {
  struct fork_call *call = opaque;
  call->process = fork();
  if (call->process == 0) become_context(call->request);
  call->error = errno;
  return NULL;
}

// A thread is made for it, and the one that waits for it holds nothing. The new process consists of that thread, so
// whatever libraries keep for each thread is empty there, as in a process that has just begun: Swift's Mutex and
// libdispatch know threads by numbers that they remember, and in a fork of a thread with a past those would be wrong.
static int fork_process(const struct request *request, pid_t *process) {
  struct fork_call call = {.request = request};
  struct rlimit limit;
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  // The stack is the new process's for good: as large as that of one that has just begun, within reason.
  size_t stack = 8u << 20;
  if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur > stack)
    stack = limit.rlim_cur < 64u << 20 ? limit.rlim_cur : 64u << 20;
  pthread_attr_setstacksize(&attributes, stack);
  int error = pthread_create(&thread, &attributes, fork_here, &call);
  pthread_attr_destroy(&attributes);
  if (error) return error;
  pthread_join(thread, NULL);
  *process = call.process;
  return call.process < 0 ? call.error : 0;
}

// MARK: requests

static int thread_count(void) {
  char text[1024];
  int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), count = -1;
  if (file < 0) return -1;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return -1;
  text[size] = 0;
  const char *field = strrchr(text, ')');
  // The name, in parentheses, is the second field, and the number of threads the twentieth.
  for (int index = 2; field && index < 20; index++) field = strchr(field + 1, ' ');
  return field && sscanf(field, " %d", &count) == 1 ? count : -1;
}

// How many threads there are. One that has been waited for is still counted for a moment.
static int settled_thread_count(void) {
  int count = thread_count();
  for (int attempt = 0; attempt < 100 && count > 1; attempt++) {
    struct timespec pause = {0, 200000};
    nanosleep(&pause, NULL);
    count = thread_count();
  }
  return count;
}

static void start_process(const struct request *request) {
  char text[TEXT_SIZE];
  uint64_t number = request->head.number;
  int threads = settled_thread_count();
  if (threads != 1) {
    snprintf(
      text, sizeof text,
      "the fork server has %d threads, and only a process of one can be forked: what is prepared may start none", threads);
    return refuse(number, 0, threads < 0 ? "the fork server cannot count its threads in /proc/self/stat" : text);
  }
  // Whatever has been printed here belongs to this process, and not to each of its forks.
  fflush(NULL);
  pid_t process = -1;
  int error = fork_process(request, &process);
  if (error) return refuse(number, error, NULL);
  // Not reaped yet, so the number is still its own.
  int pidfd = amt_pidfd_open(process);
  if (pidfd < 0) {
    kill(process, SIGKILL);
    return refuse(number, -pidfd, NULL);
  }
  answer((struct amt_fork_reply){.number = number, .kind = AMT_FORK_STARTED, .process = process}, NULL, pidfd);
  close(pidfd);
}

static void prepare(const struct request *request) {
  char text[TEXT_SIZE] = "this program has no such function";
  sigset_t held;
  pthread_sigmask(SIG_SETMASK, &server.mask, &held);
  watch(server.control);
  int failed = !amt_run_hook || amt_run_hook(request->hook, request->head.hook_size, text, sizeof text);
  stop_watching();
  fflush(NULL);
  pthread_sigmask(SIG_SETMASK, &held, NULL);
  // Whatever has been made of it: ends of processes are told.
  signal(SIGCHLD, SIG_DFL);
  reap();
  if (failed) return refuse(request->head.number, 0, text);
  answer((struct amt_fork_reply){.number = request->head.number, .kind = AMT_FORK_PREPARED}, NULL, -1);
}

static int is_whole(const struct request *request, size_t size) {
  const struct amt_fork_request *head = &request->head;
  size_t left = size - sizeof *head;
  if (head->name_size > left || head->hook_size > left - head->name_size) return 0;
  if (head->environment_size != left - head->name_size - head->hook_size) return 0;
  if (head->environment_size && request->environment[head->environment_size - 1]) return 0;
  if (head->kind == AMT_FORK_PREPARE) return request->given_count == 0 && head->hook_size > 0;
  return head->kind == AMT_FORK_START && request->given_count == GIVEN && head->name_size > 0;
}

static void act(struct request *request, size_t size, int was_cut) {
  if (size < sizeof request->head) return refuse(0, 0, "malformed request: it has no head");
  memcpy(&request->head, packet, sizeof request->head);
  request->name = packet + sizeof request->head;
  request->hook = request->name + request->head.name_size;
  request->environment = request->hook + request->head.hook_size;
  if (was_cut || !is_whole(request, size))
    return refuse(request->head.number, 0, "malformed request: its parts do not fit");
  if (request->head.kind == AMT_FORK_PREPARE) return prepare(request);
  start_process(request);
}

// Reads a request and does what it says; 0 at the end.
static int serve(void) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(GIVEN * sizeof(int))];
  } control;
  struct request request = {.given_count = 0};
  struct iovec piece = {packet, sizeof packet};
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t size = recvmsg(server.control, &message, MSG_CMSG_CLOEXEC);
  if (size <= 0) return size < 0 && errno == EINTR;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    request.given_count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(request.given, CMSG_DATA(header), (size_t)request.given_count * sizeof(int));
  }
  act(&request, (size_t)size, message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
  for (int index = 0; index < request.given_count; index++) close(request.given[index]);
  return 1;
}

// MARK: the server

// Process listings show the memory of arguments and environment: it is the title's from now on, and the environment's
// strings get memory of their own.
static void take_memory_of_title(int argc, char **argv) {
  char *end = argv[0];
  for (int index = 0; index < argc && argv[index] == end; index++) end += strlen(argv[index]) + 1;
  size_t count = 0;
  for (; environ[count]; count++)
    if (environ[count] == end) end += strlen(end) + 1;
  char **list = calloc(count + 1, sizeof *list);
  if (!list) return;
  for (size_t index = 0; index < count; index++) {
    list[index] = strdup(environ[index]);
    if (!list[index]) return;
  }
  environ = list;
  server.title = argv[0];
  server.title_size = (size_t)(end - argv[0]);
}

int amt_serve_forks(int argc, char **argv) {
  sigset_t ends;
  unsetenv(AMT_CHILD_VARIABLE);
  take_memory_of_title(argc, argv);
  prctl(PR_SET_NAME, "mitogen-fork");
  // What is prepared may read its standard input, and finds nothing.
  server.control = amt_duplicate(0);
  if (server.control < 0 || amt_replace_descriptor(0)) return FAILED;
  fcntl(0, F_SETFD, 0);
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &ends, &server.mask);
  server.ends = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
  if (server.ends < 0) return FAILED;
  if (amt_warm_up) amt_warm_up();
  amt_share_pages();
  struct pollfd sources[2] = {{.fd = server.control, .events = POLLIN}, {.fd = server.ends, .events = POLLIN}};
  while (1) {
    if (poll(sources, 2, -1) < 0 && errno != EINTR) return FAILED;
    struct signalfd_siginfo end;
    while (read(server.ends, &end, sizeof end) > 0) {
    }
    reap();
    if (sources[0].revents && !serve()) return 0;
  }
}
