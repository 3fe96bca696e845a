// What AsyncMitogen needs of Linux that Swift's Glibc module lacks (epoll, descriptors made with flags, pidfd), what
// must not run in Swift (signal handlers), and the constructor that makes any process a context. No logic that Swift
// could hold. Functions return -errno on failure unless said otherwise.
#ifndef CASYNCMITOGEN_H
#define CASYNCMITOGEN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define AMT_READABLE 1u
#define AMT_WRITABLE 2u
#define AMT_HANGUP 4u
// Told beside AMT_READABLE: nothing will come after what is there.
#define AMT_ENDED 8u
// Asked for: events are told once, when something changes, and not as long as they last.
#define AMT_EDGE 16u

// The first bytes of a child's argv[0]; the environment variable that goes with it.
#define AMT_CHILD_MARKER "mitogen:"
#define AMT_CHILD_VARIABLE "ASYNC_MITOGEN_CHILD"

struct amt_event {
  uint64_t data;
  uint32_t events;
};

// epoll (missing in Swift: <sys/epoll.h> is not in the module, and its struct is packed).
int amt_epoll_create(void);
// interest is a set of AMT_READABLE, AMT_WRITABLE and AMT_EDGE; hang-ups are always told.
int amt_epoll_add(int epoll, int descriptor, uint32_t interest, uint64_t data);
int amt_epoll_modify(int epoll, int descriptor, uint32_t interest, uint64_t data);
int amt_epoll_remove(int epoll, int descriptor);
// Waits at most the given nanoseconds, for ever if negative. Returns the number of events; 0 if interrupted.
int amt_epoll_wait(int epoll, struct amt_event *events, int capacity, int64_t nanoseconds);

int amt_eventfd(void);
int amt_timerfd(void);
// Arms a one-shot timer; 0 disarms it.
int amt_timerfd_arm(int descriptor, int64_t nanoseconds);

int amt_socketpair(int descriptors[2], int nonblocking);
int amt_pipe(int descriptors[2], int nonblocking);
int amt_set_nonblocking(int descriptor, int nonblocking);
// Writes what is gathered; never raises SIGPIPE, which Swift's write and writev would.
ssize_t amt_write(int descriptor, const struct iovec *pieces, int count, int is_socket);
// As amt_write, of one piece to a socket.
ssize_t amt_send(int descriptor, const void *bytes, size_t size);
// Reads into one place or two.
ssize_t amt_read(int descriptor, void *first, size_t first_size, void *second, size_t second_size);
int amt_is_socket(int descriptor);
int amt_set_send_buffer(int descriptor, int size);
// A duplicate at or above 3, closed on exec.
int amt_duplicate(int descriptor);

// What a spawned process gets. Descriptors 0, 1 and 2 are duplicates of the three given; all others are closed.
// With a terminal it leads a session that is controlled by it, and a descriptor that is negative is the terminal.
struct amt_spawn_request {
  const char *path;
  char *const *arguments;
  char *const *environment;
  int input;
  int output;
  int error;
  const char *terminal;
  // What becomes AMT_GUARD_DESCRIPTOR; nothing if it is one of the standard three.
  int life;
};
// Returns 0 or a positive errno; pid and a pidfd (closed on exec).
int amt_spawn(const struct amt_spawn_request *request, pid_t *pid, int *pidfd);
int amt_pidfd_open(pid_t pid);
int amt_pidfd_kill(int pidfd, int signal);
// Reaps without waiting: 1 and the result if it has ended, 0 if not. kind is 0 for an exit, 1 for a signal.
int amt_reap(int pidfd, int *kind, int *status);

// Threads sleep and are woken on a word of memory.
void amt_futex_wait(uint32_t *word, uint32_t expected);
void amt_futex_wake(uint32_t *word);
// Takes the permit that amt_give left; 1 if there was one.
static inline uint32_t amt_take(uint32_t *word) { return __atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE); }
static inline void amt_give(uint32_t *word) { __atomic_store_n(word, 1, __ATOMIC_RELEASE); }
// Starts a detached thread. Returns 0 or an errno.
int amt_thread(const char *name, void (*body)(void *), void *argument);

// Standard output by lines (stdout is a macro, and no safe variable to Swift), and all of it written.
void amt_line_buffer_output(void);
void amt_flush_output(void);

// Lets the C library keep up to 4 MiB of freed memory: see the function.
void amt_keep_freed_memory(void);

uint64_t amt_monotonic_nanoseconds(void);
// The same clock as of the last tick of the kernel's, one to ten milliseconds ago.
uint64_t amt_coarse_nanoseconds(void);
// Raises the soft limit of open descriptors to the hard one; returns the limit that is now in force.
uint64_t amt_raise_descriptor_limit(void);

