/// Reads what a Python interpreter prints before its first frame: three marks, each in a line of its own. Pure.
struct PythonDialogue: Sendable {
  /// The line in which the first stage says that it reads the preamble.
  static let reads = "MITO000"
  /// The line in which it says that it has read it.
  static let hasRead = "MITO001"
  /// The line behind which frames begin.
  static let ready = BootstrapDialogue.ready

  private var splitter = LineSplitter(limit: 4_096)
  private var history = LineHistory(lineLimit: 100, byteLimit: 65_536)
  private var wasSent = false

  /// The last lines that mean nothing here.
  var lines: [String] { history.lines }

  /// Takes bytes; returns what to do, and those behind the end of the dialogue.
  mutating func receive(_ bytes: [UInt8]) -> (actions: [StartDialogue.Action], rest: [UInt8]) {
    var actions: [StartDialogue.Action] = []
    var (wasSent, history) = (wasSent, history)
    let rest = splitter.push(bytes) { line in
      // Something that prints without an end of line may stand before a mark.
      if line.holds(PythonDialogue.ready) {
        actions.append(.ready(BootstrapReport()))
        return false
      }
      if line.holds(PythonDialogue.reads) {
        // Once: a second preamble would be read as frames.
        if !wasSent { actions.append(.sendGreeting) }
        wasSent = true
      } else if !line.holds(PythonDialogue.hasRead) {
        history.append(line)
      }
      return true
    }
    (self.wasSent, self.history) = (wasSent, history)
    return (actions, rest ?? [])
  }
}
