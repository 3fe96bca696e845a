// The floors of the benchmark: what each case costs a C programmer who has the same processes, the same sockets between
// them and the same 64-byte messages, but no library. They are timed here, in C, so that nothing of Swift is in them.
// Functions return -errno on failure unless said otherwise. Durations are in nanoseconds.
#ifndef CASYNCMITOGENFLOOR_H
#define CASYNCMITOGENFLOOR_H

#include <stdint.h>
#include <sys/types.h>

// A process that plays a role, and our end of the socket that is its standard input.
typedef struct {
  pid_t pid;
  int descriptor;
} amf_process;

// The roles, the rest of a raw child's argv[0] after "amt-floor:". Every one ends at the end of its input.
#define AMF_ECHO "echo"              // Sends each message back, with epoll_wait before each read.
#define AMF_BLOCKING_ECHO "blocking" // The same without epoll.
#define AMF_IDLE "idle"              // Writes one byte when it is up, then waits.
#define AMF_SOURCE "source"          // For each 8-byte number that it reads, writes that many bytes.

// Starts this executable again in a role, waiting for nothing.
int amf_start(const char *role, amf_process *process);
// Starts a process that writes the whole of a file for each byte that it reads.
int amf_start_file(const char *path, amf_process *process);
// Has it write the file, and copies what comes into a new file, a chunk at a time, with epoll_wait before each read.
int amf_copy_file(amf_process process, int64_t bytes, int chunk, const char *path, uint64_t *duration);
// Starts a row of processes of which each but the last relays between its neighbours; the last one echoes. The first of
// them is the one we talk to.
int amf_start_relays(amf_process *processes, int count);
// Closes the sockets of all, then reaps all.
int amf_stop(const amf_process *processes, int count, uint64_t *duration);

// Sends 64 bytes and waits for 64, as often as asked, with epoll_wait before each read.
int amf_round_trips(amf_process process, uint64_t *durations, int count);
// Sends and reads one message at a time, with many under way: four system calls for each, and hardly a switch.
int amf_pipelined_round_trips(amf_process process, int count);
// Starts two processes and relays between them while one of them measures its round trips to the other.
int amf_sibling_round_trips(uint64_t *durations, int count);
// Writes to all, then waits with epoll until all have answered.
int amf_fan_out(const amf_process *processes, int count, uint64_t *duration);
// Asks a source for bytes and reads them a chunk at a time, with epoll_wait before each read.
int amf_receive(amf_process process, int64_t bytes, int chunk, uint64_t *duration);

// Starts as many idle processes and waits until each has written its first byte.
int amf_start_idle(amf_process *processes, int count, uint64_t *duration);
// Starts /bin/true and waits until it has ended: a program that is next to nothing.
int amf_run_true(uint64_t *duration);
// Runs as many of one command at once, each with /dev/null for its streams, until all have ended. The words end with
// NULL; a program is looked for in PATH. Fails with -ECHILD if one ended with another status than 0.
int amf_run_commands(char *const arguments[], int count, uint64_t *duration);

// Starts this executable with two arguments and our socket as its standard output.
int amf_start_self(const char *first, const char *second, amf_process *process);
// Reads what has arrived, waiting if nothing has. Returns the number of bytes.
int amf_read(int descriptor, char *bytes, int capacity);
// Kills the first of the processes and waits until all have ended, ours or not. Fails with -ETIME after the limit.
int amf_kill_and_wait(const pid_t *processes, int count, int milliseconds, uint64_t *duration);
// Kills whichever of the processes are still there.
void amf_kill_all(const pid_t *processes, int count);

// The CPU time that all threads of a process have used.
int amf_cpu_time(pid_t pid, uint64_t *nanoseconds);
// The proportional set size of a process, in bytes.
int64_t amf_proportional_set_size(pid_t pid);
// The number of cores that this process may use.
int amf_cores(void);
// Binds all threads of a process, and so what they start, to one of our cores by its index; to all of them if negative.
int amf_place(pid_t process, int core);

#endif
