internal import AsyncMitogen

/// A file to follow in a context, as it is asked for there.
struct FollowedFile: Codable, Sendable {
  var path: String
  /// How many of the lines that are there already are wanted.
  var lines: Int
  /// The context in which it is.
  var context: ContextID

  /// Sends lines away as they are written, until the call is cancelled or nobody wants them any more.
  func follow(sendingTo sender: Sender<TailedLines>) async throws {
    var follower = Follower(file: self, sender: sender)
    try await follower.run()
  }
}

/// Follows a file through everything that may become of it.
private struct Follower {
  /// How often to look whether there is something new.
  private static let pause = Duration.milliseconds(100)
  private static let chunk = 64 * 1024

  let file: FollowedFile
  let sender: Sender<TailedLines>
  private var open: OpenFile?
  private var position = 0
  private var assembler = LineAssembler()
  /// What was last said of the file: it is said once.
  private var lastNotice: String?

  init(file: FollowedFile, sender: Sender<TailedLines>) {
    self.file = file
    self.sender = sender
  }

  mutating func run() async throws {
    try await start(atLastLines: true)
    while true {
      guard let open else {
        try await Task.sleep(for: Follower.pause)
        try await start(atLastLines: false)
        continue
      }
      switch FollowStep(open: try open.status(), named: FileStatus.of(file.path), position: position) {
      case .read: try await read(open)
      case .restart:
        try await finishLine()
        try await say("has become shorter: read from its beginning")
        try open.seek(to: 0)
        position = 0
      case .reopen:
        try await finishLine()
        try await say("is another file now: read from its beginning")
        try await start(atLastLines: false)
      case .mourn:
        try await say("is there no more")
        try await Task.sleep(for: Follower.pause)
      case .wait: try await Task.sleep(for: Follower.pause)
      }
    }
  }

  /// Opens the file that has the name now, if there is one.
  private mutating func start(atLastLines: Bool) async throws {
    open = nil
    position = 0
    let opened: OpenFile
    do {
      opened = try OpenFile(reading: file.path)
    } catch {
      try await say("\(error): waiting for it")
      return
    }
    let status = try opened.status()
    guard status.kind == .regular else { throw TailError(description: "'\(file.path)' is not a file") }
    if atLastLines {
      position = try LastLines.start(of: file.lines, size: status.size) { range throws(FileError) in
        try opened.seek(to: range.lowerBound)
        return try opened.read(upTo: range.count)
      }
      try opened.seek(to: position)
    } else if lastNotice?.hasSuffix("waiting for it") == true {
      try await say("is there: read from its beginning")
    }
    lastNotice = nil
    open = opened
  }

  private mutating func read(_ open: OpenFile) async throws {
    let chunk = try open.read(upTo: Follower.chunk)
    // It has been cut since it was looked at: the next look tells.
    guard !chunk.isEmpty else { return }
    position += chunk.count
    lastNotice = nil
    let lines = assembler.lines(chunk)
    if !lines.isEmpty { try await sender.send(TailedLines(context: file.context, lines: lines)) }
  }

  /// Sends what was written without a newline: it will get none.
  private mutating func finishLine() async throws {
    guard let line = assembler.finish() else { return }
    try await sender.send(TailedLines(context: file.context, lines: [line]))
  }

  private mutating func say(_ notice: String) async throws {
    guard notice != lastNotice else { return }
    lastNotice = notice
    try await sender.send(TailedLines(context: file.context, notice: notice))
  }
}

/// A file cannot be followed, and why.
struct TailError: Error, CustomStringConvertible {
  let description: String
}