// The image's own first loaded address and the bounds of its executable segment, for closures as offsets.
struct amt_image {
  uintptr_t base;
  uintptr_t code_start;
  uintptr_t code_end;
  const uint8_t *build_id;
  size_t build_id_size;
};
// The image that contains the given address; 0 if none does.
int amt_image_of(const void *address, struct amt_image *image);
// Whether the given bytes lie in what was loaded from the file of the image that contains anchor.
int amt_image_contains(uintptr_t anchor, uintptr_t address, size_t size);

// On a fatal signal: copies what is still unread in the two given descriptors to a third, then lets the signal go on.
void amt_install_crash_drain(int first, int second, int destination);
// A descriptor that is readable as an eventfd when the process has got the signal: for one signal, once, for ever. -EBUSY if
// that has been done, or the signal has another handler.
int amt_signal_descriptor(int signal);
// The main queue of libdispatch, served by hand: a descriptor that is readable when it has work; -1 if there is none.
int amt_main_queue_descriptor(void);
void amt_main_queue_drain(void);

// How this process became a child context: started as one, forked by a fork server, or started as a Python interpreter
// that is to become one. 0 if it is none.
#define AMT_STARTED 1
#define AMT_FORKED 2
#define AMT_AS_PYTHON 3
#define AMT_PREAMBLE_LIMIT (16 << 20)
int amt_is_child(void);
// How long what a parent sends that takes this program for a Python interpreter is, in bytes; 0 if none does.
long amt_preamble_length(void);
void amt_set_child(int kind);

// MARK: files (openat's flags are not all in Swift's module)

#define AMT_CURRENT_DIRECTORY (-100)
// A directory to look in, wherever links lead; one that is no link; a file to read that is no link; one wherever links
// lead. None of them waits for the other end of a pipe, or becomes the controlling terminal.
#define AMT_OPEN_ROOT 0
#define AMT_OPEN_DIRECTORY 1
#define AMT_OPEN_FILE 2
#define AMT_OPEN_FOLLOWED 3
int amt_open_at(int directory, const char *name, int kind);
// A new file to read and write, whose name ends with what it puts in place of the six X at the end.
int amt_make_temporary(char *name);

// MARK: sockets whose address is a path

// How long an address may be, with the zero at its end.
#define AMT_UNIX_PATH_SIZE 108
struct amt_credentials {
  pid_t process;
  uid_t user;
  gid_t group;
};
// A stream socket; it does not block, nor does what is accepted from it.
int amt_unix_socket(void);
int amt_unix_bind(int number, const char *path, unsigned mode);
// -EAGAIN if somebody listens there who has too many waiting already.
int amt_unix_connect(int number, const char *path);
// Waits so long for its turn, and says -EAGAIN then.
int amt_unix_connect_waiting(int number, const char *path, int milliseconds);
int amt_listen(int number, int backlog);
int amt_accept(int number);
// Who made the other end, at that time. A process of another process namespace is 0.
int amt_peer_credentials(int number, struct amt_credentials *credentials);
// The other side finds the end of what was written; what it sends can still be read.
int amt_finish_writing(int number);
// Never of what a link leads to.
int amt_change_mode_at(int directory, const char *name, unsigned mode);
// Closes what a descriptor stands for; its number stands for nothing from then on, and is still taken.
int amt_replace_descriptor(int number);
// Leaves the session, or at least gives up its terminal, and outlives them: nobody who ends what belongs to them reaches
// this process. Guarded means that another program than the parent of this context started it, and looks after it.
void amt_leave_terminal(int guarded);

// MARK: digests (Swift has no instructions for SHA-256, and its vectors are not fast enough for BLAKE3)

// Takes whole blocks of 64 bytes into the state of a SHA-256, if this processor can; returns 0 if it cannot.
int amt_sha256(uint32_t state[8], const void *blocks, size_t count);

// How many chunks of 1,024 bytes a tree has at most, and at least.
#define AMT_BLAKE3_TREE 64
#define AMT_BLAKE3_LEAST_TREE 16
// The value of one chunk, of at most 1,024 bytes; whole if it is all there is.
void amt_blake3_chunk(const uint8_t *bytes, size_t count, uint64_t number, int is_whole, uint32_t value[8]);
// The value of two that stand side by side; whole if nothing is beside them.
void amt_blake3_parent(const uint32_t children[16], int is_whole, uint32_t value[8]);
// The values of the two halves of a tree of so many chunks, a power of two. `vectors` is the widest kind that may be
// used: 0 what every processor has, 1 AVX2, 2 AVX-512.
void amt_blake3_tree(const uint8_t *bytes, size_t count, uint64_t number, int vectors, uint32_t halves[16]);

