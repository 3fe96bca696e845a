// The system without a C library.
#ifndef AMT_SYSTEM_H
#define AMT_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

#define AMT_MACHINE 62
enum { CALL_READ = 0, CALL_WRITE = 1, CALL_CLOSE = 3, CALL_LSEEK = 8, CALL_MMAP = 9, CALL_MUNMAP = 11 };
enum { CALL_PWRITE = 18, CALL_FCNTL = 72, CALL_EXIT = 231, CALL_OPENAT = 257, CALL_FALLOCATE = 285 };
enum { CALL_MEMFD_CREATE = 319, CALL_EXECVEAT = 322 };

static inline long call(long number, long a, long b, long c, long d, long e, long f) {
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  register long sixth __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}

// The system starts a program with its words on the stack, and no address to return to.
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call amt_start\n hlt\n");

#elif defined(__aarch64__)

#define AMT_MACHINE 183
enum { CALL_FCNTL = 25, CALL_FALLOCATE = 47, CALL_OPENAT = 56, CALL_CLOSE = 57, CALL_LSEEK = 62, CALL_READ = 63 };
enum { CALL_WRITE = 64, CALL_PWRITE = 68, CALL_EXIT = 94, CALL_MUNMAP = 215, CALL_MMAP = 222 };
enum { CALL_MEMFD_CREATE = 279, CALL_EXECVEAT = 281 };

static inline long call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n bl amt_start\n brk #1\n");

#else
#error "no packed programs for this machine"
#endif

// Numbers that are the same on both.
enum {
  BAD_ARGUMENT = 22,  // EINVAL
  BAD_ADDRESS = 14,  // EFAULT
  READABLE_AND_WRITABLE = 3,  // PROT_READ | PROT_WRITE
  SHARED = 1,  // MAP_SHARED
  AT_CURRENT_DIRECTORY = -100,  // AT_FDCWD
  CLOSED_ON_EXEC = 0x80000,  // O_RDONLY | O_CLOEXEC
  FROM_END = 2,  // SEEK_END
  CLOSED_ON_EXEC_AND_SEALABLE = 3,  // MFD_CLOEXEC | MFD_ALLOW_SEALING
  EXECUTABLE = 0x10,  // MFD_EXEC
  ADD_SEALS = 1033,  // F_ADD_SEALS
  ALL_SEALS = 0xf,  // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
  EMPTY_PATH = 0x1000,  // AT_EMPTY_PATH
  EXECUTED_NAME = 31,  // AT_EXECFN
};

#endif
