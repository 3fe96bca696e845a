import CAsyncMitogen
import Foundation
import Testing

@testable import AsyncMitogen

/// An image for tests: a program that says how it was started and what its input begins with.
struct TestImage: Sendable {
  let bytes: [UInt8]
  let digest: String

  /// The shells that run the first stage.
  static let shells: [[String]] = [
    ["sh"], ["dash"], ["bash"], ["mksh"], ["busybox", "sh"], ["zsh", "--emulate", "sh"],
  ].filter { ShellCommand.finds($0[0]) }

  private static let source = """
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/stat.h>
    #include <unistd.h>
    int main(int count, char **arguments) {
      char rest[8] = {0}, place[4096];
      for (int n = 0, got; n < 7 && (got = read(0, rest + n, 7 - n)) > 0; n += got) {}
      mode_t mask = umask(0);
      const char *marker = getenv("ASYNC_MITOGEN_CHILD");
      printf("READY %s marker=%s rest=%s umask=%03o cwd=%s\\nMITO002\\n", count > 1 ? arguments[1] : "-",
        marker ? marker : "-", rest, mask, getcwd(place, sizeof place) ? place : "-");
      return 0;
    }
    """
  private static let script = """
    #!/bin/sh
    rest=$(dd bs=1 count=7 2>/dev/null)
    echo "READY $1 marker=$ASYNC_MITOGEN_CHILD rest=$rest umask=$(umask) cwd=$(pwd -P)"; echo MITO002; exit 0

    """

  /// A static program if there is a C compiler, otherwise a script.
  static let program: (bytes: [UInt8], isBinary: Bool) = {
    guard let compiler = ["clang", "cc", "gcc"].first(where: ShellCommand.finds), let place = try? Scratch(),
      (try? place.write(Array(source.utf8), "program.c")) != nil,
      let built = try? ShellCommand("cd \(place.root) && \(compiler) -static -O1 -o program program.c"),
      built.status == 0, let bytes = try? place.read("program")
    else { return (Array(script.utf8), false) }
    return (bytes, true)
  }()

  /// - Parameter size: How much is added to the program: half of it noise, half of it zeros.
  init(adding size: Int = 0, seed: UInt64 = 5) {
    var random = Seeded(seed)
    var noise: [UInt8] = []
    while noise.count < size / 2 {
      let word = random.next()
      for shift in 0..<8 where noise.count < size / 2 {
        noise.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift)))
      }
    }
    bytes = TestImage.program.bytes + noise + [UInt8](repeating: 0, count: size / 2)
    digest = SHA256.hexadecimal(of: bytes)
  }

  func payload(compressed: Bool) -> ImagePayload {
    ImagePayload(
      digest: digest, size: bytes.count, bytes: compressed ? GzipCompressor.compress(bytes) : bytes,
      isCompressed: compressed)
  }
}

/// The first stage in a real shell, and a parent that drives it.
final class FirstStageRun {
  enum Link { case pipe, socket }

  let stage: FirstStage
  let processID: pid_t
  /// How it ended, as `waitpid` tells.
  private(set) var status: Int32?
  private(set) var dialogue: FirstStageDialogue
  private(set) var actions: [FirstStageDialogue.Action] = []
  private(set) var printed: [UInt8] = []
  private var input: FileDescriptor?
  private let output: FileDescriptor
  private let errorPath: String
  private let place: Scratch