// How many bytes one NH takes, how many it leaves, and how long its key is.
#define AMT_NH_UNIT 1024
#define AMT_NH_SUM 32
#define AMT_NH_KEY (AMT_NH_UNIT + 48)
// The sums of so many units, one behind the other; `vectors` as above.
void amt_nh(const void *bytes, size_t count, const uint8_t key[AMT_NH_KEY], int vectors, void *sums);

// MARK: shared libraries (dlopen would bring the loader into every static program)

int amt_can_load_libraries(void);
// Loads a library for ever; NULL and the reason as text if that does not work.
void *amt_load_library(const char *name, const void *bytes, size_t count, char *reason, size_t size);
void *amt_library_symbol(void *library, const char *name);

// MARK: terminals (posix_openpt and its like are not in Swift's module)

// Makes a pseudo-terminal that passes bytes as they are. Returns its master (closed on exec), and the path of its slave.
int amt_openpty(char *slave, size_t size);

// MARK: namespaces (only a process of one thread may enter all kinds)

// The argv[0] of a process that is to become one of a container; the variable of children goes with it.
#define AMT_ENTER_MARKER "mitogen-enter:"

// Of the constructor: argv is the marker, the container's first process, an account in it, and what to run: a command line,
// or the marker of a child, which this process goes on as. Returns AMT_ENTERED in that child, and elsewhere the status to
// exit with.
#define AMT_ENTERED -1
int amt_enter(int argc, char **argv);

// MARK: the fork server (a process with threads cannot be forked)

// How the argv[0] of a process begins that is to be a fork server; the variable of children goes with it. Its standard input is a
// socket of packets: each is a request, with the name, the hook and the environment behind it, or a reply, with a text.
#define AMT_FORK_MARKER "mitogen-fork:"
#define AMT_FORK_PACKET_SIZE 131072

// A new context, with three descriptors: its stream, where errors go, the working directory. The hook is what is run
// first, in the new process; the environment, if there is one, is strings with a zero behind each.
#define AMT_FORK_START 1
// The hook is run in the server.
#define AMT_FORK_PREPARE 2
struct amt_fork_request {
  uint64_t number;
  uint32_t kind;
  uint32_t name_size;
  uint32_t hook_size;
  uint32_t environment_size;
};

// A process runs; its pidfd comes with it.
#define AMT_FORK_STARTED 1
#define AMT_FORK_PREPARED 2
// Why is the text, or the code: an errno.
#define AMT_FORK_REFUSED 3
// A process has ended: code is what waitpid said.
#define AMT_FORK_ENDED 4
struct amt_fork_reply {
  uint64_t number;
  uint32_t kind;
  int32_t process;
  int32_t code;
  uint32_t text_size;
};

// Of the constructor: serves until the other side is gone; returns the status to exit with.
int amt_serve_forks(int argc, char **argv);
// Of the server: its forks know where the pages of the program are. Without /proc/self/mem they find out one by one.
void amt_share_pages(void);
// The router's end and the server's.
int amt_fork_sockets(int descriptors[2]);
// The directory that this process is in, wherever it may look: to be gone to, and nothing else.
int amt_working_directory(void);
int amt_send_fork_request(int number, const void *bytes, size_t size, const int *given, int count);
// Does not wait. 0 at the end, otherwise one more than the text is long.
ssize_t amt_receive_fork_reply(int number, struct amt_fork_reply *reply, char *text, size_t capacity, int *descriptor);

// MARK: other programs on behalf of contexts

// The argv[0] of a process that is to guard a program; the variable of children goes with it. It ends the program when
// the other end of a descriptor is closed.
#define AMT_GUARD_MARKER "mitogen-guard:"
#define AMT_GUARD_DESCRIPTOR 3

// Of the constructor: argv is the marker, the directory to be in (this one if empty), one to remove if it had to end the
// program (none if empty), and the program with its arguments. Returns the status to exit with, or ends by the signal that ended the program.
int amt_guard(int argc, char **argv);

// How the argv[1] of a process begins that is to be an `ssh` of ours, with the path of a socket behind it; the variable of
// children goes with it. It sends eight bytes, the size of what follows, with its three streams; then its arguments, each
// with a zero behind it; and exits with the byte that comes back.
#define AMT_STAND_IN_MARKER "mitogen-ssh:"
int amt_stand_in(int argc, char **argv);
// Receives bytes, and the three streams if they come with them: those are closed on exec. Does not wait.
ssize_t amt_receive_streams(int number, void *bytes, size_t size, int streams[3]);
// The same pipe, terminal or file anew, which does not block, whatever those who share the descriptor want.
int amt_reopen(int descriptor, int writes);
// Whether other processes of this account may execute what this one does, by /proc.
int amt_is_open_to_account(void);

#endif
