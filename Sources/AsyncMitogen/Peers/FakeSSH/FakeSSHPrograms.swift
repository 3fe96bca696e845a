internal import CAsyncMitogen
internal import Glibc

/// A directory of this account's with an `ssh` in it that is this program, and the socket by which that reaches it.
///
/// Beside it are an `scp` and an `sftp` that use it: those have the path of another one built in.
struct FakeSSHPrograms: Sendable {
  let path: String
  let socket: ListeningSocket

  var ssh: String { "\(path)/ssh" }

  private static let files = ["ssh", "scp", "sftp", "program"]
  private static let isNotExecutable: UInt = 8

  /// Makes it where programs may be executed.
  ///
  /// - Parameters:
  ///   - environment: Says where temporary files belong, and where programs are.
  ///   - copies: Whether to copy this program even if others can execute it where it is.
  /// - Throws: ``FakeSSHError``, ``UnixSocketError``.
  init(environment: [String], copies: Bool = false) throws {
    let path = try FakeSSHPrograms.makeDirectory(environment)
    self.path = path
    do {
      socket = try ListeningSocket.open("\(path)/socket", mode: 0o600, backlog: 64)
      let program = ShellQuoting.quote(try FakeSSHPrograms.program(in: path, copies: copies))
      let marker = ShellQuoting.quote("\(AMT_STAND_IN_MARKER)\(path)/socket")
      try FakeSSHPrograms.write(
        "#!/bin/sh\n\(AMT_CHILD_VARIABLE)=1 exec \(program) \(marker) \"$@\"\n", to: "\(path)/ssh")
      for name in ["scp", "sftp"] {
        guard let real = FakeSSHPrograms.find(name, in: environment) else { continue }
        let words = ShellQuoting.join([real, "-S", "\(path)/ssh"])
        try FakeSSHPrograms.write("#!/bin/sh\nexec \(words) \"$@\"\n", to: "\(path)/\(name)")
      }
    } catch {
      FakeSSHPrograms.remove(path)
      throw error
    }
  }

  /// Takes everything away again.
  func remove() {
    socket.removePath()
    FakeSSHPrograms.remove(path)
  }

  /// What makes programs use it, in place of what stands there.
  func environment(_ given: [String]) -> [String] {
    let command = ShellQuoting.quote(ssh)
    let searched = FakeSSHPrograms.value(of: "PATH", in: given) ?? FakeSSHPrograms.standardPath
    return FakeSSHPrograms.setting(
      [
        ("PATH", "\(path):\(searched)"), ("RSYNC_RSH", command), ("GIT_SSH", ssh), ("GIT_SSH_COMMAND", command),
        ("GIT_SSH_VARIANT", "ssh"),
      ], in: given)
  }

  /// The command line that is run: `scp` and `sftp` by path would use another `ssh`.
  func words(_ arguments: [String]) -> [String] {
    guard let program = arguments.first, program.utf8.contains(UInt8(ascii: "/")) else { return arguments }
    let name = program.split(separator: "/").last
    guard name == "scp" || name == "sftp" else { return arguments }
    return [program, "-S", ssh] + arguments.dropFirst()
  }

  // MARK: environments

  private static let standardPath = "/usr/local/bin:/usr/bin:/bin"

  /// Gives variables other values.
  static func setting(_ values: [(name: String, value: String)], in environment: [String]) -> [String] {
    let names = Set(values.map(\.name))
    return environment.filter { entry in !names.contains(String(entry.prefix { $0 != "=" })) }
      + values.map { "\($0.name)=\($0.value)" }
  }

  static func value(of name: String, in environment: [String]) -> String? {
    environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
  }

  /// Where a program is.
  static func find(_ name: String, in environment: [String]) -> String? {
    if name.utf8.contains(UInt8(ascii: "/")) { return isProgram(name) ? name : nil }
    return (value(of: "PATH", in: environment) ?? standardPath).split(separator: ":").lazy
      .map { "\($0)/\(name)" }.first(where: isProgram)
  }

  private static func isProgram(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }

  // MARK: files

  private static func makeDirectory(_ environment: [String]) throws -> String {
    let wanted = [
      value(of: "TMPDIR", in: environment), "/tmp", "/var/tmp", "/dev/shm", value(of: "HOME", in: environment),
    ]
    var reasons: [String] = []
    for directory in wanted.compactMap({ $0 }) where directory.hasPrefix("/") {
      var system = statvfs()
      guard unsafe statvfs(directory, &system) == 0 else { continue }
      guard system.f_flag & isNotExecutable == 0 else {
        reasons.append("\(directory): nothing may be executed there")
        continue
      }
      var template = Array("\(directory)/mitogen_ssh_XXXXXX".utf8CString)
      // With mode 0700: nobody else gets to what is in it.
      if unsafe mkdtemp(&template) != nil {
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
      }
      reasons.append("\(directory): \(unsafe String(cString: strerror(errno)))")
    }
    throw FakeSSHError("no directory for an ssh: \(reasons.joined(separator: ", "))")
  }

  /// Where others find this program. As long as it runs it is in /proc, also if its file is gone or never was.
  private static func program(in directory: String, copies: Bool) throws -> String {
    let running = "/proc/\(getpid())/exe"
    var (own, named) = (stat(), stat())
    if !copies, amt_is_open_to_account() != 0, unsafe stat("/proc/self/exe", &own) == 0,
      unsafe stat(running, &named) == 0, own.st_ino == named.st_ino, own.st_dev == named.st_dev
    {
      return running
    }
    let number = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw FakeSSHError("/proc/self/exe", code: errno) }
    let source = FileDescriptor(number)
    try write(to: "\(directory)/program") { target in
      while true {
        var failure: Int32 = 0
        let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
          let result = unsafe read(source.number, buffer.baseAddress, 1 << 20)
          if result < 0 { failure = errno }
          count = max(0, result)
        }
        guard failure == 0 else { throw FakeSSHError("/proc/self/exe", code: failure) }
        if chunk.isEmpty { return }
        try append(chunk, to: target)
      }
    }
    return "\(directory)/program"
  }

  private static func write(_ text: String, to path: String) throws {
    try write(to: path) { try append(Array(text.utf8), to: $0) }
  }

  /// Writes an executable file, and waits until nobody has it open to write: the system would refuse to run it.
  ///
  /// A program that another thread starts at this moment has what is open here, until it is executed. The lock is that
  /// of all who have it.
  private static func write(to path: String, _ fill: (FileDescriptor) throws -> Void) throws {
    let number = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o700)
    guard number >= 0 else { throw FakeSSHError(path, code: errno) }
    do {
      let file = FileDescriptor(number)
      _ = flock(number, LOCK_EX)
      try fill(file)
      withExtendedLifetime(file) {}
    }
    let reader = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard reader >= 0 else { throw FakeSSHError(path, code: errno) }
    while flock(reader, LOCK_SH) != 0 && errno == EINTR {}
    close(reader)
  }

  private static func append(_ bytes: [UInt8], to file: FileDescriptor) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file.number, $0.baseAddress, $0.count) }
      guard count >= 0 || errno == EINTR else { throw FakeSSHError("write", code: errno) }
      rest = rest.dropFirst(max(0, count))
    }
  }

  private static func remove(_ path: String) {
    for name in files { _ = unsafe unlink("\(path)/\(name)") }
    _ = unsafe unlink("\(path)/socket")
    _ = unsafe rmdir(path)
  }
}