  /// Starts a command line whose last words are the first stage's.
  init(
    _ words: [String], _ stage: FirstStage, link: Link = .socket, environment: [String: String] = [:],
    directory: String? = nil, place: Scratch
  ) throws {
    self.stage = stage
    self.place = place
    dialogue = FirstStageDialogue(token: stage.token)
    errorPath = place.path("errors.\(stage.token)")
    let (childInput, childOutput): (FileDescriptor, FileDescriptor)
    switch link {
    case .pipe:
      let (down, up) = (try FileDescriptor.pipe(nonblocking: false), try FileDescriptor.pipe(nonblocking: false))
      (childInput, childOutput, input, output) = (down.read, up.write, down.write, up.read)
    case .socket:
      let (ours, theirs) = try FileDescriptor.socketPair(nonblocking: false)
      // Small, so that the image comes in many pieces.
      _ = amt_set_send_buffer(ours.number, 4_096)
      (childInput, childOutput, input, output) = (theirs, theirs, ours, try ours.duplicate())
    }
    var variables = ProcessInfo.processInfo.environment
    variables["XDG_CACHE_HOME"] = nil
    variables["XDG_RUNTIME_DIR"] = try place.directory("run")
    variables["HOME"] = try place.directory("home")
    for (name, value) in environment { variables[name] = value.isEmpty ? nil : value }
    let moved = directory.map { ["sh", "-c", #"cd "$0" && exec "$@""#, $0] } ?? []
    let errors = unsafe FileDescriptor(open(errorPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
    // Not Foundation's Process, whose children inherit blocked signals.
    let arguments = unsafe (["env"] + moved + words).map { unsafe strdup($0) } + [nil]
    let settings = unsafe variables.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    var (pid, pidfd): (pid_t, Int32) = (0, -1)
    let code = unsafe "/usr/bin/env".withCString { path in
      unsafe arguments.withUnsafeBufferPointer { arguments in
        unsafe settings.withUnsafeBufferPointer { settings in
          var request = unsafe amt_spawn_request(
            path: path, arguments: arguments.baseAddress, environment: settings.baseAddress, input: childInput.number,
            output: childOutput.number, error: errors.number, terminal: nil, life: -1)
          return unsafe amt_spawn(&request, &pid, &pidfd)
        }
      }
    }
    let strings = unsafe arguments + settings
    for index in unsafe strings.indices { unsafe free(strings[index]) }
    withExtendedLifetime((childInput, childOutput)) {}
    try #require(code == 0)
    processID = pid
    close(pidfd)
  }

  deinit {
    guard status == nil else { return }
    kill(processID, SIGKILL)
    wait()
  }

  /// Runs it in a shell to the end.
  static func finished(
    _ shell: [String], _ stage: FirstStage, _ payload: ImagePayload?, link: Link = .socket,
    environment: [String: String] = [:], directory: String? = nil, place: Scratch
  ) throws -> FirstStageRun {
    let words = shell + stage.arguments.dropFirst()
    let run = try FirstStageRun(
      words, stage, link: link, environment: environment, directory: directory, place: place)
    try run.finish(payload)
    return run
  }

  /// Answers the dialogue, with "REST123" for the greeting, until the stream and the process end.
  func finish(_ payload: ImagePayload?, cutAt limit: Int = .max) throws {
    let greeting = Array("REST123 and more".utf8)
    while let fresh = step() {
      for action in fresh {
        switch action {
        case .sendImage:
          guard let payload else {
            closeInput()
            continue
          }
          // Together with what follows: the first stage must leave that in the pipe.
          let all = payload.announcement + payload.bytes + greeting
          send(Array(all.prefix(limit)))
          if limit < all.count { closeInput() }
        case .sendGreeting: send(greeting)
        default: break
        }
      }
    }
    wait()
  }

  /// Reads once; returns what is to be done, or nil at the end.
  func step() -> [FirstStageDialogue.Action]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe read(output.number, &buffer, buffer.count)
    guard count > 0 else { return nil }
    printed += buffer[..<count]
    let answer = dialogue.receive(Array(buffer[..<count]))
    actions += answer.actions
    return answer.actions
  }

  func wait() {
    guard status == nil else { return }
    var result: Int32 = 0
    while unsafe waitpid(processID, &result, 0) < 0, errno == EINTR {}
    status = result
  }

  func send(_ bytes: [UInt8]) {
    guard let input else { return }
    // A shell that has given up takes no more; its last words say why.
    _ = signal(SIGPIPE, SIG_IGN)
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes[start...].withUnsafeBytes {
        unsafe write(input.number, $0.baseAddress, min($0.count, 20_000))
      }
      guard count > 0 else { return }
      start += count
    }
  }

  func closeInput() {
    // The socket's other duplicate still reads.
    if let input { shutdown(input.number, Int32(SHUT_WR)) }
    input = nil
  }

  /// What the program said of itself, by word; empty if it did not start.
  var report: [String: String] {
    let text = String(decoding: printed, as: UTF8.self)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("READY ") }) else { return [:] }
    var report = ["name": String(line.split(separator: " ")[1])]
    for word in line.split(separator: " ").dropFirst(2) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { report[String(parts[0])] = String(parts[1]) }
    }
    return report
  }

  var failure: FirstStageFailure? {
    for action in actions {
      if case .failed(let failure) = action { return failure }
    }
    return nil
  }

  var facts: TargetFacts? { dialogue.facts }
  var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

  /// Whatever of this connection is still in one of the usual directories.
  var leftovers: [String] {
    ["/dev/shm", "/tmp", "/var/tmp", place.path("run"), place.path("home")].flatMap { directory in
      ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
        .filter { $0.contains(stage.token) }.map { directory + "/" + $0 }
    }
  }
}
