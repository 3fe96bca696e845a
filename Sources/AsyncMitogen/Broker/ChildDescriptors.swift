internal import CAsyncMitogen

/// The two sides of what a new process has as its standard streams.
struct ChildDescriptors: Sendable {
  /// Where frames come from and go to.
  let stream: FileDescriptor
  /// Where the program's own messages and prompts are, and secrets are typed if it is a terminal; nil if among the
  /// frames.
  let errorOutput: FileDescriptor?
  /// What the process gets; nil for the terminal.
  private(set) var input: FileDescriptor?
  private(set) var output: FileDescriptor?
  private(set) var error: FileDescriptor?
  /// The path of its terminal.
  let terminal: String?

  /// How much a socket holds on its way.
  private static let bufferSize: Int32 = 262_144

  /// Makes descriptors.
  init(_ streams: ChildStreams) throws(SystemError) {
    if streams == .terminal {
      let terminal = try PseudoTerminal()
      stream = terminal.master
      (errorOutput, input, output, error) = (nil, nil, nil, nil)
      self.terminal = terminal.slavePath
      return
    }
    let (ours, theirs) = try FileDescriptor.socketPair(nonblocking: false)
    _ = amt_set_send_buffer(ours.number, ChildDescriptors.bufferSize)
    _ = amt_set_send_buffer(theirs.number, ChildDescriptors.bufferSize)
    (stream, input, output) = (ours, theirs, theirs)
    switch streams {
    case .errorPipe:
      let (read, write) = try FileDescriptor.pipe(nonblocking: false)
      (errorOutput, error, terminal) = (read, write, nil)
    case .merged: (errorOutput, error, terminal) = (nil, theirs, nil)
    case .hybridTerminal, .terminal:
      let made = try PseudoTerminal()
      (errorOutput, error, terminal) = (made.master, nil, made.slavePath)
    }
  }

  /// Closes the process's side here, once it has been started: else this process would keep it open.
  mutating func releaseChildSide() { (input, output, error) = (nil, nil, nil) }
}
