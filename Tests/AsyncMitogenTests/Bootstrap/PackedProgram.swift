import Foundation
import Testing

@testable import AsyncMitogen

/// Programs in C, packed by Docs/pack.
enum PackedProgram {
  /// What is missing for tests with packed programs; nil if nothing is.
  static let reason: String? = ["clang", "ld.lld", "xz"].first { !ShellCommand.finds($0) }.map { "needs \($0)" }

  /// Whether to build programs of Swift and pack them, which takes a minute.
  static let isSwiftWanted =
    unsafe getenv("AMT_PACKED_PROGRAMS").map { unsafe String(cString: $0) } == "1" && reason == nil
    && ShellCommand.finds("swiftc")

  /// Says how it was started, what its input is, and ends with status 3.
  private static let source = """
    #include <fcntl.h>
    #include <pthread.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    static void *other(void *unused) {
      usleep(100000);
      puts("the other thread");
      exit(3);
      return unused;
    }
    int main(int count, char **words) {
      char buffer[65536];
      size_t size;
      if (count == 3 && !strcmp(words[1], "copy")) {
        FILE *from = fopen("/proc/self/exe", "rb"), *to = fopen(words[2], "wb");
        while ((size = fread(buffer, 1, sizeof buffer, from)) > 0) fwrite(buffer, 1, size, to);
        return fclose(to) ? 1 : 3;
      }
      for (int index = 0; index < count; index++) printf("[%s]", words[index]);
      puts("");
      if (getenv("NAME")) printf("NAME=%s\\n", getenv("NAME"));
      if (count == 2 && !strcmp(words[1], "exit")) {
        pthread_t thread;
        pthread_create(&thread, NULL, other, NULL);
        pthread_exit(NULL);
      }
      if (count == 2) puts(fcntl(3, F_GETFD) < 0 ? "third is closed" : "third is open");
      // The first stage's input goes on.
      size = fread(buffer, 1, count == 2 ? 7 : sizeof buffer, stdin);
      if (size) printf("%.*s\\n", (int)size, buffer);
      return 3;
    }
    """

  /// That program, packed by each method.
  static let examples: [String: [UInt8]] = {
    guard let place = try? Scratch() else { return [:] }
    let root = ShellCommand.quoted(place.root)
    let pack = ShellCommand.quoted(Place.package + "/Docs/pack")
    try? place.write(Array(source.utf8), "example.c")
    let command = try? ShellCommand(
      "cd \(root) && clang -static -O1 -Wl,--build-id -o example example.c && \(pack) example lzma unpacked-lzma"
        + " && PACK_METHOD=fast \(pack) example fast unpacked-fast")
    if command?.status != 0 { print(command?.output ?? "") }
    let names = methods + methods.map { "unpacked-" + $0 }
    return Dictionary(uniqueKeysWithValues: names.compactMap { name in (try? place.read(name)).map { (name, $0) } })
  }()

  static let methods = ["lzma", "fast"]

  /// A program that forbids itself a system call, by name, and becomes another.
  static func denier(in place: Scratch) throws -> String {
    let source = """
      #include <linux/filter.h>
      #include <linux/seccomp.h>
      #include <stddef.h>
      #include <string.h>
      #include <sys/prctl.h>
      #include <sys/syscall.h>
      #include <unistd.h>
      int main(int count, char **words) {
        unsigned number = !strcmp(words[1], "execveat") ? SYS_execveat : SYS_memfd_create;
        struct sock_filter rules[] = {
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        struct sock_fprog program = {4, rules};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 9;
        execv(words[2], words + 2);
        return count;
      }
      """
    try place.write(Array(source.utf8), "deny.c")
    let command = try ShellCommand("cd \(ShellCommand.quoted(place.root)) && clang -o deny deny.c")
    try #require(command.status == 0, "\(command.output)")
    return place.path("deny")
  }
}
